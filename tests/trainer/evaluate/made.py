"""Answers and small test sets that tests make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fakescan.core.records import Label
from fakescan_trainer.evaluate.samples import Answer, Sample


def answer(
    number: int, *, fake: bool, p: float | None, group: str = "g", low: float = 0.4, threshold: float = 0.6
) -> Answer:
    """An answer with the verdict that the band gives."""
    label = None if p is None else Label.FAKE if p >= threshold else Label.REAL if p < low else Label.INCONCLUSIVE
    sample = Sample(
        f"{group}/{number:04}.png", Path(f"/none/{group}/{number:04}.png"), fake, group, sha256=f"{number:064x}"
    )
    return Answer(sample, p, threshold, label, "" if p is not None else "no-score", "none", sha256=sample.sha256)


def drawn(count: int, seed: int, *, decimals: int = 6, separation: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities; with few decimals many are equal."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(count) < 0.4).astype(float)
    scores = rng.normal(0, 1.5, count) + separation * (labels - 0.5)
    return labels, np.round(1 / (1 + np.exp(-scores)), decimals)


def answers(count: int, seed: int, groups: Sequence[str] = ("a", "b"), **settings: float) -> list[Answer]:
    """So many drawn answers, spread over groups."""
    labels, probabilities = drawn(count, seed, **settings)  # type: ignore[arg-type]
    return [
        answer(number, fake=bool(label), p=float(p), group=groups[number % len(groups)])
        for number, (label, p) in enumerate(zip(labels, probabilities, strict=True))
    ]
