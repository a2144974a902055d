"""Any mode that Pillow decodes to, as eight-bit RGB without clipping, and the right way up."""

from __future__ import annotations

from PIL import Image

PAPER = (255, 255, 255)
"""What transparent parts are laid on.

The authors' code drops the alpha channel, which uncovers whatever colour lies under the transparent parts: often
black, or the remains of something that nobody was meant to see. White is what nearly every viewer and page shows
there, so the model looks at the picture that people saw.
"""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
_SIXTEEN_BITS = 65535


def to_rgb(image: Image.Image) -> tuple[Image.Image, bool]:
    """A decoded picture in mode RGB, and whether transparent parts were laid on white.

    Args:
        image: a loaded picture of any mode.

    Raises:
        ValueError: for a colour space that has no defined way to RGB.
    """
    if image.mode in _DEEP_MODES:
        return to_eight_bits(image).convert("RGB"), False
    if image.has_transparency_data:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        alpha = layer.getchannel("A")
        if alpha.getextrema() == (255, 255):
            return layer.convert("RGB"), False
        paper = Image.new("RGB", layer.size, PAPER)
        paper.paste(layer, mask=alpha)
        return paper, True
    return (image if image.mode == "RGB" else image.convert("RGB")), False


def to_eight_bits(image: Image.Image) -> Image.Image:
    """A grey picture of more than eight bits as mode L, scaled by its range instead of clipped.

    16-bit files have a fixed range. For 32-bit integers and floats no range is declared: the usual conventions
    (0 to 1, 0 to 255, 0 to 65535) are tried, and what fits none of them is stretched from its minimum to its maximum.

    Args:
        image: mode I, F, or one of the 16-bit modes.

    Raises:
        ValueError: when the values are not numbers.
    """
    if image.mode.startswith("I;16"):
        low, high = 0.0, float(_SIXTEEN_BITS)
        image = image.convert("I")
    else:
        low, high = _range_of(image)
    scale = 255.0 / (high - low)
    # Half is added because the conversion to L cuts the fraction off.
    return image.convert("F").point(lambda value: value * scale + (0.5 - low * scale)).convert("L")


def turned(image: Image.Image, orientation: int | None) -> Image.Image:
    """A picture the right way up.

    Args:
        image: the picture as stored.
        orientation: EXIF orientation 1 to 8, or None.
    """
    turn = _TURNS.get(orientation or 1)
    return image if turn is None else image.transpose(turn)


def turned_size(size_px: tuple[int, int], orientation: int | None) -> tuple[int, int]:
    """Width and height of a picture the right way up.

    Args:
        size_px: width and height as stored.
        orientation: EXIF orientation 1 to 8, or None.
    """
    return size_px[::-1] if (orientation or 1) >= 5 else size_px


def fitted(image: Image.Image, short_side_px: int | None) -> Image.Image:
    """A picture scaled down, never up, until its short side is at most so long.

    Args:
        image: mode RGB.
        short_side_px: the longest that the short side may be; None: leave it.
    """
    width, height = image.size
    short = min(width, height)
    if short_side_px is None or short <= short_side_px:
        return image
    size = (max(1, round(width * short_side_px / short)), max(1, round(height * short_side_px / short)))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _range_of(image: Image.Image) -> tuple[float, float]:
    extrema = image.getextrema()
    low, high = (float(value) for value in extrema)  # type: ignore[arg-type]  # one band: two numbers
    if not (-3.4e38 < low <= high < 3.4e38):
        raise ValueError("the pixel values are not numbers")
    if low >= 0:
        unit = [1.0] if image.mode == "F" else []
        for top in (*unit, 255.0, float(_SIXTEEN_BITS)):
            if high <= top:
                return 0.0, top
    return (low, high) if high > low else (low, low + 1.0)
