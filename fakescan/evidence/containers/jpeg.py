"""JPEG: segments before the first scan, and where the picture ends (ITU-T T.81 annex B)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fakescan.evidence.containers import photoshop
from fakescan.evidence.containers.found import EXIF_PREFIX, MAX_PARTS, Metadata

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_MAX_MORE_XMP_BYTES = 16_000_000
_GUID_BYTES = 32
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_START_OF_SCAN, _END, _APP11 = 0xDA, 0xD9, 0xEB
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and payload of the segments before the first scan.

    Args:
        data: bytes of a JPEG file.
    """
    return ((marker, data[start:end]) for marker, start, end in _located(data) if end <= len(data))


def _located(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment; only the last can end behind the file, which then was cut off."""
    at = 2
    for _ in range(MAX_PARTS):
        while data[at : at + 2] == b"\xff\xff":  # fill bytes
            at += 1
        if at + 4 > len(data) or data[at] != 0xFF:
            return
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        # Start of scan, end of image, or a length that cannot be: what follows is no header any more.
        if marker in (_START_OF_SCAN, _END) or length < 2:
            return
        yield marker, at + 4, at + 2 + length
        at += 2 + length


def end_of(data: bytes, start: int = 0) -> int | None:
    """Offset behind the end-of-image marker; None when there is none.

    Args:
        data: bytes that hold a JPEG picture.
        start: where it begins.
    """
    at = start + 2
    for _ in range(MAX_PARTS):
        found = _NEXT_MARKER.search(data, at)
        if found is None:
            return None
        at, marker = found.end(), data[found.end() - 1]
        if marker == _END:
            return at
        if marker not in _BARE:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return None


def gather(data: bytes, found: Metadata) -> None:
    """Find the metadata of a JPEG file.

    Args:
        data: its bytes.
        found: where to put it.
    """
    resources, pieces = bytearray(), dict[bytes, dict[int, bytes]]()
    boxes: dict[bytes, list[bytes]] = {}
    for marker, start, end in _located(data):
        payload = data[start:end]
        if end > len(data) and marker != _APP11:
            break
        if marker == 0xE1 and payload.startswith(EXIF_PREFIX):
            found.add_exif(payload)
        elif marker == 0xE1 and payload.startswith(_XMP):
            found.xmp.append(payload[len(_XMP) :])
        elif marker == 0xE1 and payload.startswith(_MORE_XMP):
            _keep_piece(payload[len(_MORE_XMP) :], pieces)
        elif marker == 0xED and payload.startswith(_PHOTOSHOP):
            resources += payload[len(_PHOTOSHOP) :]
        elif marker == _APP11 and payload.startswith(b"JP") and len(payload) > 16:
            # ISO/IEC 19566-5 annex D: instance, packet number, then the box; later packets repeat its header.
            parts = boxes.setdefault(payload[2:4], [])
            parts.append(payload[16:] if parts else payload[8:])
        elif marker == 0xFE:
            found.comments.append(payload)
    found.xmp += (b"".join(parts[at] for at in sorted(parts)) for parts in pieces.values())
    found.jumbf += (b"".join(parts) for parts in boxes.values())
    if resources:
        photoshop.gather(bytes(resources), found)


def _keep_piece(payload: bytes, pieces: dict[bytes, dict[int, bytes]]) -> None:
    """Extended XMP (XMP specification part 3, 1.1.3.1): digest, whole length, offset, piece."""
    guid, rest = payload[:_GUID_BYTES], payload[_GUID_BYTES:]
    total, offset = int.from_bytes(rest[:4], "big"), int.from_bytes(rest[4:8], "big")
    if len(rest) > 8 and total <= _MAX_MORE_XMP_BYTES:
        pieces.setdefault(guid, {}).setdefault(offset, rest[8:])
