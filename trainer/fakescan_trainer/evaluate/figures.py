"""The figures of a set of answers, their bootstrap intervals, and the points of their curves.

An image without a score (unreadable, no answer that can be read) counts as wrong wherever rates of all images are
given, and is counted apart; what ranks or calibrates scores leaves it out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fakescan.core.records import Label
from fakescan_trainer.evaluate.detection import (
    Array,
    auc,
    average_precision,
    brier,
    expected_calibration_error,
    negative_log_likelihood,
    roc_points,
    tpr_at_fpr,
    wilson,
)
from fakescan_trainer.evaluate.samples import Answer

Figures = dict[str, float | int | None]

AVERAGED = (
    "accuracy", "real_accuracy", "fake_accuracy", "balanced_accuracy", "auroc", "average_precision",
    "tpr_at_fpr_0.01", "tpr_at_fpr_0.05", "ece", "brier", "nll",
    "real_called_fake", "fake_called_fake", "coverage", "accuracy_when_decided",
)  # fmt: skip
"""Figures that have an interval and an average over groups."""
_VERDICTS = {Label.FAKE: 1, Label.REAL: 0, Label.INCONCLUSIVE: -1, None: -2}
_SHARE_OF_DRAWS = 0.9
"""An interval is given when so many of the draws had the figure."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Answers as arrays over M images."""

    fake: Array
    """(M,) 1 = AI-generated."""
    p: Array
    """(M,) score, NaN where there is none."""
    right: Array
    """(M,) 1 = the decision at the threshold is the label; 0 without a score."""
    verdict: np.ndarray
    """(M,) 1 fake, 0 real, -1 inconclusive, -2 none."""

    def __len__(self) -> int:
        """M."""
        return len(self.fake)

    def take(self, chosen: np.ndarray) -> Scored:
        """The same for some images; indices may repeat."""
        return Scored(self.fake[chosen], self.p[chosen], self.right[chosen], self.verdict[chosen])


def scored(answers: Sequence[Answer]) -> Scored:
    """Answers as arrays.

    Args:
        answers: of any number of images.
    """
    return Scored(
        np.array([answer.sample.fake for answer in answers], float),
        np.array([math.nan if answer.p_fake is None else answer.p_fake for answer in answers], float),
        np.array([answer.right for answer in answers], float),
        np.array([_VERDICTS[answer.label] for answer in answers], int),
    )


def figures(data: Scored, *, probabilities: bool = True) -> Figures:
    """All figures of some images; None where one is not defined.

    Args:
        data: the images.
        probabilities: whether scores are probabilities, so that they can be right or wrong as such.
    """
    there = ~np.isnan(data.p)
    y, p, verdict = data.fake[there], data.p[there], data.verdict[there]
    real, fake = data.right[data.fake == 0], data.right[data.fake == 1]
    real_accuracy, fake_accuracy = _mean(real), _mean(fake)
    values: dict[str, float | None] = {
        "accuracy": _mean(data.right),
        "real_accuracy": real_accuracy,
        "fake_accuracy": fake_accuracy,
        "balanced_accuracy": (real_accuracy + fake_accuracy) / 2,
        "accuracy_of_scored": _mean(data.right[there]),
        "auroc": auc(y, p),
        "average_precision": average_precision(y, p),
        "tpr_at_fpr_0.01": tpr_at_fpr(y, p, 0.01),
        "tpr_at_fpr_0.05": tpr_at_fpr(y, p, 0.05),
    }
    calibrated = probabilities and len(y) > 0
    values["ece"] = expected_calibration_error(y, p) if calibrated else None
    values["brier"] = brier(y, p) if calibrated else None
    values["nll"] = negative_log_likelihood(y, p) if calibrated else None
    decided = verdict >= 0
    values["real_called_fake"] = _mean((verdict == 1)[y == 0])
    values["fake_called_fake"] = _mean((verdict == 1)[y == 1])
    values["coverage"] = _mean(decided)
    values["accuracy_when_decided"] = _mean((verdict == y)[decided])
    finite = {name: value if value is not None and math.isfinite(value) else None for name, value in values.items()}
    counts = {
        "n": len(data), "n_fake": int(data.fake.sum()), "n_real": int((1 - data.fake).sum()),
        "n_without_score": int((~there).sum()),
    }  # fmt: skip
    return {**counts, **finite}


