"""Planes of a picture as arrays of bytes, and how their values are spread: exact, and in few passes.

It loads numpy, so it is only imported where a picture is decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PIL import Image

Values = npt.NDArray[np.uint8]
"""Bytes: of one plane rows and columns, of several planes those behind the plane's number."""
Marks = npt.NDArray[np.bool_]
"""Which values are meant."""

_Wide = npt.NDArray[np.uint16]
_SHARE_BITS = 22


def plane_of(image: Image.Image) -> Values:
    """The only plane of a picture.

    Args:
        image: mode L.
    """
    return np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width)


def planes_of(image: Image.Image) -> Values:
    """The planes of a picture, each in one piece.

    Args:
        image: a mode of three planes.
    """
    pixels = np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width, 3)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def gaps(one: Values, other: Values) -> Values:
    """How far apart the values are, one by one.

    Args:
        one: some values.
        other: as many.
    """
    found: Values = np.maximum(one, other)
    found -= np.minimum(one, other)
    return found


def steps(plane: Values) -> Values:
    """Differences between neighbours, side by side and one above the other, in one row.

    Args:
        plane: rows and columns.
    """
    height, width = plane.shape
    row = plane.reshape(-1)  # rows one after the other: three times as fast as row by row
    found = np.empty(height * (width - 1) + (height - 1) * width, np.uint8)
    across, down = found[: height * (width - 1)], found[height * (width - 1) :]
    beside = np.empty(row.size, np.uint8)
    beside[:-1] = gaps(row[1:], row[:-1])  # from the end of a row to the next one, too: that column is left out
    across.reshape(height, width - 1)[...] = beside.reshape(height, width)[:, :-1]
    down[...] = gaps(row[width:], row[:-width])
    return found


def steps_within(plane: Values, where: Marks) -> Values:
    """Those of ``steps`` that lead to a marked pixel.

    Args:
        plane: rows and columns.
        where: the marks, as many.
    """
    marked = np.concatenate((where[:, 1:].reshape(-1), where[1:].reshape(-1)))
    return steps(plane)[marked]


def share(values: Values, low: int, high: int | None = None) -> float:
    """Share of the values from one bound to below another; 0 where there are none.

    Args:
        values: any number of them.
        low: the lower bound.
        high: the upper bound, which is not meant any more; None: no bound.
    """
    inside = values.size if high is None else _below(values, high)
    return (inside - _below(values, low)) / max(1, values.size)


def shares(values: Values, bounds: Sequence[int]) -> list[float]:
    """Shares of the values between neighbouring bounds, from 0 to the first and from the last to the end as well.

    Args:
        values: any number of them.
        bounds: in rising order, 1 to 255.
    """
    below = [0, *(_below(values, bound) for bound in bounds), values.size]
    return [(high - low) / max(1, values.size) for low, high in pairwise(below)]


def rises(plane: Values) -> bytes:
    """A bit for each value but the last of a row: whether the next one is larger; row by row, the first bit highest.

    Args:
        plane: rows and columns.
    """
    return np.packbits(plane[:, 1:] > plane[:, :-1]).tobytes()


def total(values: Values) -> int:
    """Sum of the values.

    Args:
        values: any number of them.
    """
    return int(values.sum(dtype=np.int64))


def products(one: Values, other: Values) -> Values:
    """One by one multiplied, with 255 as the whole, cut off as Pillow's ``ImageChops.multiply`` does.

    Args:
        one: some values.
        other: as many.
    """
    product = one.astype(np.uint16)
    product *= other
    product //= 255
    return product.astype(np.uint8)


def smoothed(plane: Values) -> Values:
    """The mean of each value and its eight neighbours, as Pillow's ``BoxBlur(1)`` rounds it.

    Args:
        plane: rows and columns.
    """
    height, width = plane.shape
    wide = np.empty((height, width + 2), np.uint16)  # beyond the ends the outermost value goes on
    wide[:, 1:-1], wide[:, 0], wide[:, -1] = plane, plane[:, 0], plane[:, -1]
    high = np.empty((height + 2, width), np.uint16)
    high[1:-1] = _mean_of_three(wide[:, :-2], wide[:, 1:-1], wide[:, 2:])
    high[0], high[-1] = high[1], high[-2]
    return _mean_of_three(high[:-2], high[1:-1], high[2:]).astype(np.uint8)


def saturation_and_value(planes: Values) -> tuple[Values, Values]:
    """Saturation and value of red, green and blue, as Pillow's mode HSV has them.

    Args:
        planes: red, green and blue.
    """
    red, green, blue = planes
    most: Values = np.maximum(np.maximum(red, green), blue)
    least = np.minimum(np.minimum(red, green), blue)
    pairs = most.astype(np.uint16)
    pairs <<= 8
    pairs |= least
    return _saturations().take(pairs), most


def colours(image: Image.Image) -> tuple[int, int, int]:
    """How many colours there are when four bits of each plane count, how often the commonest, how many pixels.

    Args:
        image: mode RGB.
    """
    red, green, blue = (planes_of(image) >> 4).astype(np.uint16)
    counts = np.bincount((red << 8 | green << 4 | blue).reshape(-1))
    return int(np.count_nonzero(counts)), int(counts.max()), image.width * image.height


def column_shares(marked: Marks) -> list[int]:
    """Of each column the share of its rows that are marked, by 255, as Pillow's resizing to one row rounds it.

    Args:
        marked: rows and columns; at least one row.
    """
    weight = 255 * int(0.5 + 2**_SHARE_BITS / len(marked))
    counts = marked.sum(axis=0, dtype=np.int64)
    shares: list[int] = ((counts * weight + (1 << _SHARE_BITS - 1)) >> _SHARE_BITS).tolist()
    return shares


def _below(values: Values, bound: int) -> int:
    return int(np.count_nonzero(values < bound))


def _mean_of_three(one: _Wide, two: _Wide, three: _Wide) -> _Wide:
    """Rounded."""
    sums = one + two
    sums += three
    sums += 1
    sums //= 3
    return sums


@cache
def _saturations() -> Values:
    """Saturation by the largest and the least of red, green and blue: Pillow's own, asked once for every pair."""
    most, least = np.indices((256, 256), dtype=np.uint8)
    return plane_of(Image.fromarray(np.dstack((most, least, least)), "RGB").convert("HSV").getchannel("S")).reshape(-1)
