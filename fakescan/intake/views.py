"""The square parts of a picture that a model looks at: made where the picture is decoded, so that no more is carried.

``pad``     LLaVA-1.5's: centred on a square of the longer side filled with the tower's mean colour, then resized.
            It keeps everything, and it shows the aspect ratio through the bars.
``square``  The largest centred square, resized. Nothing about the aspect ratio reaches the model, which matters
            where AI-generated training images are square and photographs are not.
``native``  The centre at native resolution, not resized at all (resized up only where the image is smaller).
``crop``    CLIP's own: the shorter side resized, then the centre cut out. What a LLaVA takes whose config does not pad.

Resizing is Pillow's bicubic, with its antialiasing, on uint8.
"""

from __future__ import annotations

from PIL import Image

from fakescan.core.views import View, Views

_SLENDER = 16
"""Beyond this ratio of its sides a picture is cut to it before it is resized."""


def pad_to_square(image: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """Centre an image on a square of its longer side (integer floor offset, as LLaVA does)."""
    width, height = image.size
    side = max(width, height)
    if width == height:
        return image
    square = Image.new("RGB", (side, side), colour)
    square.paste(image, ((side - width) // 2, (side - height) // 2))
    return square


def centre_square(image: Image.Image, side_px: int | None = None) -> Image.Image:
    """Cut the largest centred square, or one of a given side where the image is at least that large.

    What is a square already is returned as it is.
    """
    width, height = image.size
    side = min(width, height) if side_px is None else min(width, height, side_px)
    if side == width == height:
        return image
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side))


def resized_centre(image: Image.Image, size: int) -> Image.Image:
    """Resize the shorter side and cut out the centre, with the rounding of CLIP's image processor."""
    width, height = image.size
    short, long = min(width, height), max(width, height)
    if long > _SLENDER * short:  # the whole of a strip, resized, could take any amount of memory
        wide, high = (min(each, _SLENDER * short) for each in image.size)
        left, top = (width - wide) // 2, (height - high) // 2
        return resized_centre(image.crop((left, top, left + wide, top + high)), size)
    scaled = int(size * long / short)
    wide, high = (size, scaled) if width <= height else (scaled, size)
    whole = image if image.size == (wide, high) else image.resize((wide, high), Image.Resampling.BICUBIC)
    left, top = (wide - size) // 2, (high - size) // 2
    return whole.crop((left, top, left + size, top + size))


def view_of(image: Image.Image, view: View, views: Views) -> Image.Image:
    """One view of a picture as a square RGB image.

    Args:
        image: mode RGB, orientation applied.
        view: which view.
        views: size and margin.
    """
    size = views.size_px
    if view == "crop":
        return resized_centre(image, size)
    if view == "pad":
        square = pad_to_square(image, views.margin)
    elif view == "square":
        square = centre_square(image)
    else:
        square = centre_square(image, size)
    return square if square.size == (size, size) else square.resize((size, size), Image.Resampling.BICUBIC)


def strip_of(image: Image.Image, views: Views) -> Image.Image:
    """All views of a picture, one under the other.

    Args:
        image: mode RGB, orientation applied.
        views: which views.
    """
    strip = Image.new("RGB", views.strip_px)
    for number, view in enumerate(views.names):
        strip.paste(view_of(image, view, views), (0, number * views.size_px))
    return strip


def views_in(strip: Image.Image, views: Views) -> list[Image.Image]:
    """The views in a strip, in order.

    Args:
        strip: what ``strip_of`` made.
        views: the same views.
    """
    size = views.size_px
    return [strip.crop((0, number * size, size, (number + 1) * size)) for number in range(len(views.names))]