def intervals(
    data: Scored, *, draws: int, seed: int, name: str = "", probabilities: bool = True, confidence: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap intervals: images of each label are drawn anew, so that both always occur.

    Args:
        data: the images.
        draws: how many sets are drawn; 0 for no intervals.
        seed: of the draws.
        name: of the group, so that each has draws of its own whatever other groups there are.
        probabilities: as for ``figures``.
        confidence: of the intervals.

    Returns:
        Lower and upper bound by figure; a figure that most draws do not have is left out.
    """
    if draws < 1 or not len(data):
        return {}
    rng = np.random.default_rng([seed, *name.encode("utf-8", "surrogateescape")])
    strata = [np.flatnonzero(data.fake == label) for label in (0, 1)]
    drawn: dict[str, list[float]] = {name: [] for name in AVERAGED}
    for _ in range(draws):
        chosen = np.concatenate([rng.choice(members, len(members)) for members in strata if len(members)])
        values = figures(data.take(chosen), probabilities=probabilities)
        for key, found in drawn.items():
            value = values[key]
            if value is not None:
                found.append(float(value))
    edges = [(1 - confidence) / 2, (1 + confidence) / 2]
    return {
        key: (float(low), float(high))
        for key, found in drawn.items()
        if len(found) >= _SHARE_OF_DRAWS * draws
        for low, high in [np.quantile(found, edges)]
    }


def average(groups: Mapping[str, Figures]) -> Figures:
    """The plain mean of each figure over the groups that have it; None where none has.

    Args:
        groups: figures by group.
    """
    found: Figures = {"groups": len(groups)}
    for name in AVERAGED:
        values = [float(value) for group in groups.values() if (value := group[name]) is not None]
        found[name] = sum(values) / len(values) if values else None
    return found


def curves(data: Scored, thresholds: Sequence[float], *, probabilities: bool = True) -> dict[str, Any]:
    """Points to draw: ROC, reliability in ten bins, and accuracy of the most certain images over their share.

    Args:
        data: the images.
        thresholds: (M,) that each was decided by.
        probabilities: as for ``figures``.
    """
    there = ~np.isnan(data.p)
    some, t = data.take(there.nonzero()[0]), np.array(thresholds, float)[there]
    return {
        "roc": [list(point) for point in roc_points(some.fake, some.p)],
        "reliability": _reliability(some) if probabilities else [],
        "coverage": _coverage(some, t, len(data)) if probabilities else [],
    }


def _reliability(data: Scored, bins: int = 10) -> list[dict[str, float | int]]:
    which, rows = np.minimum((data.p * bins).astype(int), bins - 1), []
    for number in range(bins):
        inside = which == number
        if inside.any():
            hits, images = int(data.fake[inside].sum()), int(inside.sum())
            low, high = wilson(hits, images)
            rows.append(
                {"from": number / bins, "to": (number + 1) / bins, "n": images, "fake": hits,
                 "mean_p": float(data.p[inside].mean()), "share_fake": hits / images, "low": low, "high": high}
            )  # fmt: skip
    return rows


def _coverage(data: Scored, thresholds: Array, images: int, most: int = 100) -> list[list[float]]:
    """(share of all images, accuracy among them), the most certain first."""
    if not len(data):
        return []
    # How far a score lies from its threshold on the way to 0 or 1; a threshold at an end leaves nothing beyond it.
    above = data.p >= thresholds
    room = np.where(above, 1 - thresholds, thresholds)
    certain = np.divide(np.abs(data.p - thresholds), room, out=np.ones_like(room), where=room > 0)
    order = np.argsort(-certain, kind="stable")
    right = np.cumsum(data.right[order])
    at = np.unique(np.linspace(1, len(data), min(most, len(data))).round().astype(int))
    return [[float(count / images), float(right[count - 1] / count)] for count in at]


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else math.nan
