"""How much a detector's drawn answers differ from round to round (paper Tables 7 and 8).

Round 0 is the baseline. The paper's fluctuation is taken as the difference of accuracy to it; beside it stands the
share of images whose decision changed, which does not hide changes that cancel out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fakescan_trainer.evaluate.answers import Joined
from fakescan_trainer.evaluate.figures import scored


def measure(rounds: Mapping[float, Sequence[Joined]]) -> dict[str, Any]:
    """Figures of rounds.

    Args:
        rounds: by temperature, two rounds or more each, all over the same images in the same order.

    Returns:
        ``temperatures``: for each its ``rounds`` (accuracy, fluctuation, flips), and over the rounds after the first
        the mean ``fluctuation`` and share of ``flips``; ``accuracy`` over all; ``median_range`` of an image's score.
    """
    return {"temperatures": [_at(temperature, joined) for temperature, joined in rounds.items()]}


def _at(temperature: float, rounds: Sequence[Joined]) -> dict[str, Any]:
    data = [scored(joined.answers) for joined in rounds]
    # An image without an answer has no decision; getting one, or losing it, is a change as well.
    sides = np.stack(
        [np.where(np.isnan(each.p), -1, np.where(each.right == 1, each.fake, 1 - each.fake)) for each in data]
    )
    accuracy = np.array([each.right.mean() for each in data])
    flips = (sides != sides[0]).sum(1)
    scores = np.stack([each.p for each in data])
    known = ~np.isnan(scores).any(0)
    spread = np.ptp(scores[:, known], axis=0)
    images = len(data[0])
    return {
        "temperature": temperature,
        "images": images,
        "rounds": [
            {"round": number, "accuracy": float(value), "fluctuation": float(abs(value - accuracy[0])),
             "flips": int(changed), "without_answer": int((side == -1).sum())}
            for number, (value, changed, side) in enumerate(zip(accuracy, flips, sides, strict=True))
        ],
        "accuracy": float(accuracy.mean()),
        "fluctuation": float(np.abs(accuracy[1:] - accuracy[0]).mean()),
        "flips": float(flips[1:].mean() / images),
        "median_range": float(np.median(spread)) if len(spread) else None,
        "largest_range": float(spread.max()) if len(spread) else None,
    }  # fmt: skip
