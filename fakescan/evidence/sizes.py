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
