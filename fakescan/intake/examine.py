"""Everything that is found out about one file before the model sees it, as a row of steps.

The steps are told one by one, so that what is known survives when a later one never ends.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from time import perf_counter

from fakescan.core.records import Evidence, EvidenceStatus, Failure, ImageRecord, SourceFile
from fakescan.core.views import Views
from fakescan.intake import identify
from fakescan.intake.decode import DecodedImage, decode, out_of_memory
from fakescan.intake.limits import Limits
from fakescan.intake.prepare import Prepared
from fakescan.intake.read import checked, read_file
from fakescan.protocols import EvidenceReader

_NOT_RUN = "Not read: the examination of the file ended before."
_DID_NOT_END = "This part of the file could not be read within the limits of time and memory."
_RAISED = "This part of the file could not be read: it is damaged in a way that the reader does not know."


@dataclass(frozen=True, slots=True)
class FileRead:
    """The file's bytes were read."""

    size_bytes: int
    """How many."""
    sha256: str
    """Their digest, lower-case hex."""
    media_type: str | None
    """IANA media type by signature."""
    elapsed_s: float
    """Seconds for reading and digest."""


@dataclass(frozen=True, slots=True)
class ReaderDone:
    """A reader of evidence is through."""

    reader: str
    """Its name in the table."""
    evidence: tuple[Evidence, ...]
    """What it found."""
    elapsed_s: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Pictured:
    """The picture was decoded."""

    image: DecodedImage
    """The picture."""
    elapsed_s: float
    """Seconds."""


Step = FileRead | ReaderDone | Pictured | Failure
Readers = Mapping[str, str]
"""Evidence readers by name, each ``module:Class`` or ``module:Class=argument``; imported where they run."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What is known of a file before the model has seen it."""

    record: ImageRecord
    """The file and its picture."""
    evidence: tuple[Evidence, ...] = ()
    """What the file itself says."""
    image: DecodedImage | None = None
    """The picture, or None when there is a failure."""
    failure: Failure | None = None
    """Why there is no picture."""
    timings_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds by step: ``read``, ``evidence``, ``decode``."""
    prepared: Prepared | None = None
    """What checks need of the whole picture; None where none are wanted, or ``image`` still is the whole picture."""
    stamp: str = ""
    """What was said of the file before it was read (``intake/stamp.py``); empty where that tells nothing."""


class Examination:
    """Gathers the steps of one file."""

    def __init__(self, shown: str, readers: Iterable[str], size_bytes: int = 0) -> None:
        """Begin with nothing but a path.

        Args:
            shown: path for the report.
            readers: names of the evidence readers that will be asked.
            size_bytes: the file's size as far as it is known without reading it.
        """
        self._file = SourceFile(shown, size_bytes, "", None)
        self._readers = tuple(readers)
        self._done: dict[str, ReaderDone] = {}
        self._picture: Pictured | None = None
        self._failure: Failure | None = None
        self._read_s = 0.0

    @property
    def is_read(self) -> bool:
        """Whether the file's bytes were read."""
        return bool(self._file.sha256)

    @property
    def readers_left(self) -> list[str]:
        """Names of the readers that have not answered, in order."""
        return [name for name in self._readers if name not in self._done]

    def add(self, step: Step) -> None:
        """Take a step into account.

        Args:
            step: what happened.
        """
        match step:
            case FileRead():
                self._file = SourceFile(self._file.path, step.size_bytes, step.sha256, step.media_type)
                self._read_s = step.elapsed_s
            case ReaderDone():
                self._done[step.reader] = step
            case Pictured():
                self._picture = step
            case _:
                self._failure = step

    def skip_reader(self, name: str) -> None:
        """Note that a reader never came back, so that it is not asked again.

        Args:
            name: its name in the table.
        """
        self._done[name] = ReaderDone(name, (_missing(name, EvidenceStatus.FAILED, _DID_NOT_END),), 0.0)

    def result(self) -> Examined:
        """What is known now."""
        found = [item for name in self._readers if name in self._done for item in self._done[name].evidence]
        if self.is_read:
            found += [_missing(name, EvidenceStatus.NOT_RUN, _NOT_RUN) for name in self.readers_left]
        timings = {"read": self._read_s, "evidence": sum(step.elapsed_s for step in self._done.values())}
        if self._picture is None:
            return Examined(ImageRecord(self._file), tuple(found), None, self._failure, timings)
        image = self._picture.image
        record = ImageRecord(
            self._file,
            image.width_px,
            image.height_px,
            image.frame_count,
            image.orientation,
            image.kind,
            image.phash,
        )
        evidence = (*found, *_notes(image))
        return Examined(record, evidence, image, None, {**timings, "decode": self._picture.elapsed_s})


