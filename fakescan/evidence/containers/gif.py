"""GIF: comments, and XMP and Content Credentials in application extensions (GIF89a; XMP specification part 3)."""

from __future__ import annotations

from fakescan.evidence.containers.found import MAX_PARTS, MAX_TEXT_BYTES, Metadata

_COMMENT, _APPLICATION = 0xFE, 0xFF
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_XMP_TRAILER_BYTES = 257
"""XMP is not cut into blocks: a run of falling bytes brings readers that do not know it back into step."""


def gather(data: bytes, found: Metadata) -> int | None:
    """Find the metadata of a GIF file, and its end.

    Args:
        data: its bytes.
        found: where to put it.

    Returns:
        Offset behind the trailer; None when there is none.
    """
    at = 13 + _palette_bytes(data[10:11])
    for _ in range(MAX_PARTS):
        introducer = data[at : at + 1]
        if introducer == bytes([_TRAILER]):
            return at + 1
        if introducer == bytes([_IMAGE]):
            at = _behind_blocks(data, at + 11 + _palette_bytes(data[at + 9 : at + 10]))
        elif introducer == bytes([_EXTENSION]) and at + 2 < len(data):
            at = _gather_extension(data, at, found)
        else:
            return None
    return None


def _gather_extension(data: bytes, at: int, found: Metadata) -> int:
    kind, body = data[at + 1], at + 2
    end = _behind_blocks(data, body)
    if kind == _COMMENT:
        found.comments.append(_joined(data, body))
    elif kind == _APPLICATION:
        name, blocks = data[body + 1 : body + 12], body + 12
        if name == b"XMP DataXMP":
            found.xmp.append(data[blocks : max(blocks, end - _XMP_TRAILER_BYTES - 1)])
        elif name.startswith(b"C2PA_GIF"):
            found.jumbf.append(_joined(data, blocks))
    return end


def _palette_bytes(flags: bytes) -> int:
    return 3 * (2 << (flags[0] & 7)) if flags and flags[0] & 0x80 else 0


def _behind_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def _joined(data: bytes, at: int) -> bytes:
    joined = bytearray()
    while at < len(data) and data[at] and len(joined) <= MAX_TEXT_BYTES:
        joined += data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
    return bytes(joined)
