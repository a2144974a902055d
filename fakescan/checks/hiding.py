"""Parts of a picture, hidden from the model in every view that shows them.

The grid lies over what the model sees at a glance: the centred square of the ``square`` view, or the whole picture.
A hidden part is blurred beyond recognition, with soft edges, rather than blackened: a black box is a sight of its
own. Where a view shows the middle at native resolution, a part that covers it is hidden there, too, so that a number
always says "this part of the picture was not to be seen".
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from PIL import Image, ImageFilter

from fakescan.core.checked import Region
from fakescan.core.views import View, Views
from fakescan.intake.decode import DecodedImage

GRID = 5
"""Cells a side."""
_BLUR_SHARE = 0.6
"""Radius of the blur, as a share of the smaller side of what is hidden."""
_LEAST_PX = 2
"""What is smaller in a view cannot be hidden there."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture for the model, and the size of the picture that it was cut from."""

    image: DecodedImage
    """The whole picture, or its views."""
    size_px: tuple[int, int]
    """Width and height of the whole picture when it was cut."""

    def cells(self, grid: int = GRID) -> list[Region]:
        """The parts that are hidden one by one, row by row.

        Args:
            grid: cells a side.
        """
        left, top, width, height = self._glance()
        return [
            Region(left + width * x / grid, top + height * y / grid, width / grid, height / grid)
            for y in range(grid)
            for x in range(grid)
        ]

    def without(self, regions: Iterable[Region]) -> DecodedImage:
        """The same with these parts hidden.

        Args:
            regions: the parts.
        """
        parts = list(regions)
        views, image = self.image.views, self.image.image.copy()
        if views is None:
            _hide(image, (0, 0, *image.size), [_scaled(part, image.size) for part in parts])
        else:
            size = views.size_px
            for number, view in enumerate(views.names):
                x, y, side = _window(view, self.size_px, views)
                boxes = [
                    ((px - x) * size / side, (py - y) * size / side, (qx - x) * size / side, (qy - y) * size / side)
                    for px, py, qx, qy in (_scaled(part, self.size_px) for part in parts)
                ]
                _hide(image, (0, number * size, size, (number + 1) * size), boxes)
        return replace(self.image, image=image)

    def _glance(self) -> tuple[float, float, float, float]:
        """What the model sees at a glance: left, top, width, height as shares of the picture."""
        width, height = self.size_px
        views = self.image.views
        if views is None or "pad" in views.names:
            return 0.0, 0.0, 1.0, 1.0
        view: View = "square" if "square" in views.names else views.names[0]
        x, y, side = _window(view, self.size_px, views)
        return x / width, y / height, side / width, side / height


def merged(regions: Sequence[Region]) -> list[Region]:
    """Neighbouring cells of a grid as one box, where together they are a rectangle.

    Args:
        regions: cells.
    """
    boxes = list(regions)
    while (pair := _neighbours(boxes)) is not None:
        one, other, both = pair
        boxes = [box for box in boxes if box not in (one, other)] + [both]
    return sorted(boxes, key=lambda box: (box.top, box.left))


def by_lot(cells: Sequence[Region], but: Sequence[Region], seed: str) -> list[Region]:
    """As many other cells, drawn by lot; the same for the same picture every time.

    Args:
        cells: all there are.
        but: those that are compared with; at least as many others should be left.
        seed: the picture's digest and whatever tells apart several draws.
    """
    left = [cell for cell in cells if cell not in but]
    return random.Random(seed).sample(left, min(len(but), len(left)))  # noqa: S311 (a draw, no secret)


def _neighbours(boxes: Sequence[Region]) -> tuple[Region, Region, Region] | None:
    for one in boxes:
        for other in boxes:
            beside = _same(one.top, other.top) and _same(one.height, other.height)
            below = _same(one.left, other.left) and _same(one.width, other.width)
            if beside and _same(one.left + one.width, other.left):
                return one, other, replace(one, width=one.width + other.width)
            if below and _same(one.top + one.height, other.top):
                return one, other, replace(one, height=one.height + other.height)
    return None


def _same(one: float, other: float) -> bool:
    return abs(one - other) < 1e-6


def _scaled(part: Region, size_px: tuple[int, int]) -> tuple[float, float, float, float]:
    """Corners in pixels."""
    width, height = size_px
    return part.left * width, part.top * height, (part.left + part.width) * width, (part.top + part.height) * height


def _window(view: View, size_px: tuple[int, int], views: Views) -> tuple[float, float, float]:
    """Left, top and side of the square of the picture that a view shows, as ``intake/views.py`` cuts it."""
    width, height = size_px
    side = max(size_px) if view == "pad" else min(size_px)
    if view == "native":
        side = min(side, views.size_px)
    if view == "pad":
        return float(-((side - width) // 2)), float(-((side - height) // 2)), float(side)
    return float((width - side) // 2), float((height - side) // 2), float(side)


def _hide(
    image: Image.Image, view: tuple[int, int, int, int], boxes: Iterable[tuple[float, float, float, float]]
) -> None:
    """Blur boxes (in the view's own pixels) of a view, in place."""
    left, top, right, bottom = view
    part = image.crop(view)
    for box in boxes:
        x0, y0 = max(0, round(box[0])), max(0, round(box[1]))
        x1, y1 = min(right - left, round(box[2])), min(bottom - top, round(box[3]))
        if min(x1 - x0, y1 - y0) < _LEAST_PX:
            continue
        radius = _BLUR_SHARE * min(x1 - x0, y1 - y0)
        mask = Image.new("L", part.size)
        mask.paste(255, (x0, y0, x1, y1))
        part.paste(part.filter(ImageFilter.BoxBlur(radius)), mask=mask.filter(ImageFilter.BoxBlur(radius / 8)))
    image.paste(part, (left, top))
