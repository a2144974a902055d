"""An engine without weights: its answer is made from the picture's digest alone, so that plumbing can be tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fakescan.core.answer import full_answer, parse_answer
from fakescan.core.records import (
    Calibration,
    Failure,
    Label,
    LogitPair,
    ModelIdentity,
    Prediction,
    ScoreKind,
)
from fakescan.protocols import RgbImage
from tests.support.builders import CALIBRATION, MODEL

MEASURED = {
    ScoreKind.BEFORE: replace(CALIBRATION, by_kind={}),
    ScoreKind.AFTER: replace(CALIBRATION, bias=0.0, by_kind={}),
}


def difference(sha256: str) -> float:
    """The score of a file of this digest: evenly from -8 to 8."""
    return (int(sha256[:8], 16) / 0xFFFFFFFF - 0.5) * 16


@dataclass
class WeightlessEngine:
    """Deterministic, and knows what it was asked."""

    batch_size: int = 3
    identity: ModelIdentity = MODEL
    calibration: Mapping[ScoreKind, Calibration] = field(default_factory=lambda: dict(MEASURED))
    fails_on: frozenset[str] = frozenset()
    """Digests that come back as a failure."""
    before_batch: Callable[[int], None] = lambda number: None
    """Told the number of each batch before it is answered, from 0 on."""
    batches: list[tuple[list[str], bool]] = field(default_factory=list)
    """The digests of each batch, and whether text was wanted."""

    def infer(self, images: Sequence[RgbImage], *, reasoning: bool = True) -> list[Prediction | Failure]:
        """An answer for each."""
        assert 1 <= len(images) <= self.batch_size
        self.before_batch(len(self.batches))
        self.batches.append(([image.sha256 for image in images], reasoning))
        return [self.answer(image.sha256, reasoning=reasoning) for image in images]

    def answer(self, sha256: str, *, reasoning: bool) -> Prediction | Failure:
        """The answer for one digest."""
        if sha256 in self.fails_on:
            return Failure("infer", "out-of-memory", "not enough memory for a single picture", "close other programs")
        z_fake = difference(sha256)
        before = LogitPair(0.0, z_fake, 4)
        if not reasoning:
            return Prediction(before, None, elapsed_s=0.01)
        side = Label.FAKE if z_fake >= 0 else Label.REAL
        text = full_answer(f"A picture, digest {sha256[:6]}.", f"Therefore, this image is {side.value}.", side)
        return Prediction(before, LogitPair(0.0, 2 * z_fake, 60), parse_answer(text), side, 50, 0.02)
