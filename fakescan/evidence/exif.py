"""Camera fields: what EXIF says about make, model, lens, time and place.

The EXIF block is located along the container's structure and handed to exifread alone: left to itself, exifread
misses it after other application segments and in WebP, and looks outside the container.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

import exifread

from fakescan.core.records import Evidence, EvidenceStatus, SourceFile, Strength, Supports
from fakescan.evidence import shared
from fakescan.evidence.cameras import is_known_maker
from fakescan.evidence.exif_checks import size_faults, time_faults, time_of
from fakescan.evidence.generators.names import names_a_generator
from fakescan.evidence.sizes import size_px
from fakescan.evidence.text import cleaned, decoded
from fakescan.evidence.tiff import Tiff

GPS_NAME = "GPSPosition"
"""Name of the finding that holds a place: personal data, to be redacted before a report is published."""

_FIELDS = {
    "Make": "Image Make",
    "Model": "Image Model",
    "LensModel": "EXIF LensModel",
    "Software": "Image Software",
    "DateTimeOriginal": "EXIF DateTimeOriginal",
    "DateTime": "Image DateTime",
    "Artist": "Image Artist",
    "ExposureTime": "EXIF ExposureTime",
    "FNumber": "EXIF FNumber",
    "ISOSpeedRatings": "EXIF ISOSpeedRatings",
    "FocalLength": "EXIF FocalLength",
    "Orientation": "Image Orientation",
}
_THUMBNAIL = ("Thumbnail JPEGInterchangeFormat", "Thumbnail StripOffsets")
_FITTING = (
    "Make and model of a camera. Unsigned: such fields are easily copied from another photograph or written by hand."
)
_MAX_NAME_CHARS = 64
_NO_NAMES = frozenset({"n/a", "none", "unknown", "undefined", "default"})
_PRINTED = frozenset(
    {"Image Orientation", "EXIF ExposureTime", "EXIF FNumber", "EXIF ISOSpeedRatings", "EXIF FocalLength"}
)
"""Fields of numbers; where text belongs, numbers are damage."""
_NOTES = {
    "DateTimeOriginal": "When the picture was taken, by the camera's clock.",
    "DateTime": "When the file was last changed, by the program that did.",
    "Software": "The program that last wrote the file, by its own account.",
    "Orientation": "How the picture is turned for display.",
}
_MAX_BLOCK_BYTES = 64_000_000


class ExifReader:
    """Reads EXIF through exifread, bounded and quiet."""

    name = "exif"

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        """Camera fields of a file.

        Args:
            file: the file; its media type tells the container.
            data: its bytes.
        """
        try:
            metadata = shared.metadata(file, data)
            found = list(self._of_blocks(metadata.exif, size_px(data, file.media_type)))
            return found or [self._said(EvidenceStatus.SILENT, "The file holds no EXIF data.")]
        except Exception:  # the contract of readers: hostile bytes become a finding, whatever they raise
            return [self._said(EvidenceStatus.FAILED, "The EXIF data is damaged.")]

    def _of_blocks(self, blocks: list[bytes], actual: tuple[int, int] | None) -> Iterator[Evidence]:
        if not blocks:
            return
        if len(blocks) > 1:
            yield Evidence(
                self.name, "EXIF blocks", str(len(blocks)), note="More than one EXIF block; the first counts."
            )
        tiff = Tiff(blocks[0])
        if len(blocks[0]) > _MAX_BLOCK_BYTES or not tiff.is_bearable():
            yield self._said(EvidenceStatus.FAILED, "The EXIF data is damaged, or made to take forever to read.")
            return
        tags = _tags_of(blocks[0])
        found = [*self._camera(tags), *self._faults(tags, blocks[0], actual), *self._context(tags)]
        yield from found or [self._said(EvidenceStatus.SILENT, "The EXIF data names no camera, time or place.")]

    def _camera(self, tags: Mapping[str, Any]) -> Iterator[Evidence]:
        make, model = _text(tags, "Image Make"), _text(tags, "Image Model")
        if not (_is_a_name(make) and _is_a_name(model)) or names_a_generator(make) or names_a_generator(model):
            return
        taken, lens = _text(tags, "EXIF DateTimeOriginal"), _text(tags, "EXIF LensModel")
        fitting = [part for part, fits in ((taken, time_of(taken)), (lens, _is_a_name(lens))) if fits]
        exposed = sum(bool(_text(tags, key)) for key in _PRINTED - {"Image Orientation"}) > 1
        if fitting or exposed or is_known_maker(make):
            value = cleaned(", ".join([model if model.startswith(make) else f"{make} {model}", *fitting]))
            yield Evidence(self.name, "Camera", value, Supports.REAL, Strength.UNSIGNED, note=_FITTING)

    def _faults(self, tags: Mapping[str, Any], block: bytes, actual: tuple[int, int] | None) -> Iterator[Evidence]:
        times = time_faults(
            _text(tags, "EXIF DateTimeOriginal"),
            _text(tags, "EXIF DateTimeDigitized"),
            _text(tags, "Image DateTime"),
            _text(tags, "GPS GPSDate"),
        )
        stated = (_number(tags, "EXIF ExifImageWidth"), _number(tags, "EXIF ExifImageLength"))
        preview = _preview(tags, block)
        sizes = size_faults(stated, actual, size_px(preview, "image/jpeg") if preview else None)
        for name, sentences in (("contradicting times", times), ("contradicting sizes", sizes)):
            for sentence in sentences:
                yield Evidence(self.name, name, "", note=sentence)

    def _context(self, tags: Mapping[str, Any]) -> Iterator[Evidence]:
        for name, key in _FIELDS.items():
            value = cleaned(_text(tags, key))
            if value:
                yield Evidence(self.name, name, value, note=_NOTES.get(name, ""))
        place = _place(tags)
        if place:
            note = "A place is stored in the file. Personal data: redact it before the report is published."
            yield Evidence(self.name, GPS_NAME, place, note=note, unit="degrees")
        if any(key in tags for key in _THUMBNAIL):
            yield Evidence(
                self.name, "Thumbnail", "present", note="A small preview picture is stored in the EXIF data."
            )

    def _said(self, status: EvidenceStatus, note: str) -> Evidence:
        return Evidence(self.name, "EXIF", "", status=status, note=note)


def _tags_of(block: bytes) -> Mapping[str, Any]:
    """Every tag; without details, for a maker note of a few bytes can keep exifread busy forever."""
    logger, silence = logging.getLogger("exifread"), logging.NullHandler()
    # Its warnings would reach the terminal, with text of the file in them.
    logger.addHandler(silence)
    try:
        tags: Mapping[str, Any] = exifread.process_file(BytesIO(block), details=False, extract_thumbnail=False)
    finally:
        logger.removeHandler(silence)
    return tags


def _text(tags: Mapping[str, Any], key: str) -> str:
    tag = tags.get(key)
    if tag is None:
        return ""
    values = tag.values
    if isinstance(values, list):
        # Numbers have a printed form ("Rotated 180", "1/60").
        return str(tag.printable) if key in _PRINTED else ""
    text = decoded(values) if isinstance(values, bytes) else str(values)
    return text.strip("\0 \t\r\n")


def _is_a_name(text: str) -> bool:
    """Whether it can be the name of a camera or lens; some generators keep whole workflows in these fields."""
    return (
        0 < len(text) <= _MAX_NAME_CHARS
        and text.isprintable()
        and any(char.isalpha() for char in text)
        and not any(char in "{}<>" for char in text)
        and text.lower() not in _NO_NAMES
    )


def _number(tags: Mapping[str, Any], key: str) -> int:
    tag = tags.get(key)
    values = tag.values if tag is not None else None
    return int(values[0]) if isinstance(values, list) and values and isinstance(values[0], int) else 0


def _preview(tags: Mapping[str, Any], block: bytes) -> bytes:
    """The small picture in the EXIF block, empty when there is none."""
    start = _number(tags, "Thumbnail JPEGInterchangeFormat")
    return block[start : start + _number(tags, "Thumbnail JPEGInterchangeFormatLength")] if start else b""


def _place(tags: Mapping[str, Any]) -> str:
    """Latitude and longitude in degrees, empty when there is no place on earth."""
    latitude = _angle(tags, "GPS GPSLatitude", "S")
    longitude = _angle(tags, "GPS GPSLongitude", "W")
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return ""
    return f"{latitude:.6f}, {longitude:.6f}"


def _angle(tags: Mapping[str, Any], key: str, negative: str) -> float | None:
    tag = tags.get(key)
    if tag is None or not isinstance(tag.values, list) or not 1 <= len(tag.values) <= 3:
        return None
    try:
        total = sum((float(value) / 60.0**power for power, value in enumerate(tag.values)), 0.0)
    except (ArithmeticError, TypeError, ValueError):
        return None
    if not math.isfinite(total):
        return None
    return -total if _text(tags, f"{key}Ref").upper().startswith(negative) else total
