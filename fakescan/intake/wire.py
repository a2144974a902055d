"""How the decoding process and its parent talk: a length, a JSON header, then raw bytes where the header says so.

No pickles: whatever a hostile picture makes of the decoding process, it can send nothing but numbers, text and pixels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, BinaryIO

from PIL import Image

from fakescan.core.records import Evidence, EvidenceStatus, Failure, ImageKind, Strength, Supports
from fakescan.core.views import Views
from fakescan.intake.decode import DecodedImage
from fakescan.intake.examine import FileRead, Pictured, ReaderDone, Step

READY = {"is": "ready"}
"""Sent once by the process, when it can take its first file."""

_LENGTH_BYTES = 4
_MAX_HEADER_BYTES = 16 * 1024 * 1024
_PIXEL_BYTES = 3
_STRIP_BYTES = 256 * 1024
"""Pixels travel in strips that fit the processor's cache; so a picture never lies twice in memory either."""


class WireError(Exception):
    """The other side is gone, or does not keep to the form."""


def send(stream: BinaryIO, header: Mapping[str, Any], body: bytes = b"") -> None:
    """Write a header and the bytes that belong to it.

    Args:
        stream: the pipe.
        header: plain values.
        body: bytes that follow; the header must tell their number.
    """
    stream.write(_framed(header))
    if body:
        stream.write(body)
    stream.flush()


def _framed(header: Mapping[str, Any]) -> bytes:
    text = json.dumps(header).encode("ascii")
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text


def receive(stream: BinaryIO) -> dict[str, Any]:
    """Read a header.

    Args:
        stream: the pipe.

    Raises:
        WireError: when the other side is gone or does not keep to the form.
    """
    length = int.from_bytes(_exactly(stream, _LENGTH_BYTES), "little")
    if length > _MAX_HEADER_BYTES:
        raise WireError
    try:
        header = json.loads(_exactly(stream, length).decode("ascii"))
    except (ValueError, RecursionError):
        raise WireError from None
    if not isinstance(header, dict):
        raise WireError
    return header


def _exactly(stream: BinaryIO, count: int) -> bytes:
    """A few bytes: for a header there is nothing to gain by filling a buffer in portions."""
    found = stream.read(count)
    if len(found) != count:
        raise WireError
    return found


def receive_bytes(stream: BinaryIO, count: int) -> bytearray:
    """Read exactly so many bytes.

    Args:
        stream: the pipe.
        count: how many.

    Raises:
        WireError: when the other side is gone before.
    """
    buffer = bytearray(count)
    view, at = memoryview(buffer), 0
    while at < count:
        got = stream.readinto(view[at:])  # type: ignore[attr-defined]  # raw streams have it
        if not got:
            raise WireError
        at += got
    return buffer


def send_steps(stream: BinaryIO, steps: Sequence[Step], *, is_end: bool = False) -> None:
    """Write steps of an examination.

    Args:
        stream: the pipe.
        steps: what happened, in order; at most one picture, and that last.
        is_end: whether the file has no more steps.
    """
    stream.write(_framed({"steps": [_told(step) for step in steps], "is_end": is_end}))
    if steps and isinstance(steps[-1], Pictured):
        image = steps[-1].image.image
        for top, rows in _strips(*image.size):
            stream.write(image.crop((0, top, image.width, top + rows)).tobytes())
    stream.flush()


def receive_steps(stream: BinaryIO, max_pixels: int, views: Views | None = None) -> tuple[list[Step], bool]:
    """Read what ``send_steps`` wrote.

    Args:
        stream: the pipe.
        max_pixels: larger pictures cannot come from an honest process.
        views: what was asked for of the picture; None: all of it.

    Returns:
        The steps, and whether the file has no more of them.

    Raises:
        WireError: when the other side is gone or does not keep to the form.
    """
    header = receive(stream)
    try:
        told = header["steps"]
        is_picture = bool(told) and "picture" in told[-1]
        steps = [_step(each) for each in (told[:-1] if is_picture else told)]
        if is_picture:
            steps.append(_picture(stream, told[-1], max_pixels, views))
        return steps, header["is_end"] is True
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        raise WireError from None


