"""A worker's part of a scan: it reads files and judges them with an engine of its own, and writes no journal."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from fakescan.core.options import ScanOptions
from fakescan.core.records import Calibration, ImageResult, ModelIdentity, ScoreKind
from fakescan.intake.found_files import AnyFound
from fakescan.pipeline.line import Line
from fakescan.pipeline.sources import open_reading
from fakescan.pipeline.stream import batches
from fakescan.protocols import Engine
from fakescan.store.cache import AnswerCache
from fakescan.store.journal import Journal
from fakescan.store.places import answers_file


@dataclass(frozen=True, slots=True)
class Ready:
    """What a worker says when its model is loaded."""

    identity: ModelIdentity
    """Which model, and how it is run."""
    calibration: Mapping[ScoreKind, Calibration]
    """By score."""
    key: str
    """The run's key, as this worker found it out."""
    row_key: str
    """The rows' key: equal on all workers, or their rows do not belong together."""
    batch_size: int
    """How many pictures it wants at once."""
    place: str
    """Name of its machine."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that are finished."""

    results: tuple[ImageResult, ...]
    """What was found out."""
    cached: frozenset[str]
    """Digests of those whose answer came from the cache of earlier runs."""


class PartScan:
    """What runs inside a worker, whatever started that. A context manager."""

    def __init__(self, options: ScanOptions, load_engine: Callable[[], Engine]) -> None:
        """Make it; nothing runs before it is entered.

        Args:
            options: what was asked for, with this worker's device.
            load_engine: loads the model.
        """
        self._options = options
        self._load_engine = load_engine
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Load the model.

        Raises:
            FakescanError: when it, or anything that reading files needs, cannot be had.
        """
        with ExitStack() as opening:
            self._reading = opening.enter_context(open_reading(self._options))
            # Copies of a file within this part are asked about once. It goes away with the worker.
            self._journal = opening.enter_context(Journal(None))
            cache = opening.enter_context(AnswerCache(answers_file())) if self._options.cache else None
            self._line = Line(
                self._options,
                self._load_engine,
                self._journal,
                on_engine=self._note,
                cache=cache,
                reading=self._reading.depends_on,
            )
            self._line.prepare()
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End the decoding processes."""
        self._open.close()

    @property
    def ready(self) -> Ready:
        """What there is to say of the loaded model."""
        return self._ready

    def scan(self, files: Sequence[AnyFound]) -> Iterator[Part]:
        """Examine files.

        Args:
            files: a block of them.

        Yields:
            Their rows as they are finished, each file's once.
        """
        for results in batches(self._line, self._reading, files):
            digests = {result.record.file.sha256 for result in results}
            cached = frozenset(digest for digest in digests if self._journal.is_cached(digest, self._ready.key))
            yield Part(tuple(results), cached)

    def _note(self, engine: Engine, key: str, row_key: str) -> None:
        batch_size = max(1, engine.batch_size)
        self._ready = Ready(engine.identity, dict(engine.calibration), key, row_key, batch_size, platform.node())
