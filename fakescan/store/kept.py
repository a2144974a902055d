"""The results of a large scan, on disk instead of in memory: a sequence that reads each one when it is asked for."""

from __future__ import annotations

import json
import tempfile
import threading
import weakref
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from fakescan.core.duplicates import Outline, remarked, remarks_on
from fakescan.core.records import ImageResult, Label, Reason
from fakescan.core.result_schema import result_from_dict
from fakescan.store.atomic import reporting_faults

_IN_MEMORY_BYTES = 1_000_000
"""Some hundred results are not worth a file."""
_LABELS = tuple(Label)
_FAILED = len(_LABELS)


@dataclass(frozen=True, slots=True)
class Row:
    """A result and its JSON."""

    result: ImageResult
    """As read back from ``body``."""
    body: str
    """One line of ASCII."""


class KeptResults(Sequence[ImageResult]):
    """Results in a temporary file of their own, so that they outlive the run's journal and whoever goes on with it.

    The file has no name, or loses it when this is closed or forgotten. In memory stays what comparing and counting
    need: about 60 bytes a file. Safe to read from several threads. Copies and pickles are plain tuples.
    """

    def __init__(self, rows: Iterable[Row], folder: Path) -> None:
        """Keep results, with a reason more where a near-duplicate got another verdict (``core/duplicates.py``).

        Args:
            rows: every result of the scan, in the order of paths; taken one by one.
            folder: where the temporary file may lie.

        Raises:
            ReportError: when it cannot be written.
        """
        self._folder = folder
        self._lock = threading.Lock()
        self._ends = array("Q", [0])
        self._labels = bytearray()
        self._digests = bytearray()
        with reporting_faults(folder):
            # It lives as long as this object: no `with`.
            self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, dir=str(folder))  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        for row in rows:
            self._add(row)
        self._remarks: Mapping[int, Reason] = remarks_on(self.outlines())

    def __len__(self) -> int:
        """How many there are."""
        return len(self._labels)

    @overload
    def __getitem__(self, at: int) -> ImageResult: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[ImageResult, ...]: ...
    def __getitem__(self, at: int | slice) -> ImageResult | tuple[ImageResult, ...]:
        """One of them, or some as a tuple."""
        if isinstance(at, slice):
            return tuple(self[place] for place in range(*at.indices(len(self))))
        place = range(len(self))[at]
        with self._lock, reporting_faults(self._folder):
            self._file.seek(self._ends[place])
            body = self._file.read(self._ends[place + 1] - self._ends[place])
        result = result_from_dict(json.loads(body))
        return remarked(result, self._remarks[place]) if place in self._remarks else result

    def __iter__(self) -> Iterator[ImageResult]:
        """All, one by one; nothing is held."""
        return (self[at] for at in range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Equal to any sequence of the same results."""
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as a list: its elements hold mappings

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is a tuple."""
        return tuple, (tuple(self),)

    def __repr__(self) -> str:
        """How many there are; they may be a million."""
        return f"<{len(self)} results>"

    def labels(self) -> Iterator[Label | None]:
        """The label of each, None where it failed."""
        return (None if code == _FAILED else _LABELS[code] for code in self._labels)

    def outlines(self) -> Iterator[Outline]:
        """What comparing needs of each."""
        for at, label in enumerate(self.labels()):
            digests = self._digests[at * 49 : (at + 1) * 49]
            sha256 = digests[:32].hex() if digests[48] & 1 else ""
            yield Outline(label, sha256, digests[32:48].hex() if digests[48] & 2 else None)

    def _add(self, row: Row) -> None:
        outline = Outline.of(row.result)
        sha256, phash = _raw(outline.sha256, 32), _raw(outline.phash or "", 16)
        self._labels.append(_FAILED if outline.label is None else _LABELS.index(outline.label))
        known = bool(sha256) | bool(phash) << 1
        self._digests += sha256.ljust(32, b"\0") + phash.ljust(16, b"\0") + bytes([known])
        body = row.body.encode("ascii")
        with reporting_faults(self._folder):
            self._file.write(body)
        self._ends.append(self._ends[-1] + len(body))


def _raw(digits: str, size: int) -> bytes:
    """The bytes of a digest, or none where it is no digest."""
    try:
        found = bytes.fromhex(digits)
    except ValueError:
        return b""
    return found if len(found) == size else b""
