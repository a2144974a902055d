"""What sort of picture it is: photo, art, screenshot or tiny, so that error rates can be stated by kind.

A heuristic on a few pixel statistics, and a careful one: whatever is not plainly drawn by a computer or in bold lines
counts as a photo. Most paintings and renderings therefore do. Its bounds were chosen so that of real photographs under
three in a hundred are called something else; mostly those are product shots cut out on plain white.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops

from fakescan.core.records import ImageKind

TINY_PX = 128
"""Pictures with a shorter short side say too little."""

_PATCH_PX = 384
"""Side of the middle part that is looked at pixel by pixel: scaling would hide how flat drawn areas are."""
_SMALL_PX = 256
"""Short side of the reduced copy that shows the picture as a whole."""
_BACKGROUND_STEPS = 3
_STRONG, _VERY_STRONG, _TEXTURE = 48, 96, (3, 24)
"""Brightness steps between neighbours: an edge, a hard edge, and what surfaces of photographs are full of."""
_VIVID = 110
"""Saturation times brightness from which a colour is vivid."""


@dataclass(frozen=True, slots=True)
class Traits:
    """Shares between 0 and 1 that tell drawn pictures from photographed ones."""

    same: float
    """Neighbours in the middle part that are exactly equal."""
    edges: float
    """Neighbours in the middle part with an edge between them."""
    drawn_same: float
    """As ``same``, away from the commonest brightness."""
    drawn_edges: float
    """As ``edges``, away from the commonest brightness."""
    texture: float
    """Neighbours in the reduced copy that differ a little."""
    outlines: float
    """Neighbours in the reduced copy with an edge between them."""
    hard_outlines: float
    """Neighbours in the reduced copy with a hard edge between them."""
    vivid: float
    """Pixels of the reduced copy in a vivid colour."""


def kind_of(image: Image.Image) -> ImageKind:
    """The kind of a picture.

    Args:
        image: mode RGB, full size.
    """
    if min(image.size) < TINY_PX:
        return ImageKind.TINY
    traits = traits_of(image)
    if traits.same >= 0.5 and traits.drawn_edges >= 0.3:
        return ImageKind.SCREENSHOT  # next to nothing but text
    if traits.same >= 0.65 and traits.texture <= 0.2 and (traits.drawn_same >= 0.4 or traits.drawn_edges >= 0.15):
        # Flat areas without any noise: made by a computer. Text is what screens have and drawings lack.
        is_text = traits.edges >= 0.006 and traits.drawn_edges >= 0.04
        return ImageKind.SCREENSHOT if is_text else ImageKind.ART
    if traits.outlines >= 0.04 and traits.hard_outlines >= 0.002 and traits.vivid >= 0.1:
        return ImageKind.ART
    return ImageKind.PHOTO


def traits_of(image: Image.Image) -> Traits:
    """Measure a picture.

    Args:
        image: mode RGB.
    """
    patch = _middle(image, _PATCH_PX, _PATCH_PX).convert("L")
    brightness = patch.histogram()
    common = brightness.index(max(brightness))
    drawn = patch.point([0 if abs(value - common) <= _BACKGROUND_STEPS else 255 for value in range(256)])
    steps, drawn_steps = _steps(patch), _steps(patch, drawn)
    small = _reduced(image)
    outline = _steps(small.convert("L"))
    colour = small.convert("HSV")
    vividness = ImageChops.multiply(colour.getchannel("S"), colour.getchannel("V")).histogram()
    return Traits(
        same=_share(steps, 0, 1),
        edges=_share(steps, _STRONG),
        drawn_same=_share(drawn_steps, 0, 1),
        drawn_edges=_share(drawn_steps, _STRONG),
        texture=_share(outline, *_TEXTURE),
        outlines=_share(outline, _STRONG),
        hard_outlines=_share(outline, _VERY_STRONG),
        vivid=_share(vividness, _VIVID),
    )


def _reduced(image: Image.Image) -> Image.Image:
    """A copy of bounded size; of a strip, its middle."""
    short = min(image.size)
    image = _middle(image, 2 * short, 2 * short)
    factor = short // _SMALL_PX
    reduced = image.reduce(factor) if factor > 1 else image
    scale = _SMALL_PX / min(reduced.size)
    if scale >= 1:
        return reduced
    size = (max(1, round(reduced.width * scale)), max(1, round(reduced.height * scale)))
    return reduced.resize(size, Image.Resampling.BILINEAR)


def _middle(image: Image.Image, width_px: int, height_px: int) -> Image.Image:
    width, height = min(image.width, width_px), min(image.height, height_px)
    if (width, height) == image.size:
        return image
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _steps(grey: Image.Image, where: Image.Image | None = None) -> list[int]:
    """Histogram of the differences between neighbours, side by side and one above the other."""
    width, height = grey.size
    counts = [0] * 256
    for across, down in ((1, 0), (0, 1)):
        box = (across, down, width, height)
        difference = ImageChops.difference(grey.crop(box), grey.crop((0, 0, width - across, height - down)))
        mask = None if where is None else where.crop(box)
        counts = [one + other for one, other in zip(counts, difference.histogram(mask), strict=True)]
    return counts


def _share(counts: Sequence[int], low: int, high: int | None = None) -> float:
    return sum(counts[low:high]) / max(1, sum(counts))
