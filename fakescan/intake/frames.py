"""How many frames or pages a file holds, counted along its structure: no frame is decoded for it."""

from __future__ import annotations

from typing import Literal

from PIL import Image

MAX_FRAMES = 100_000
"""Counting ends here, so that a file that is all frames costs no more than a glance."""


def count_frames(data: bytes, image: Image.Image) -> int:
    """Number of frames of an animation, or pages; 1 for a still picture.

    Args:
        data: the file's bytes.
        image: the opened picture; tells the count where its header says it.
    """
    if image.format == "GIF":
        return max(1, _gif_frames(data))
    if image.format == "TIFF":
        return max(1, _tiff_pages(data))
    # For the other formats the count stands in the header (acTL, ANMF count, MPF index, AVIF sequence).
    count = getattr(image, "n_frames", 1)
    return min(max(1, int(count)), MAX_FRAMES)


def _gif_frames(data: bytes) -> int:
    """Image descriptors between the header and the trailer or the file's end."""

    def after_table(flags_at: int, then: int) -> int:
        flags = data[flags_at]
        return then + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)

    def after_blocks(at: int) -> int:
        while data[at]:
            at += data[at] + 1
        return at + 1

    frames = 0
    try:
        at = after_table(10, 13)
        while frames < MAX_FRAMES:
            kind = data[at]
            if kind == 0x2C:
                frames += 1
                at = after_blocks(after_table(at + 9, at + 10) + 1)
            elif kind == 0x21:
                at = after_blocks(at + 2)
            else:
                break
    except IndexError:
        pass
    return frames


def _tiff_pages(data: bytes) -> int:
    """Length of the chain of directories, loops cut."""
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    big = 43 in (data[2], data[3])
    first, count_size, entry_size, link_size = (8, 8, 20, 8) if big else (4, 2, 12, 4)

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)

    at, seen = number(first, link_size), set[int]()
    while at and at not in seen and at + count_size <= len(data) and len(seen) < MAX_FRAMES:
        seen.add(at)
        at = number(at + count_size + number(at, count_size) * entry_size, link_size)
    return len(seen)
