"""Tells which images of a folder are AI-generated, how sure that is, and why.

::

    import fakescan

    for result in fakescan.scan("photos", reasoning="none"):
        if isinstance(result.outcome, fakescan.Failure):
            print(result.record.file.path, "could not be examined:", result.outcome.message)
        else:
            print(result.record.file.path, result.outcome.verdict.headline, result.outcome.verdict.p_fake)

Nothing here writes to a terminal, and torch is imported only when the first picture is there. label 1 = fake:
``p_fake`` near 1 = AI-generated.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from fakescan.version import __version__

if TYPE_CHECKING:
    from fakescan.core.options import ScanOptions
    from fakescan.core.records import (
        Assessed,
        Calibration,
        Evidence,
        Failure,
        ImageRecord,
        ImageResult,
        Label,
        ModelIdentity,
        Prediction,
        Reason,
        Scan,
        Scores,
        SourceFile,
        Stage,
        StageReasoning,
        Verdict,
    )
    from fakescan.errors import ConfigError, FakescanError, InputError, ModelError, ReportError
    from fakescan.observer import Observer
    from fakescan.protocols import Engine

__all__ = [
    "Assessed",
    "Calibration",
    "ConfigError",
    "Engine",
    "Evidence",
    "Failure",
    "FakescanError",
    "ImageRecord",
    "ImageResult",
    "InputError",
    "Label",
    "ModelError",
    "ModelIdentity",
    "Observer",
    "Prediction",
    "Reason",
    "ReportError",
    "Scan",
    "ScanOptions",
    "Scores",
    "Settings",
    "SourceFile",
    "Stage",
    "StageReasoning",
    "Verdict",
    "__version__",
    "load_engine",
    "run_scan",
    "scan",
]

_HOMES = {
    "fakescan.core.options": ("ScanOptions",),
    "fakescan.errors": ("ConfigError", "FakescanError", "InputError", "ModelError", "ReportError"),
    "fakescan.observer": ("Observer",),
    "fakescan.protocols": ("Engine",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


class Settings(TypedDict, total=False):
    """Keyword arguments of ``scan``, ``run_scan`` and ``load_engine``; the same as the flags of ``fakescan scan``.

    Settings files and the environment are not looked at: what is not given is the default.
    """

    model: str | os.PathLike[str] | None
    """Name or folder of a model; the embedded one when None."""
    reasoning: str
    """``all``, ``flagged`` (text only for what is not clean) or ``none`` (one forward pass, no text)."""
    score: str
    """``auto``, ``before`` or ``after``: which probability decides."""
    decode: str
    """``greedy`` or ``free``."""
    policy: str
    """``balanced``, ``marks``, ``model`` or ``strict``."""
    trust_list: str | os.PathLike[str] | None
    """File or folder of certificates whose signatures are believed, ``none``, or None: the downloaded list."""
    threshold: float | None
    """Call fake from this probability on."""
    stability: int
    """In how many other encodings each picture is scored again, at most 7."""
    audit: bool
    """Whether the sentences of the model's text are checked."""
    calibration: str | os.PathLike[str] | None
    """File of ``fakescan calibrate`` whose threshold goes before the model's own."""
    device: str
    """``auto``, ``cpu``, ``cuda``, ``cuda:N``, ``mps``, or several, a process for each (``cuda:all``, or a list)."""
    ray_workers: int | None
    """With ``ray``: how many workers; one a GPU, or one a machine where there are none, when None."""
    dtype: str
    """``auto``, ``float32``, ``bfloat16``, ``float16``, ``int8``, ``int4`` or ``fp8``."""
    engine_name: str
    """Name in the engines' table, ``openai``, or ``ray`` (workers on a Ray cluster)."""
    base_url: str | None
    """Where the API of the server starts that the engine ``openai`` asks."""
    batch_size: int | None
    """Images at once; what fits when None."""
    include: Sequence[str]
    """Only files that match one of these patterns."""
    exclude: Sequence[str]
    """No files that match one of these patterns."""
    follow_links: bool
    """Whether links may lead out of the folders that are scanned."""
    limit: int | None
    """Examine at most this many files."""
    seed: int
    """Seed of drawn text."""
    workers: int | None
    """Files decoded at once."""
    max_file_bytes: int
    """Larger files become an error without being read."""
    draft: bool
    """Whether large JPEGs are decoded at a reduced size where the model needs no more."""
    max_pixels: int
    """Pictures with more pixels become an error without being decoded."""
    file_timeout_s: float
    """A file whose examination takes longer becomes an error."""
    run_dir: str | os.PathLike[str] | None
    """``run_scan`` only: folder of the journal and the JSON report."""
    resume: bool
    """``run_scan`` only: go on with an interrupted run."""
    cache: bool
    """``run_scan`` only: whether answers are taken from earlier runs, and kept for later ones."""
    shard: str | None
    """``i/n``: only the i-th of n parts of the files."""


Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def scan(
    paths: Paths, *, engine: Engine | None = None, observer: Observer | None = None, **settings: Unpack[Settings]
) -> Iterator[ImageResult]:
    """Assess images one after the other; nothing is written to a terminal or kept on disk.

    Args:
        paths: a file, a folder (with everything below), or several.
        engine: a model that is already loaded (``load_engine``), to use it for several scans; it runs in this process
            whatever the settings say of devices.
        observer: told what happens.
        **settings: see ``Settings``.

    Returns:
        Results as they are finished, nearly in the order of paths; from several devices in any order. A file that
        cannot be assessed is a result too, with a ``Failure`` as its outcome. Near-duplicates are only compared by
        ``run_scan``, which sees all results.

    Raises:
        ConfigError: at once, with every wrong setting.
        InputError: at the first result, when there is nothing to scan.
        ModelError: at the first result, when the model cannot be loaded.
    """
    from fakescan.crews import crew_of
    from fakescan.observer import SILENT
    from fakescan.pipeline import results

    options = _options(paths, settings)
    crew = crew_of(options) if engine is None else None
    return results(options, lambda: engine or engine_of(options), observer or SILENT, crew=crew)