_VALUES = {kind: attrgetter(*(item.name for item in fields(kind))) for kind in (FileRead, Evidence, Failure)}
"""All fields of a record that holds nothing but plain values, in order; ``asdict`` copies each of them deeply."""
_IMAGE_FACTS = ("sha256", "width_px", "height_px", "frame_count", "orientation", "notes", "kind", "phash")
_SUPPORTS = {item.value: item for item in Supports}
_STRENGTHS = {item.value: item for item in Strength}
_STATUSES = {item.value: item for item in EvidenceStatus}


def _told(step: Step) -> dict[str, Any]:
    """A step in plain values; pixels follow behind the header."""
    match step:
        case FileRead():
            return {"file": _VALUES[FileRead](step)}
        case ReaderDone():
            evidence = [_VALUES[Evidence](item) for item in step.evidence]
            return {"reader": step.reader, "evidence": evidence, "elapsed_s": step.elapsed_s}
        case Pictured():
            facts = {name: getattr(step.image, name) for name in _IMAGE_FACTS}
            return {"picture": facts, "size_px": step.image.image.size, "elapsed_s": step.elapsed_s}
        case _:
            return {"failure": _VALUES[Failure](step)}


def _step(told: Mapping[str, Any]) -> Step:
    """A step but for a picture, as ``_told`` put it."""
    if "reader" in told:
        evidence = tuple(_evidence(*_texts(values)) for values in told["evidence"])
        return ReaderDone(str(told["reader"]), evidence, float(told["elapsed_s"]))
    if "failure" in told:
        return Failure(*_texts(told["failure"]))
    size_bytes, sha256, media_type, elapsed_s = told["file"]
    return FileRead(int(size_bytes), str(sha256), None if media_type is None else str(media_type), float(elapsed_s))


def _texts(values: list[Any]) -> list[str]:
    """Values that are all text: anything else would only be noticed where a report is written."""
    if any(type(value) is not str for value in values):
        raise WireError
    return values


def _evidence(
    reader: str, name: str, value: str, supports: str, strength: str, status: str, note: str, unit: str
) -> Evidence:
    return Evidence(reader, name, value, _SUPPORTS[supports], _STRENGTHS[strength], _STATUSES[status], note, unit)


def _picture(stream: BinaryIO, told: Mapping[str, Any], max_pixels: int, views: Views | None) -> Pictured:
    width, height = (int(side) for side in told["size_px"])
    if min(width, height) < 1 or width * height > (max_pixels if views is None else views.pixels):
        raise WireError
    if views is not None and (width, height) != views.strip_px:
        raise WireError
    image: Image.Image | None = None
    for top, rows in _strips(width, height):
        pixels = receive_bytes(stream, width * rows * _PIXEL_BYTES)
        strip = Image.frombytes("RGB", (width, rows), pixels)
        if rows == height:
            image = strip  # all there is, as with the views of a model
            break
        image = image or Image.new("RGB", (width, height))
        image.paste(strip, (0, top))
    if image is None:
        raise WireError
    header = told["picture"]
    decoded = DecodedImage(
        image,
        str(header["sha256"]),
        int(header["width_px"]),
        int(header["height_px"]),
        int(header["frame_count"]),
        None if header["orientation"] is None else int(header["orientation"]),
        tuple(str(note) for note in header["notes"]),
        None if header["kind"] is None else ImageKind(header["kind"]),
        None if header["phash"] is None else str(header["phash"]),
        views,
    )
    return Pictured(decoded, float(told["elapsed_s"]))


def _strips(width: int, height: int) -> Iterator[tuple[int, int]]:
    """Top and number of rows of each strip."""
    rows = max(1, _STRIP_BYTES // (width * _PIXEL_BYTES))
    for top in range(0, height, rows):
        yield top, min(rows, height - top)
