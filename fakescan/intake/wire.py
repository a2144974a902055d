"""How the decoding process and its parent talk: a length, a JSON header, then raw bytes where the header says so.

No pickles: whatever a hostile picture makes of the decoding process, it can send nothing but numbers, text and pixels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, BinaryIO

from PIL import Image

from fakescan.core.records import Evidence, EvidenceStatus, Failure, ImageKind, Strength, Supports
from fakescan.core.views import Views
from fakescan.intake.decode import DecodedImage
from fakescan.intake.examine import FileRead, Pictured, ReaderDone, Step

READY = {"is": "ready"}
"""Sent once by the process, when it can take its first file."""
END = {"is": "end"}
"""Sent after the last step of a file."""

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
    text = json.dumps(header).encode("ascii")
    stream.write(len(text).to_bytes(_LENGTH_BYTES, "little") + text)
    if body:
        stream.write(body)
    stream.flush()


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


def send_step(stream: BinaryIO, step: Step) -> None:
    """Write a step of an examination.

    Args:
        stream: the pipe.
        step: what happened.
    """
    match step:
        case FileRead():
            send(stream, {"is": "file", **_plain(step)})
        case ReaderDone():
            items = [_plain(item) for item in step.evidence]
            send(stream, {"is": "reader", "reader": step.reader, "items": items, "elapsed_s": step.elapsed_s})
        case Pictured():
            facts = {name: getattr(step.image, name) for name in _IMAGE_FACTS}
            header = {**facts, "size_px": step.image.image.size, "elapsed_s": step.elapsed_s}
            send(stream, {"is": "picture", **header})
            image = step.image.image
            for top, rows in _strips(*image.size):
                stream.write(image.crop((0, top, image.width, top + rows)).tobytes())
            stream.flush()
        case _:
            send(stream, {"is": "failure", **_plain(step)})


def receive_step(stream: BinaryIO, max_pixels: int, views: Views | None = None) -> Step | None:
    """Read a step; None at the end of the file's steps.

    Args:
        stream: the pipe.
        max_pixels: larger pictures cannot come from an honest process.
        views: what was asked for of the picture; None: all of it.

    Raises:
        WireError: when the other side is gone or does not keep to the form.
    """
    header = receive(stream)
    what = header.pop("is", None)
    try:
        match what:
            case "end":
                return None
            case "file":
                return FileRead(**header)
            case "reader":
                items = tuple(_evidence(item) for item in header["items"])
                return ReaderDone(str(header["reader"]), items, float(header["elapsed_s"]))
            case "picture":
                return _picture(stream, header, max_pixels, views)
            case "failure":
                return Failure(**header)
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    raise WireError


_FIELDS = {kind: tuple(item.name for item in fields(kind)) for kind in (FileRead, Evidence, Failure)}
_IMAGE_FACTS = ("sha256", "width_px", "height_px", "frame_count", "orientation", "notes", "kind", "phash")


def _plain(record: Any) -> dict[str, Any]:
    """The fields of a record that holds nothing but plain values; ``asdict`` copies each of them deeply."""
    return {name: getattr(record, name) for name in _FIELDS[type(record)]}


def _evidence(item: Mapping[str, Any]) -> Evidence:
    return Evidence(
        **{
            **item,
            "supports": Supports(item["supports"]),
            "strength": Strength(item["strength"]),
            "status": EvidenceStatus(item["status"]),
        }
    )


def _picture(stream: BinaryIO, header: Mapping[str, Any], max_pixels: int, views: Views | None) -> Pictured:
    width, height = (int(side) for side in header["size_px"])
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
    return Pictured(decoded, float(header["elapsed_s"]))


def _strips(width: int, height: int) -> Iterator[tuple[int, int]]:
    """Top and number of rows of each strip."""
    rows = max(1, _STRIP_BYTES // (width * _PIXEL_BYTES))
    for top in range(0, height, rows):
        yield top, min(rows, height - top)
