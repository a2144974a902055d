"""ISO base media files (HEIC, AVIF, CR3), JPEG XL and JPEG 2000: trees of boxes.

ISO/IEC 14496-12 (boxes), 23008-12 (items), 18181-2 (JPEG XL), 15444-1 annex I (JPEG 2000).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fakescan.evidence.containers.found import MAX_PARTS, Metadata

_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF_JP2 = b"JpgTiffExif->JP2"
_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_XMP_TYPES = (b"application/rdf+xml",)
_MAX_ITEM_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Box:
    """A box and what it holds."""

    kind: bytes
    """Four letters."""
    start: int
    """Offset of its content."""
    end: int
    """Offset behind it."""


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes of a range, as far as their sizes fit into it.

    Args:
        data: the file's bytes.
        start: where the first begins.
        end: where the range ends.
    """
    at = start
    for _ in range(MAX_PARTS):
        if at + 8 > end:
            return
        size, head = int.from_bytes(data[at : at + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = end - at
        if size < head or at + size > end:
            return
        yield Box(data[at + 4 : at + 8], at + head, at + size)
        at += size


def end_of(data: bytes) -> int:
    """Offset behind the last whole box.

    Args:
        data: the file's bytes.
    """
    end = 0
    for box in boxes(data, 0, len(data)):
        end = box.end
    return end


def gather(data: bytes, found: Metadata) -> None:
    """Find the metadata of a file of boxes.

    Args:
        data: its bytes.
        found: where to put it.
    """
    for box in boxes(data, 0, len(data)):
        body = data[box.start : min(box.end, box.start + _MAX_ITEM_BYTES)]
        match box.kind:
            case b"meta":
                _gather_items(data, box, found)
            case b"moov":
                _gather_canon(data, box, found)
            case b"uuid":
                _gather_uuid(body[:16], body[16:], found)
            case b"Exif":
                _gather_exif_item(body, found)
            case b"xml ":
                found.xmp.append(body)
            case b"jumb":
                found.jumbf.append(data[box.start - 8 : box.end])
            case b"brob" if body[:4] in (b"Exif", b"xml "):
                # Brotli, which the standard library cannot unpack.
                found.unread.append("metadata in a Brotli-compressed box of the JPEG XL file")


def _gather_uuid(name: bytes, body: bytes, found: Metadata) -> None:
    if name == _XMP:
        found.xmp.append(body)
    elif name == _EXIF_JP2:
        found.add_exif(body)
    elif name == _IPTC:
        found.iptc.append(body)
    elif name == _C2PA:
        found.jumbf.append(body)


def _gather_canon(data: bytes, moov: Box, found: Metadata) -> None:
    """CR3 keeps the first directory and the EXIF directory as two TIFF blocks; the first names the camera."""
    for box in boxes(data, moov.start, moov.end):
        if box.kind == b"uuid" and data[box.start : box.start + 16] == _CANON:
            for inner in boxes(data, box.start + 16, box.end):
                if inner.kind == b"CMT1":
                    found.add_exif(data[inner.start : inner.end])


def _gather_exif_item(body: bytes, found: Metadata) -> None:
    """Four bytes tell how far behind them the TIFF header lies."""
    found.add_exif(body[4 + int.from_bytes(body[:4], "big") :])


def _gather_items(data: bytes, meta: Box, found: Metadata) -> None:
    parts = {box.kind: box for box in boxes(data, meta.start + 4, meta.end)}
    if b"iinf" not in parts or b"iloc" not in parts:
        return
    wanted = dict(_items(data, parts[b"iinf"]))
    inside = parts[b"idat"].start if b"idat" in parts else 0
    for number, pieces in _locations(data, parts[b"iloc"], inside):
        if number not in wanted:
            continue
        body = b"".join(data[start : start + min(size, _MAX_ITEM_BYTES)] for start, size in pieces)[:_MAX_ITEM_BYTES]
        if wanted[number] == b"Exif":
            _gather_exif_item(body, found)
        else:
            found.xmp.append(body)


def _items(data: bytes, iinf: Box) -> Iterator[tuple[int, bytes]]:
    """Number and type of the items that hold EXIF or XMP."""
    counted = 2 if data[iinf.start] == 0 else 4
    for box in boxes(data, iinf.start + 4 + counted, iinf.end):
        version = data[box.start] if box.kind == b"infe" and box.start < box.end else 0
        if version < 2:
            continue
        wide = 2 if version == 2 else 4
        at = box.start + 4
        number, kind = int.from_bytes(data[at : at + wide], "big"), data[at + wide + 2 : at + wide + 6]
        if kind == b"Exif":
            yield number, kind
        elif kind == b"mime":
            _, _, rest = data[at + wide + 6 : box.end].partition(b"\0")
            if rest.partition(b"\0")[0] in _XMP_TYPES:
                yield number, kind


def _locations(data: bytes, iloc: Box, idat: int) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Number of each item, and start and size of its pieces (ISO/IEC 14496-12, 8.11.3)."""
    version, at = data[iloc.start], iloc.start + 4
    sizes = int.from_bytes(data[at : at + 2], "big")
    offset_size, length_size, base_size, index_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15
    number_size = 4 if version == 2 else 2
    at += 2

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(data[at - size : at], "big")

    for _ in range(min(number(number_size), MAX_PARTS)):
        if at >= iloc.end:
            return
        item = number(number_size)
        method = number(2) & 15 if version else 0
        number(2)  # which file: always this one
        base = number(base_size) + (idat if method == 1 else 0)
        pieces = []
        for _ in range(min(number(2), MAX_PARTS)):
            if at >= iloc.end:
                return
            if version and index_size:
                number(index_size)
            start = number(offset_size)
            pieces.append((base + start, number(length_size)))
        if method < 2:
            yield item, pieces
