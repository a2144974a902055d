"""Detection figures from scores. numpy only.

Shapes: M images; ``labels`` 1 = fake; ``scores`` larger = more likely fake.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def auc(labels: Array, scores: Array) -> float:
    """Area under the ROC curve, ties counting half; NaN when one class is missing."""
    positives = float(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return math.nan
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def tpr_at_fpr(labels: Array, scores: Array, fpr: float) -> float:
    """Share of fakes above the threshold that lets at most ``fpr`` of the reals pass."""
    reals = scores[labels == 0]
    if not len(reals) or not labels.any():
        return math.nan
    threshold = np.quantile(reals, 1 - fpr, method="higher")
    return float((scores[labels == 1] > threshold).mean())


def expected_calibration_error(labels: Array, probabilities: Array, bins: int = 15) -> float:
    """Mean distance between probability and frequency over equal bins, weighted by their share."""
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    return float(
        sum(
            (which == b).mean() * abs(probabilities[which == b].mean() - labels[which == b].mean())
            for b in range(bins)
            if (which == b).any()
        )
    )
