"""How a JPEG file was written: tables, colour sampling, traces of programs. Hints, weak and only context."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fakescan.core.records import Evidence, EvidenceStatus, SourceFile
from fakescan.evidence.containers import jpeg
from fakescan.evidence.containers.found import EXIF_PREFIX
from fakescan.evidence.quantisation import Quality, Table, quality_of, tables_in
from fakescan.evidence.shared import once_a_file
from fakescan.evidence.text import decoded
from fakescan.evidence.tiff import IFD0, Tiff

_FRAMES = {0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive", 0xC3: "lossless"}
_DQT, _COMMENT = 0xDB, 0xFE
_SAMPLING: dict[tuple[tuple[int, int], ...], str] = {
    ((1, 1), (1, 1), (1, 1)): "4:4:4",
    ((2, 1), (1, 1), (1, 1)): "4:2:2",
    ((2, 2), (1, 1), (1, 1)): "4:2:0",
    ((1, 2), (1, 1), (1, 1)): "4:4:0",
    ((4, 1), (1, 1), (1, 1)): "4:1:1",
}
_WRITERS = (
    (re.compile(r"CREATOR: gd-jpeg"), "the library GD, which websites use to resize pictures"),
    (re.compile(r"Lavc\d"), "FFmpeg"),
    (re.compile(r"LEAD Technologies"), "a library of LEAD Technologies"),
    (re.compile(r"(?i)optimized by jpegmini"), "JPEGmini"),
    (re.compile(r"(?i)jpeg-recompress"), "jpeg-recompress"),
    (re.compile(r"Intel\(R\) (IPP )?JPEG"), "a library of Intel"),
    (re.compile(r"(?i)file written by adobe photoshop"), "Adobe Photoshop"),
    (re.compile(r"(?i)processed by ebay with imagemagick"), "eBay"),
)
_CAMERA_QUALITY = 95
_MAKE = 0x010F


@dataclass(slots=True)
class Structure:
    """What the segments before the first scan tell."""

    tables: dict[int, Table] = field(default_factory=dict)
    frame: str = ""
    sampling: str = ""
    grey: bool = False
    made: bool = False
    segments: set[str] = field(default_factory=set)
    comments: list[str] = field(default_factory=list)

    @property
    def quality(self) -> Quality:
        """What the quantisation tables stand for; there must be a first one."""
        return quality_of(self.tables[0], None if self.grey else self.tables.get(1))


class JpegReader:
    """Reads the structure of JPEG files."""

    name = "jpeg"

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        """How a file was written.

        Args:
            file: the file; its media type tells whether it is a JPEG file.
            data: its bytes.
        """
        if file.media_type != "image/jpeg":
            return [self._said(EvidenceStatus.NOT_RUN, "The file is no JPEG file.")]
        try:
            found = structure_in(file, data)
            if 0 not in found.tables or not found.frame:
                return [self._said(EvidenceStatus.FAILED, "The file breaks off before the tables of its picture.")]
            return list(self._rows(found))
        except Exception:  # the contract of readers: hostile bytes become a finding, whatever they raise
            return [self._said(EvidenceStatus.FAILED, "The structure of the JPEG file is damaged.")]

    def _rows(self, found: Structure) -> Iterator[Evidence]:
        quality = found.quality
        kind = "tables of the JPEG standard" if quality.standard else "tables of the program's or camera's own"
        about = "" if quality.standard else "about "
        parts = (f"quality {about}{quality.percent}", kind, found.sampling, found.frame)
        note = "How strongly the picture was compressed when it was last saved, and whose tables were used."
        yield Evidence(self.name, "compression", ", ".join(part for part in parts if part), note=note)
        for program in _writers(found):
            note = f"Traces of {program}, which last wrote the file. Many harmless pictures pass through it."
            yield Evidence(self.name, "written by", program, note=note)
        if _was_saved_again(found, quality):
            note = (
                "The file names a camera, but its tables are those of a general-purpose program at a lower quality "
                "than cameras use: probably opened and saved again, so compressed twice."
            )
            yield Evidence(self.name, "double compression", "hint", note=note)

    def _said(self, status: EvidenceStatus, note: str) -> Evidence:
        return Evidence(self.name, "JPEG structure", "", status=status, note=note)


@once_a_file
def structure_in(_file: SourceFile, data: bytes) -> Structure:
    """The structure of a JPEG file, read once for all who ask.

    Args:
        _file: the file.
        data: its bytes.
    """
    return structure_of(data)


def structure_of(data: bytes) -> Structure:
    """The structure of a JPEG file.

    Args:
        data: its bytes.
    """
    found = Structure()
    for marker, payload in jpeg.segments(data):
        if marker == _DQT:
            for number, table in tables_in(payload).items():
                found.tables.setdefault(number, table)
        elif marker in _FRAMES and len(payload) >= 6:
            found.frame = _FRAMES[marker]
            found.sampling, found.grey = _sampling_of(payload), payload[5] == 1
        elif marker == _COMMENT:
            found.comments.append(decoded(payload))
        elif marker == 0xE1 and payload.startswith(EXIF_PREFIX):
            found.made = found.made or bool(Tiff(payload[len(EXIF_PREFIX) :]).field(IFD0, _MAKE))
        else:
            found.segments.add(payload[:12].partition(b"\0")[0].decode("latin-1"))
    return found


def _sampling_of(frame: bytes) -> str:
    count = frame[5]
    if count == 1:
        return "grey"
    factors = tuple((frame[at + 1] >> 4, frame[at + 1] & 15) for at in range(6, min(len(frame) - 2, 6 + 3 * count), 3))
    if count == 4:
        return "four colours (CMYK)"
    return _SAMPLING.get(factors, "")


def _writers(found: Structure) -> Iterator[str]:
    for comment in found.comments:
        for pattern, program in _WRITERS:
            if pattern.search(comment[:400]):
                yield program
    if "Ducky" in found.segments:
        yield "Adobe Photoshop's “Save for Web”"
    elif "Photoshop 3." in found.segments and "Adobe" in found.segments:
        yield "Adobe Photoshop or a program of its family"


def _was_saved_again(found: Structure, quality: Quality) -> bool:
    """Cameras write no JFIF segment (DCF forbids it); programs that save for the web do."""
    return found.made and "JFIF" in found.segments and quality.standard and quality.percent < _CAMERA_QUALITY
