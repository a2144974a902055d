"""Straight lines from border to border across which a picture changes: where the pictures of a composite meet.

Looked for in two steps. In a reduced copy, lines along which nearly every row changes: those are seams, but also
horizons and the edges of tables. Then, around each of them, in the picture's full size: a seam lies in the same column
of pixels from one end to the other and is sharp in every row; what a camera saw is neither so straight nor so sharp.
"""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image, ImageChops

_AT = (0.15, 0.85)
"""Where a line is looked for: the margins hold frames and captions."""
_STEP, _SHARE = 8, 0.9
"""In the reduced copy: change over two pixels, and share of the rows that change so much."""
_LINES = 4
_SHARP_STEP, _SHARP_SHARE = 10, 0.88
"""In full size. Of 450 photographs 1.1 % have such a line, one of them because it is a composite."""
_STEPS = bytes(0 if value < _STEP else 255 for value in range(256))
_FIRED = bytes([0, *[255] * 255])
_OVER = bytes(min(255, max(_SHARP_STEP, -(-3 * value // 2)) - 1) for value in range(256))
"""What a change must exceed, by the larger of the changes beside it: half as much again."""
_BESIDE = 4
_SPARE_PX = 6


def has_seam(image: Image.Image, reduced: Image.Image) -> bool:
    """Whether a line parts the picture.

    Args:
        image: mode RGB, full size.
        reduced: a smaller copy of it, in three planes.
    """
    turn = Image.Transpose.TRANSPOSE
    if any(_is_sharp(_strip(image, at, reduced.width)) for at in _lines(reduced)):
        return True
    lying = list(_lines(reduced.transpose(turn)))
    if not lying:
        return False
    width, height = image.size
    for at in lying:
        top, bottom = _around(at, height, reduced.height)
        if _is_sharp(image.crop((0, top, width, bottom)).transpose(turn)):
            return True
    return False


def _lines(reduced: Image.Image) -> Iterator[float]:
    """Places, as shares of the width, of the upright lines along which most rows change; the clearest first."""
    if reduced.width < 7:
        return
    shares = _shares(_mapped(_changes(reduced), _STEPS))
    low, high = (round(share * len(shares)) for share in _AT)
    found = sorted(range(low, high), key=lambda column: -shares[column])[:_LINES]
    for column in found:
        if shares[column] >= 255 * _SHARE:
            yield (column + 1.5) / reduced.width


def _strip(image: Image.Image, at: float, reduced_px: int) -> Image.Image:
    left, right = _around(at, image.width, reduced_px)
    return image.crop((left, 0, right, image.height))


def _around(at: float, full_px: int, reduced_px: int) -> tuple[int, int]:
    half = 2 * full_px / reduced_px + _SPARE_PX
    return max(0, int(at * full_px - half)), min(full_px, int(at * full_px + half) + 1)


def _is_sharp(strip: Image.Image) -> bool:
    """Whether nearly every row of a narrow strip changes in the same column, and less beside it."""
    changes = _changes(strip)
    width, height = changes.size
    if width <= 2 * _BESIDE:
        return False
    here = changes.crop((_BESIDE, 0, width - _BESIDE, height))
    beside = ImageChops.lighter(
        changes.crop((0, 0, width - 2 * _BESIDE, height)), changes.crop((2 * _BESIDE, 0, width, height))
    )
    fired = _mapped(ImageChops.subtract(here, _mapped(beside, _OVER)), _FIRED)
    return max(_shares(fired)) >= 255 * _SHARP_SHARE


def _changes(image: Image.Image) -> Image.Image:
    """The largest change of any plane over two pixels, from left to right."""
    width, height = image.size
    changes = ImageChops.difference(image.crop((2, 0, width, height)), image.crop((0, 0, width - 2, height)))
    first, second, third = changes.split()
    return ImageChops.lighter(ImageChops.lighter(first, second), third)


def _shares(marked: Image.Image) -> bytes:
    """Of each column the share of its rows that are marked, by 255."""
    return marked.resize((marked.width, 1), Image.Resampling.BOX).tobytes()


def _mapped(image: Image.Image, values: bytes) -> Image.Image:
    return Image.frombytes("L", image.size, image.tobytes().translate(values))
