"""Straight lines from border to border across which a picture changes: where the pictures of a composite meet.

Looked for in two steps. In a reduced copy, lines along which nearly every row changes: those are seams, but also
horizons and the edges of tables. Then, around each of them, in the picture's full size: a seam lies in the same column
of pixels from one end to the other and is sharp in every row; what a camera saw is neither so straight nor so sharp.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from fakescan.intake.values import Values, column_shares, gaps, planes_of

_AT = (0.15, 0.85)
"""Where a line is looked for: the margins hold frames and captions."""
_STEP, _SHARE = 8, 0.9
"""In the reduced copy: change over two pixels, and share of the rows that change so much."""
_LINES = 4
_SHARP_STEP, _SHARP_SHARE = 10, 0.88
"""In full size. Of 450 photographs 1.1 % have such a line, one of them because it is a composite."""
_OVER = np.array([min(255, max(_SHARP_STEP, -(-3 * value // 2)) - 1) for value in range(256)], np.uint8)
"""What a change must exceed, by the larger of the changes beside it: half as much again."""
_BESIDE = 4
_SPARE_PX = 6


def has_seam(image: Image.Image, reduced: Values) -> bool:
    """Whether a line parts the picture.

    Args:
        image: mode RGB, full size.
        reduced: three planes of a smaller copy of it.
    """
    width, height = image.size
    for at in _lines(reduced):
        left, right = _around(at, width, reduced.shape[2])
        if _is_sharp(planes_of(image.crop((left, 0, right, height)))):
            return True
    for at in _lines(reduced.transpose(0, 2, 1)):
        top, bottom = _around(at, height, reduced.shape[1])
        if _is_sharp(planes_of(image.crop((0, top, width, bottom))).transpose(0, 2, 1)):
            return True
    return False


def _lines(planes: Values) -> Iterator[float]:
    """Places, as shares of the width, of the upright lines along which most rows change; the clearest first."""
    width = planes.shape[2]
    if width < 7:
        return
    shares = column_shares(_changes(planes) >= _STEP)
    low, high = (round(share * len(shares)) for share in _AT)
    clear = [column for column in range(low, high) if shares[column] >= 255 * _SHARE]
    for column in sorted(clear, key=lambda column: -shares[column])[:_LINES]:
        yield (column + 1.5) / width


def _around(at: float, full_px: int, reduced_px: int) -> tuple[int, int]:
    half = 2 * full_px / reduced_px + _SPARE_PX
    return max(0, int(at * full_px - half)), min(full_px, int(at * full_px + half) + 1)


def _is_sharp(planes: Values) -> bool:
    """Whether nearly every row of a narrow strip changes in the same column, and less beside it."""
    changes = _changes(planes)
    if changes.shape[1] <= 2 * _BESIDE:
        return False
    beside = np.maximum(changes[:, : -2 * _BESIDE], changes[:, 2 * _BESIDE :])
    fired = changes[:, _BESIDE:-_BESIDE] > _OVER.take(beside)
    return max(column_shares(fired)) >= 255 * _SHARP_SHARE


def _changes(planes: Values) -> Values:
    """The largest change of any plane over two pixels, from left to right."""
    first, second, third = gaps(planes[:, :, 2:], planes[:, :, :-2])
    changes: Values = np.maximum(np.maximum(first, second), third)
    return changes