def examine_steps(
    source: str | bytes,
    name: str,
    limits: Limits,
    readers: Readers,
    tell: Callable[[Step], None],
    *,
    views: Views | None = None,
    kinds: bool = True,
) -> None:
    """Examine a file and tell each step as soon as it is done. The last one is a ``Pictured`` or a ``Failure``.

    Args:
        source: path of the file, or its bytes.
        name: path for the report.
        limits: what the file may cost.
        readers: evidence readers that are asked, in order.
        tell: called with each step.
        views: what is kept of the picture; None: all of it.
        kinds: whether to tell what kind of picture it is.
    """
    try:
        _examine(source, name, limits, readers, tell, views, kinds)
    except MemoryError:
        tell(out_of_memory())


def _examine(
    source: str | bytes,
    name: str,
    limits: Limits,
    readers: Readers,
    tell: Callable[[Step], None],
    views: Views | None,
    kinds: bool,
) -> None:
    started = perf_counter()
    allowed = limits.max_file_bytes
    data = checked(source, allowed) if isinstance(source, bytes) else read_file(source, allowed)
    if isinstance(data, Failure):
        tell(data)
        return
    digest = hashlib.sha256(data).hexdigest()
    base = os.path.basename(name)  # noqa: PTH119 -- half a million of them
    file = SourceFile(name, len(data), digest, identify.sniff(data[: identify.HEAD_BYTES], base))
    tell(FileRead(file.size_bytes, digest, file.media_type, perf_counter() - started))
    picture: object = None
    for name, spec in readers.items():
        started = perf_counter()
        reader = _reader(spec)
        evidence = _read_evidence(name, reader, file, data)
        picture = getattr(reader, "picture", None) or picture  # see ``protocols.Decodes``; its check takes 50 us
        tell(ReaderDone(name, evidence, perf_counter() - started))
    started = perf_counter()
    image = decode(data, name=base, limits=limits, sha256=digest, views=views, picture=picture, kinds=kinds)
    if isinstance(image, Failure):
        tell(image)
        return
    tell(Pictured(image, perf_counter() - started))


def _read_evidence(name: str, reader: EvidenceReader, file: SourceFile, data: bytes) -> tuple[Evidence, ...]:
    try:
        return tuple(reader.read(file, data)) or (_missing(name, EvidenceStatus.SILENT, ""),)
    except (Exception, RecursionError):  # readers promise not to raise; hostile files make liars of them
        return (_missing(name, EvidenceStatus.FAILED, _RAISED),)


def _reader(spec: str) -> EvidenceReader:
    where, _, argument = spec.partition("=")
    made = _class_of(where)
    return made(argument) if argument else made()


@cache
def _class_of(where: str) -> Callable[..., EvidenceReader]:
    module, _, attribute = where.partition(":")
    found: Callable[..., EvidenceReader] = getattr(importlib.import_module(module), attribute)
    return found


def _missing(reader: str, status: EvidenceStatus, note: str) -> Evidence:
    return Evidence(reader, reader, "", status=status, note=note)


def _notes(image: DecodedImage) -> Iterable[Evidence]:
    for note in image.notes:
        yield Evidence("decode", "Decoding", "", note=note)
    if image.frame_count > 1:
        yield Evidence("decode", "Frames", str(image.frame_count), note="Frames or pages in the file.")