def run_scan(
    paths: Paths, *, engine: Engine | None = None, observer: Observer | None = None, **settings: Unpack[Settings]
) -> Scan:
    """Assess images and keep the run: everything in one ``Scan``, ordered by path, with a journal on disk.

    Ctrl-C ends it early: what was done is returned, with ``interrupted`` set.

    Args:
        paths: a file, a folder (with everything below), or several.
        engine: a model that is already loaded (``load_engine``).
        observer: told what happens.
        **settings: see ``Settings``.

    Raises:
        FakescanError: wrong settings, nothing to scan, no model, or a run directory that cannot be written.
    """
    from fakescan.crews import crew_of
    from fakescan.observer import SILENT
    from fakescan.pipeline import run_scan as run

    options = _options(paths, settings)
    crew = crew_of(options) if engine is None else None
    return run(options, lambda: engine or engine_of(options), observer or SILENT, crew=crew).scan


def load_engine(**settings: Unpack[Settings]) -> Engine:
    """Load a model once, for several scans; of the settings those matter that concern the model.

    Args:
        **settings: see ``Settings``.

    Raises:
        ConfigError: for wrong settings, or a device that is not there.
        ModelError: when the model is missing, damaged or unsuitable.
    """
    return engine_of(_options((), settings))


def engine_of(options: ScanOptions) -> Engine:
    """Load the model that resolved options name.

    Args:
        options: what to scan, and how.
    """
    from fakescan import engines
    from fakescan.engines.quiet import quietly

    with quietly():
        return engines.load(
            options.engine,
            model=options.model,
            device=options.device,
            dtype=options.dtype.value,
            batch_size=options.batch_size,
            score=options.deciding_score,
            decode=options.decode.value,
            seed=options.seed,
            calibration=options.calibration,
            base_url=options.base_url,
            draft=options.draft,
        )


def _options(paths: Paths, settings: Settings) -> ScanOptions:
    from fakescan.core.options import Setting, options_from

    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    values: dict[str, object] = {"paths": [os.fsdecode(path) for path in several], **settings}
    values["engine"] = values.pop("engine_name", "auto")
    for name, value in values.items():
        if isinstance(value, os.PathLike):
            values[name] = os.fsdecode(value)
    return options_from({name: Setting(value, "an argument") for name, value in values.items()})


def __getattr__(name: str) -> Any:
    """Find an exported name where it lives, when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'fakescan' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF.get(name, "fakescan.core.records")), name)


def __dir__() -> list[str]:
    """The exported names."""
    return list(__all__)
