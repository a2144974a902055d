"""What sort of picture it is, so that error rates can be stated by kind: a look at a few statistics of its pixels.

A heuristic, and a modest one: it is told apart by edges, flat areas and colours, not by what is shown. What it gets
right and wrong, measured on labelled pictures, stands in ``docs/kinds.md``. Calling a photograph something else costs a
verdict (it becomes inconclusive); calling something else a photograph lends it error rates that were never measured
for it. So its bounds let some photographs go, above all product shots cut out on plain white.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from math import sqrt
from operator import mul

from PIL import Image, ImageChops, ImageFilter

from fakescan.core.records import ImageKind
from fakescan.intake.scope_weights import ART_BIAS, ART_WEIGHTS
from fakescan.intake.seams import has_seam

TINY_PX = 128
"""Pictures with a shorter short side say too little."""

_PATCH_PX = 256
"""Side of the parts that are looked at pixel by pixel: scaling would hide how flat drawn areas are."""
_SMALL_PX = 128
"""Short side of the reduced copy that shows the picture as a whole."""
_BACKGROUND_STEPS = 3
_STRONG = 48
"""Brightness step between neighbours that is an edge."""
_LEAST_SAME = 0.5
"""Share of exactly equal neighbours below which nobody drew the picture."""
_SURELY_SAME = 0.85
"""Above this nobody photographed it: of 1,572 photographs the flattest had 0.80 (an object on plain white)."""
_GROUND_STEPS = 4
_LEAST_GROUND, _LEAST_STROKES = 0.55, 0.18
"""Text and lines on a ground, however noisy: the ground takes so much of the picture, and what lies on it has so many
edges. Of 1,572 photographs 19 had such a ground, and at most 0.14 edges on it."""
_RATHER_ART = -0.5
"""Flat areas alone are no drawing where the score of all other statistics says so clearly that it is a photograph."""
_SIXTEENTHS = bytes(value >> 4 for value in range(256))
_UPSCALED_BELOW = 0.15
"""The softest of 26 pictures straight from cameras had 0.216, half of those scaled up by 3 or 4 are below."""
_LEAST_DETAIL = 1.0


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
    """Neighbours in the reduced copy that differ a little, as on the surfaces that photographs are full of."""


class Look:
    """A picture as the heuristics see it; each part is computed once, and only if it is asked for."""

    def __init__(self, image: Image.Image) -> None:
        """Take a picture.

        Args:
            image: mode RGB, full size.
        """
        self._image = image

    @cached_property
    def reduced(self) -> Image.Image:
        """A copy of bounded size; of a strip, its middle."""
        factor = min(self._whole.size) // _SMALL_PX
        reduced = self._whole.reduce(factor) if factor > 1 else self._whole
        scale = _SMALL_PX / min(reduced.size)
        if scale >= 1:
            return reduced
        size = (max(1, round(reduced.width * scale)), max(1, round(reduced.height * scale)))
        return reduced.resize(size, Image.Resampling.BILINEAR)

    @cached_property
    def kind(self) -> ImageKind:
        """The kind of the picture."""
        if min(self._image.size) < TINY_PX:
            return ImageKind.TINY
        may_be_drawn = _share(self._patch_steps, 0, 1) >= _LEAST_SAME or self._ground >= _LEAST_GROUND
        if may_be_drawn and (drawn := self._drawn_kind()) is not None:
            return drawn
        if self._is_paper and _share(self._patch_steps, _STRONG) >= 0.05:
            return ImageKind.DOCUMENT
        if self.has_seam:
            return ImageKind.COMPOSITE
        if self.art_score > 0:
            return ImageKind.ART
        return ImageKind.UPSCALED if self.is_upscaled else ImageKind.PHOTO

    def _drawn_kind(self) -> ImageKind | None:
        """Screen, page or drawing: what has neighbours that are exactly equal, as no camera makes them."""
        traits = self.traits
        is_text = traits.drawn_edges >= 0.3 and traits.same >= _LEAST_SAME
        if is_text or (self._ground >= _LEAST_GROUND and traits.drawn_edges >= _LEAST_STROKES):
            # Next to nothing but text.
            return ImageKind.DOCUMENT if self._is_paper else ImageKind.SCREENSHOT
        is_flat = traits.same >= _SURELY_SAME or (traits.same >= 0.65 and traits.texture <= 0.2)
        if is_flat and (traits.drawn_same >= 0.4 or traits.drawn_edges >= 0.15):
            # Flat areas without any noise: made by a computer. Text is what screens have and drawings lack.
            if traits.edges >= 0.006 and traits.drawn_edges >= 0.04:
                return ImageKind.SCREENSHOT
            if traits.same >= _SURELY_SAME or self.art_score > _RATHER_ART:
                return ImageKind.ART
        return None

    @cached_property
    def traits(self) -> Traits:
        """What tells drawn pictures."""
        steps = self._patch_steps
        patch, brightness = self._patch, self._patch_brightness
        common = brightness.index(max(brightness))
        drawn = _mapped(patch, bytes(0 if abs(value - common) <= _BACKGROUND_STEPS else 255 for value in range(256)))
        drawn_steps = _steps(patch, drawn)
        return Traits(
            same=_share(steps, 0, 1),
            edges=_share(steps, _STRONG),
            drawn_same=_share(drawn_steps, 0, 1),
            drawn_edges=_share(drawn_steps, _STRONG),
            texture=_share(self._plane_steps[0], 3, 24),
        )

    @cached_property
    def art_score(self) -> float:
        """Above 0: rather art or illustration than a photograph. Linear in the roots of ``shares``, fitted."""
        return ART_BIAS + sum(weight * sqrt(share) for weight, share in zip(ART_WEIGHTS, self.shares, strict=True))

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """Shares between 0 and 1 (the last but two: a count by its possible maximum) that the score is made of."""
        saturation, value = self._saturation_and_value
        brightness_steps, blue_steps, red_steps = self._plane_steps
        brightness = self._planes.getchannel(0)
        found = [
            *_shares(brightness_steps, (1, 3, 8, 16, 32, 64)),
            *_shares(_steps(brightness.reduce(2)), (1, 3, 8, 16, 32, 64)),
            *_shares(blue_steps, (1, 2, 4, 8, 16)),
            *_shares(red_steps, (1, 2, 4, 8, 16)),
            *_shares(saturation.histogram(), (16, 48, 96, 144, 192, 224)),
            *_shares(value.histogram(), (8, 32, 64, 128, 192, 224, 248)),
            *_shares(ImageChops.multiply(saturation, value).histogram(), (24, 48, 80, 110, 150)),
        ]
        coarse = _mapped(self.reduced.reduce(4), _SIXTEENTHS)
        colours = [count for count, _ in coarse.getcolors(coarse.width * coarse.height) or []]
        found += [len(colours) / sum(colours), max(colours) / sum(colours)]
        residue = ImageChops.difference(self._patch, self._patch.filter(ImageFilter.BoxBlur(1)))
        found += [*_shares(residue.histogram(), (1, 2, 3, 5, 8, 16, 32)), _share(self._patch_steps, 0, 1)]
        return tuple(found)

    @cached_property
    def has_seam(self) -> bool:
        """Whether a straight line from border to border parts the picture, as between the pictures of a composite."""
        return has_seam(self._whole, self._planes)

    @cached_property
    def is_upscaled(self) -> bool:
        """Whether the finest detail is missing all over, as after scaling up by three or four."""
        found = False
        for ratio in self.finest_detail():
            if ratio >= _UPSCALED_BELOW:
                return False
            found = True
        return found

    def finest_detail(self) -> Iterator[float]:
        """Detail that halving the size destroys, by what the next two halvings destroy, for five parts of the picture.

        Parts without any detail are left out.
        """
        width, height = self._image.size
        side = min(_PATCH_PX, width, height) // 8 * 8
        right, bottom = width - side, height - side
        places = dict.fromkeys([(right // 2, bottom // 2), (0, 0), (right, 0), (0, bottom), (right, bottom)])
        for left, top in places:
            part = self._image.crop((left, top, left + side, top + side)).convert("L")
            coarse = _lost(part.reduce(2), 4)
            if coarse >= _LEAST_DETAIL:
                yield _lost(part, 2) / coarse

    @cached_property
    def _is_paper(self) -> bool:
        """Bright ground, dark marks, next to no colour and little in between."""
        bright, dark = _share(self._patch_brightness, 176), _share(self._patch_brightness, 0, 112)
        if bright < 0.6 or dark < 0.02 or bright + dark < 0.8:
            return False
        return _share(ImageChops.multiply(*self._saturation_and_value).histogram(), 48) <= 0.02

    @cached_property
    def _saturation_and_value(self) -> tuple[Image.Image, Image.Image]:
        hue_sat_val = self.reduced.convert("HSV")
        return hue_sat_val.getchannel("S"), hue_sat_val.getchannel("V")

    @cached_property
    def _whole(self) -> Image.Image:
        """The picture; of a strip, its middle."""
        return _middle(self._image, *[2 * min(self._image.size)] * 2)

    @cached_property
    def _patch(self) -> Image.Image:
        return _middle(self._image, _PATCH_PX, _PATCH_PX).convert("L")

    @cached_property
    def _patch_brightness(self) -> list[int]:
        return self._patch.histogram()

    @cached_property
    def _ground(self) -> float:
        """Share of the middle part that has nearly its commonest brightness."""
        common = self._patch_brightness.index(max(self._patch_brightness))
        return _share(self._patch_brightness, max(0, common - _GROUND_STEPS), common + _GROUND_STEPS + 1)

    @cached_property
    def _patch_steps(self) -> list[int]:
        return _steps(self._patch)

    @cached_property
    def _plane_steps(self) -> list[list[int]]:
        """As ``_steps``, of brightness, blue and red difference in the reduced copy."""
        both = zip(*(image.histogram() for image in self._neighbours), strict=True)
        counts = [one + other for one, other in both]
        return [counts[at : at + 256] for at in (0, 256, 512)]

    @cached_property
    def _neighbours(self) -> tuple[Image.Image, Image.Image]:
        """Differences of all planes to the neighbour on the left, and to the one above."""
        return _differences(self._planes)

    @cached_property
    def _planes(self) -> Image.Image:
        return self.reduced.convert("YCbCr")


def kind_of(image: Image.Image) -> ImageKind:
    """The kind of a picture.

    Args:
        image: mode RGB, full size.
    """
    return Look(image).kind


def _differences(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    width, height = image.size
    return (
        ImageChops.difference(image.crop((1, 0, width, height)), image.crop((0, 0, width - 1, height))),
        ImageChops.difference(image.crop((0, 1, width, height)), image.crop((0, 0, width, height - 1))),
    )


def _lost(grey: Image.Image, factor: int) -> float:
    """Mean of what reducing by a factor loses, in steps of brightness."""
    back = grey.reduce(factor).resize(grey.size, Image.Resampling.BICUBIC)
    counts = ImageChops.difference(grey, back).histogram()
    total: int = sum(map(mul, range(len(counts)), counts))
    return total / max(1, sum(counts))


def _mapped(image: Image.Image, values: bytes) -> Image.Image:
    """Every value of every plane replaced by a table's; Pillow's own ``point`` rounds tables in Python each time."""
    return Image.frombytes(image.mode, image.size, image.tobytes().translate(values))


def _middle(image: Image.Image, width_px: int, height_px: int) -> Image.Image:
    width, height = min(image.width, width_px), min(image.height, height_px)
    if (width, height) == image.size:
        return image
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _steps(grey: Image.Image, where: Image.Image | None = None) -> list[int]:
    """Histogram of the differences between neighbours, side by side and one above the other."""
    width, height = grey.size
    masks = [None, None] if where is None else [where.crop((1, 0, width, height)), where.crop((0, 1, width, height))]
    across, down = (difference.histogram(mask) for difference, mask in zip(_differences(grey), masks, strict=True))
    return [one + other for one, other in zip(across, down, strict=True)]


def _share(counts: Sequence[int], low: int, high: int | None = None) -> float:
    return sum(counts[low:high]) / max(1, sum(counts))


def _shares(counts: Sequence[int], bounds: Sequence[int]) -> list[float]:
    """Shares of the counts between neighbouring bounds, from 0 to the first and from the last to the end as well."""
    below = [0, *accumulate(counts)]
    edges = (0, *bounds, len(counts))
    return [(below[high] - below[low]) / max(1, below[-1]) for low, high in pairwise(edges)]
