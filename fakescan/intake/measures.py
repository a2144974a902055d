"""What can be measured of a picture without any model: plain numbers that a sentence about it can be held against.

None of them tells real from generated pictures. They only say whether words like "blurred" or "high resolution" fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt

from PIL import Image, ImageChops, ImageFilter, ImageStat

_SHARP_PX = 512
"""Short side at which sharpness is measured: how a picture looks on a screen, whatever its size."""
_NOISE_PX = 1024
"""Side of the middle part in which noise is measured, at the picture's own resolution."""
_BLOCK_PX = 16
_SHARP_SHARE = 0.98
"""The sharpest parts count: a photograph with a blurred background is not blurred."""
_FLAT_SHARE = 0.2
"""The flattest parts count: texture elsewhere is no noise."""
_LAPLACE = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=2, offset=128)
_IMMERKAER = ImageFilter.Kernel((3, 3), (1, -2, 1, -2, 4, -2, 1, -2, 1), scale=1, offset=128)


@dataclass(frozen=True, slots=True)
class Measures:
    """A picture in numbers."""

    width_px: int
    """Width of the whole picture."""
    height_px: int
    """Height of the whole picture."""
    sharpness: float
    """Second difference of brightness in the sharpest 2 % of a copy with a short side of 512 px, in grey levels."""
    noise: float
    """Standard deviation of noise in the flattest parts, in grey levels (Immerkaer 1996)."""
    saturation: float
    """Mean saturation (HSV), in [0, 1]."""
    brightness: float
    """Mean brightness (luma), in [0, 1]."""

    @property
    def megapixels(self) -> float:
        """Width by height, in millions."""
        return self.width_px * self.height_px / 1e6


def measure(image: Image.Image, size_px: tuple[int, int] | None = None) -> Measures:
    """Measure a picture.

    Args:
        image: mode RGB, orientation applied.
        size_px: width and height before any scaling down; those of ``image`` when None.
    """
    width, height = size_px or image.size
    small = _scaled(image, _SHARP_PX)
    return Measures(
        width_px=width,
        height_px=height,
        sharpness=_level(_difference(small.convert("L"), _LAPLACE), _SHARP_SHARE) * 2,
        noise=_noise(_middle(image, _NOISE_PX).convert("L")),
        saturation=_mean(small.convert("HSV").getchannel(1)) / 255,
        brightness=_mean(small.convert("L")) / 255,
    )


def _scaled(image: Image.Image, short_px: int) -> Image.Image:
    """Scaled down to a short side; never up."""
    scale = short_px / min(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _middle(image: Image.Image, side_px: int) -> Image.Image:
    width, height = min(image.width, side_px), min(image.height, side_px)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _difference(grey: Image.Image, kernel: ImageFilter.Kernel) -> Image.Image:
    """How far each pixel is from what its neighbours say, up to 127; the border, which has none, is left out."""
    if min(grey.size) < 3:
        return Image.new("L", (1, 1))
    filtered = grey.filter(kernel).crop((1, 1, grey.width - 1, grey.height - 1))
    return ImageChops.difference(filtered, Image.new("L", filtered.size, 128))


def _noise(grey: Image.Image) -> float:
    """Immerkaer's estimate, block by block, of which the flattest count."""
    found = _difference(grey, _IMMERKAER)
    block = max(1, min(_BLOCK_PX, *found.size))
    # Four times as bright, so that the mean of a block is rounded less; noise above 13 grey levels counts as 13.
    means = found.point([min(255, 4 * value) for value in range(256)]).reduce(block)
    return _level(means, _FLAT_SHARE) / 4 * sqrt(pi / 2) / 6


def _level(grey: Image.Image, share: float) -> float:
    """The grey level that this share of the pixels does not exceed."""
    counts = grey.histogram()
    wanted, seen = share * sum(counts), 0
    for level, count in enumerate(counts):
        seen += count
        if seen >= wanted:
            return float(level)
    return 255.0


def _mean(grey: Image.Image) -> float:
    return float(ImageStat.Stat(grey).mean[0])
