"""Width and height of a picture by its header, without decoding it."""

from __future__ import annotations

from fakescan.evidence.containers import jpeg

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def size_px(data: bytes, media_type: str | None) -> tuple[int, int] | None:
    """Width and height; None when the header does not tell.

    Args:
        data: the file's bytes.
        media_type: its type by signature; JPEG and PNG are known.
    """
    if media_type == "image/jpeg":
        for marker, payload in jpeg.segments(data):
            if marker in _FRAMES and len(payload) >= 5:
                return int.from_bytes(payload[3:5], "big"), int.from_bytes(payload[1:3], "big")
    elif media_type == "image/png" and data[12:16] == b"IHDR":
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    return None


def is_full_colour_jpeg(data: bytes) -> bool:
    """Whether a JPEG picture keeps colour at full resolution (4:4:4), as few programs and hardly any camera do.

    Args:
        data: bytes of a JPEG file.
    """
    for marker, payload in jpeg.segments(data):
        if marker in _FRAMES:
            count = payload[5] if len(payload) > 5 else 0
            return count == 3 and len({payload[7 + 3 * at] for at in range(count) if 7 + 3 * at < len(payload)}) == 1
    return False
