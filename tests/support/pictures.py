"""Small pictures drawn by code, and chosen by what the weightless engine will say about them."""

from __future__ import annotations

import hashlib
import itertools
from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw

from fakescan.core.records import Label
from tests.support.weightless import difference

WIDTH_PX, HEIGHT_PX = 320, 240
_SURE = 4.0


@cache
def png(seed: int) -> bytes:
    """A picture of lines and discs in muted colours; another seed, another picture."""
    image = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), (seed * 37 % 200, seed * 91 % 200, seed * 53 % 200))
    pen = ImageDraw.Draw(image)
    for step in range(12):
        x, y = (seed * 13 + step * 29) % WIDTH_PX, (seed * 7 + step * 17) % HEIGHT_PX
        pen.ellipse((x, y, x + 40, y + 30), fill=((step * 20 + seed) % 255, (seed * 3) % 255, step * 9))
        pen.line((0, y, x, HEIGHT_PX), fill=(step * 15, 120, (seed * 11) % 255), width=3)
    out = BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def score(content: bytes) -> float:
    """What the weightless engine says about a file of these bytes: logit difference, from -8 to 8."""
    return difference(hashlib.sha256(content).hexdigest())


@cache
def png_that_is(label: Label, *, number: int = 0) -> bytes:
    """The ``number``-th drawn picture that the weightless engine finds clearly fake, clearly real or inconclusive."""

    def fits(value: float) -> bool:
        if label is Label.INCONCLUSIVE:
            # Calibrated: sigmoid(value / 2 + 0.25) within 0.4 and 0.6.
            return -1.2 < value < 0.2
        return value > _SURE if label is Label.FAKE else value < -_SURE

    contents = (png(seed) for seed in itertools.count())
    return next(itertools.islice((content for content in contents if fits(score(content))), number, None))


def folder(place: Path, **labels: Label) -> Path:
    """A folder with one picture for each name."""
    place.mkdir(parents=True, exist_ok=True)
    for number, (name, label) in enumerate(labels.items()):
        (place / f"{name}.png").write_bytes(png_that_is(label, number=number))
    return place
