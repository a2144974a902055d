"""What sort of picture it is, so that error rates can be stated by kind: a look at a few statistics of its pixels.

A heuristic, and a modest one: it is told apart by edges, flat areas and colours, not by what is shown. What it gets
right and wrong, measured on labelled pictures, stands in ``docs/kinds.md``. Calling a photograph something else costs a
verdict (it becomes inconclusive); calling something else a photograph lends it error rates that were never measured
for it. So its bounds let some photographs go, above all product shots cut out on plain white.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

from PIL import Image

from fakescan.core.records import ImageKind
from fakescan.intake import values
from fakescan.intake.detail import Detail
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
    def coarse(self) -> Image.Image:
        """A copy whose short side is at most twice that of ``reduced``; of a strip, its middle."""
        factor = min(self._whole.size) // _SMALL_PX
        return self._whole.reduce(factor) if factor > 1 else self._whole

    @cached_property
    def reduced(self) -> Image.Image:
        """A copy of bounded size; of a strip, its middle."""
        scale = _SMALL_PX / min(self.coarse.size)
        if scale >= 1:
            return self.coarse
        size = (max(1, round(self.coarse.width * scale)), max(1, round(self.coarse.height * scale)))
        return self.coarse.resize(size, Image.Resampling.BILINEAR)

    @cached_property
    def kind(self) -> ImageKind:
        """The kind of the picture."""
        if min(self._image.size) < TINY_PX:
            return ImageKind.TINY
        may_be_drawn = values.share(self._patch_steps, 0, 1) >= _LEAST_SAME or self._ground >= _LEAST_GROUND
        if may_be_drawn and (drawn := self._drawn_kind()) is not None:
            return drawn
        if self._is_paper and values.share(self._patch_steps, _STRONG) >= 0.05:
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
        steps, brightness, common = self._patch_steps, self._patch_values, self._common
        drawn = (brightness < common - _BACKGROUND_STEPS) | (brightness > common + _BACKGROUND_STEPS)
        drawn_steps = values.steps_within(brightness, drawn)
        return Traits(
            same=values.share(steps, 0, 1),
            edges=values.share(steps, _STRONG),
            drawn_same=values.share(drawn_steps, 0, 1),
            drawn_edges=values.share(drawn_steps, _STRONG),
            texture=values.share(self._plane_steps[0], 3, 24),
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
        halved = values.plane_of(self._bands.getchannel(0).reduce(2))
        found = [
            *values.shares(brightness_steps, (1, 3, 8, 16, 32, 64)),
            *values.shares(values.steps(halved), (1, 3, 8, 16, 32, 64)),
            *values.shares(blue_steps, (1, 2, 4, 8, 16)),
            *values.shares(red_steps, (1, 2, 4, 8, 16)),
            *values.shares(saturation, (16, 48, 96, 144, 192, 224)),
            *values.shares(value, (8, 32, 64, 128, 192, 224, 248)),
            *values.shares(values.products(saturation, value), (24, 48, 80, 110, 150)),
        ]
        different, commonest, pixels = values.colours(self.reduced.reduce(4))
        found += [different / pixels, commonest / pixels]
        grain = values.gaps(self._patch_values, values.smoothed(self._patch_values))
        found += [*values.shares(grain, (1, 2, 3, 5, 8, 16, 32)), values.share(self._patch_steps, 0, 1)]
        return tuple(found)

    @cached_property
    def has_seam(self) -> bool:
        """Whether a straight line from border to border parts the picture, as between the pictures of a composite."""
        return has_seam(self._whole, self._planes)

    @cached_property
    def is_upscaled(self) -> bool:
        """Whether the finest detail is missing all over, as after scaling up by three or four."""
        found = False
        for part in self._parts():
            # What the upper quarter has lost is mostly enough to say no.
            if part.at_least >= _UPSCALED_BELOW or part.finest >= _UPSCALED_BELOW:
                return False
            found = True
        return found

    def finest_detail(self) -> Iterator[float]:
        """Detail that halving the size destroys, by what the next two halvings destroy, for five parts of the picture.

        Parts without any detail are left out.
        """
        return (part.finest for part in self._parts())

    def _parts(self) -> Iterator[Detail]:
        width, height = self._image.size
        side = min(_PATCH_PX, width, height) // 8 * 8
        right, bottom = width - side, height - side
        places = dict.fromkeys([(right // 2, bottom // 2), (0, 0), (right, 0), (0, bottom), (right, bottom)])
        for number, (left, top) in enumerate(places):
            if not number and self._patch.size == (side, side):
                part = Detail(self._patch)
            else:
                part = Detail(self._image.crop((left, top, left + side, top + side)).convert("L"))
            if part.coarse >= _LEAST_DETAIL:
                yield part

    @cached_property
    def _is_paper(self) -> bool:
        """Bright ground, dark marks, next to no colour and little in between."""
        bright, dark = values.share(self._patch_values, 176), values.share(self._patch_values, 0, 112)
        if bright < 0.6 or dark < 0.02 or bright + dark < 0.8:
            return False
        return values.share(values.products(*self._saturation_and_value), 48) <= 0.02

    @cached_property
    def _saturation_and_value(self) -> tuple[values.Values, values.Values]:
        return values.saturation_and_value(values.planes_of(self.reduced))

    @cached_property
    def _whole(self) -> Image.Image:
        """The picture; of a strip, its middle."""
        return _middle(self._image, *[2 * min(self._image.size)] * 2)

    @cached_property
    def _patch(self) -> Image.Image:
        return _middle(self._image, _PATCH_PX, _PATCH_PX).convert("L")

    @cached_property
    def _patch_values(self) -> values.Values:
        return values.plane_of(self._patch)

    @cached_property
    def _common(self) -> int:
        """The commonest brightness of the middle part."""
        counts = self._patch.histogram()
        return counts.index(max(counts))

    @cached_property
    def _ground(self) -> float:
        """Share of the middle part that has nearly its commonest brightness."""
        return values.share(self._patch_values, max(0, self._common - _GROUND_STEPS), self._common + _GROUND_STEPS + 1)

    @cached_property
    def _patch_steps(self) -> values.Values:
        return values.steps(self._patch_values)

    @cached_property
    def _plane_steps(self) -> list[values.Values]:
        """As ``steps``, of brightness, blue and red difference in the reduced copy."""
        return [values.steps(plane) for plane in self._planes]

    @cached_property
    def _planes(self) -> values.Values:
        """Brightness, blue and red difference of the reduced copy."""
        return values.planes_of(self._bands)

    @cached_property
    def _bands(self) -> Image.Image:
        return self.reduced.convert("YCbCr")


def kind_of(image: Image.Image) -> ImageKind:
    """The kind of a picture.

    Args:
        image: mode RGB, full size.
    """
    return Look(image).kind


def _middle(image: Image.Image, width_px: int, height_px: int) -> Image.Image:
    width, height = min(image.width, width_px), min(image.height, height_px)
    if (width, height) == image.size:
        return image
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
