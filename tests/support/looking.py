"""An engine whose answers come from the pixels: a planted part of the picture alone decides the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, ImageDraw, ImageStat

from fakescan.core.answer import full_answer, parse_answer
from fakescan.core.checked import GivenText, Region, Reread
from fakescan.core.records import Calibration, Failure, Label, LogitPair, ModelIdentity, Prediction, ScoreKind
from fakescan.core.views import Views
from fakescan.intake.decode import DecodedImage
from fakescan.protocols import RgbImage
from tests.support.builders import MODEL

LOOKS = Views(("square", "native"), 100, (0, 0, 0))
SCALE = Calibration(1.0, 0.0, 0.5, (0.4, 0.6), "nothing")
SIZE_PX = 500
PLANTED = Region(0.6, 0.2, 0.2, 0.2)
"""One cell of a grid of five: the checkerboard stands there."""
REASONING = (
    "From low-level perspective: The skin of the figure has an unnatural texture. The shadow falls to the left. "
    "From high-level perspective: The hand makes no sense. Therefore, this image is fake."
)


def checkerboard(part: Region = PLANTED, *, size_px: int = SIZE_PX) -> Image.Image:
    """Grey, with a fine checkerboard in one part: whoever blurs that part takes its contrast away."""
    image = Image.new("RGB", (size_px, size_px), (128, 128, 128))
    pen = ImageDraw.Draw(image)
    left, top, right, bottom = (
        round(value * size_px) for value in (part.left, part.top, part.left + part.width, part.top + part.height)
    )
    for x in range(left, right, 10):
        for y in range(top, bottom, 10):
            pen.rectangle((x, y, x + 9, y + 9), fill=(255,) * 3 if (x + y) // 10 % 2 else (0,) * 3)
    return image


def decoded(image: Image.Image, sha256: str = "a" * 64) -> DecodedImage:
    """A whole picture."""
    return DecodedImage(image, sha256, image.width, image.height, 1, None)


def contrast(image: RgbImage) -> float:
    """Standard deviation of the brightness in what the ``square`` view shows, in grey levels."""
    whole = image.image
    assert isinstance(whole, Image.Image)
    seen = whole if image.views is None else whole.crop((0, 0, image.views.size_px, image.views.size_px))
    return float(ImageStat.Stat(seen.convert("L")).stddev[0])


@dataclass
class LookingEngine:
    """The more contrast, the more fake; without any it is real."""

    batch_size: int = 4
    identity: ModelIdentity = MODEL
    calibration: Mapping[ScoreKind, Calibration] = field(default_factory=lambda: {ScoreKind.BEFORE: SCALE})
    reasoning: str = REASONING
    batches: list[int] = field(default_factory=list)

    def infer(self, images: Sequence[RgbImage], *, reasoning: bool = True) -> list[Prediction | Failure]:
        """An answer for each."""
        assert 1 <= len(images) <= self.batch_size
        self.batches.append(len(images))
        return [self.answer(image, reasoning=reasoning) for image in images]

    def answer(self, image: RgbImage, *, reasoning: bool) -> Prediction:
        """The answer for one."""
        pair = LogitPair(0.0, self.score(image), 4)
        if not reasoning:
            return Prediction(pair, None)
        side = Label.FAKE if pair.fake > 0 else Label.REAL
        return Prediction(pair, pair, parse_answer(full_answer("A figure.", self.reasoning, side)), side, 9)

    def score(self, image: RgbImage) -> float:
        """From -3 to about 3."""
        return min(3.0, contrast(image) / 4 - 3)


@dataclass
class ViewingEngine(LookingEngine):
    """The same through views."""

    views: Views = LOOKS


@dataclass
class ReadingEngine(ViewingEngine):
    """The same, and it can read a text again: the first sentence depends on the checkerboard, the others on nothing."""

    read: list[tuple[str, ...]] = field(default_factory=list)

    def reread(self, images: Sequence[RgbImage], texts: Sequence[GivenText]) -> list[Reread | Failure]:
        """An answer for each."""
        assert len(images) == len(texts) <= self.batch_size
        self.read += [text.sentences for text in texts]
        return [self._reread(image, text) for image, text in zip(images, texts, strict=True)]

    def _reread(self, image: RgbImage, text: GivenText) -> Reread:
        pair = LogitPair(0.0, self.score(image), None)
        after = LogitPair(0.0, pair.fake + sum("skin" in sentence for sentence in text.sentences), None)
        likely = tuple(pair.fake / 10 if "skin" in sentence else -1.0 for sentence in text.sentences)
        return Reread(pair, after, likely)


def views_of(image: Any, views: Views = LOOKS) -> DecodedImage:
    """A picture as an engine with views gets it."""
    return decoded(image).seen_through(views)
