"""WebP: chunks inside the RIFF container."""

from __future__ import annotations

from collections.abc import Iterator

from fakescan.evidence.containers.found import MAX_PARTS, Metadata

_PIXELS = (b"VP8 ", b"VP8L", b"ALPH", b"ANMF")


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and payload of the chunks inside the RIFF container; pixels come empty.

    Args:
        data: bytes of a WebP file.
    """
    end, at = min(len(data), end_of(data)), 12
    for _ in range(MAX_PARTS):
        if at + 8 > end:
            return
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + length > end:
            return
        yield kind, b"" if kind in _PIXELS else data[at + 8 : at + 8 + length]
        at += 8 + length + (length & 1)


def end_of(data: bytes) -> int:
    """Offset behind the RIFF container, by its header.

    Args:
        data: bytes of a WebP file.
    """
    size = int.from_bytes(data[4:8], "little")
    return 8 + size + (size & 1)


def gather(data: bytes, found: Metadata) -> None:
    """Find the metadata of a WebP file.

    Args:
        data: its bytes.
        found: where to put it.
    """
    for kind, payload in chunks(data):
        if kind == b"EXIF":
            # With and without the prefix are both in use.
            found.add_exif(payload)
        elif kind == b"XMP ":
            found.xmp.append(payload)
        elif kind == b"C2PA":
            found.jumbf.append(payload)
