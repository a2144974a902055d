"""The same picture encoded anew, as it happens on its way through messengers, platforms and editors.

A fixed list in a fixed order: the first few are the commonest, so that a short list is worth most. Everything is
computed from the decoded picture, without chance, and is decoded again: what the model then sees has been through
the codec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

_LEAST_PX = 64
"""A shorter short side is not scaled down to: nobody sends such pictures on."""
_SCALED_QUALITY = 85
"""Whoever scales a picture down saves it again; platforms do so at about this quality."""
_CROPPED = 0.05
"""Share that a light crop takes from each edge."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """One way to encode a picture anew."""

    words: str
    """What is done to it."""
    apply: Callable[[Image.Image], Image.Image]
    """Does it to a picture in mode RGB."""


def _jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    return lambda image: _through(image, "JPEG", quality=quality)


def _scaled(share: float) -> Callable[[Image.Image], Image.Image]:
    def apply(image: Image.Image) -> Image.Image:
        width, height = image.size
        share_used = max(share, min(1.0, _LEAST_PX / min(width, height)))
        size = (max(1, round(width * share_used)), max(1, round(height * share_used)))
        return _through(image.resize(size, Image.Resampling.BICUBIC), "JPEG", quality=_SCALED_QUALITY)

    return apply


def _cropped(image: Image.Image) -> Image.Image:
    width, height = image.size
    left, top = int(width * _CROPPED), int(height * _CROPPED)
    return image.crop((left, top, width - left, height - top))


def _webp(image: Image.Image) -> Image.Image:
    # The quickest method: what it leaves of the picture differs little, what it costs much.
    return _through(image, "WEBP", quality=80, method=0)


ENCODINGS: tuple[Encoding, ...] = (
    Encoding("JPEG, quality 70", _jpeg(70)),
    Encoding("half the size, JPEG, quality 85", _scaled(0.5)),
    Encoding("WebP, quality 80", _webp),
    Encoding("JPEG, quality 50", _jpeg(50)),
    Encoding("three quarters of the size, JPEG, quality 85", _scaled(0.75)),
    Encoding("5 % cropped from each edge", _cropped),
    Encoding("JPEG, quality 90", _jpeg(90)),
)
"""All there are, the commonest first."""


def encoded_anew(image: Image.Image, count: int) -> Iterator[tuple[str, Image.Image]]:
    """The first ``count`` encodings of a picture, one by one; what a codec cannot hold is left out.

    Args:
        image: mode RGB, orientation applied.
        count: how many of ``ENCODINGS``.

    Yields:
        What was done, in words, and the picture.
    """
    for encoding in ENCODINGS[:count]:
        try:
            yield encoding.words, encoding.apply(image)
        except (OSError, ValueError):  # WebP holds at most 16,383 pixels a side, JPEG 65,500
            continue


def _through(image: Image.Image, kind: str, **settings: int) -> Image.Image:
    """A picture written in a format and read again."""
    out = BytesIO()
    image.save(out, kind, **settings)
    with Image.open(out, formats=[kind]) as opened:
        return opened.convert("RGB")
