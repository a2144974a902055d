"""What happens to pictures in the wild, applied to both labels alike: crops, shrinking, recompression.

Every choice is drawn from a seed and the image's own name, so a cached feature can be made again.
"""

from __future__ import annotations

import io
import random

from PIL import Image


def augmented(image: Image.Image, seed: str) -> Image.Image:
    """A picture as it might arrive: a slightly smaller square of it, shrunk and recompressed.

    The square is cut for every image, since square pictures are mostly AI-generated in the training data, and
    nine in ten are recompressed, since lossless ones mostly are too. Three in five keep their resolution, so that a
    view at native resolution still holds what the generator left there. No flip: captions speak of left and right.

    Args:
        image: mode RGB.
        seed: any text; equal seeds give equal results.
    """
    draw = random.Random(seed)  # noqa: S311  (not for secrets)
    width, height = image.size
    side = max(1, round(min(width, height) * draw.uniform(0.85, 1.0)))
    left = round((width - side) * min(1.0, max(0.0, draw.gauss(0.5, 0.15))))
    top = round((height - side) * min(1.0, max(0.0, draw.gauss(0.5, 0.15))))
    image = image.crop((left, top, left + side, top + side))
    if side > 256 and draw.random() < 0.4:
        target = round(draw.uniform(224, min(side, 1024)))
        resample = draw.choice([Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS])
        image = image.resize((target, target), resample)
    if draw.random() < 0.9:
        image = recompressed(image, "WEBP" if draw.random() < 0.15 else "JPEG", draw.randint(50, 95))
    return image


def recompressed(image: Image.Image, image_format: str, quality: int) -> Image.Image:
    """Encode and decode an RGB picture with a lossy codec (``JPEG`` or ``WEBP``, quality 1-100)."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, quality=quality)
    return Image.open(buffer).convert("RGB")
