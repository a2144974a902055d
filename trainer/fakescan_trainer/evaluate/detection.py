"""Detection figures from scores. numpy only.

Shapes: M images; ``labels`` 1 = fake; ``scores`` larger = more likely fake; ``probabilities`` in [0, 1].
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SMALLEST = 5e-7
"""Half a step of the six decimals that reports carry: nearer to 0 or 1 no probability is known."""


def auc(labels: Array, scores: Array) -> float:
    """Area under the ROC curve, ties counting half; NaN when one class is missing."""
    positives = float(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return math.nan
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(labels: Array, scores: Array) -> float:
    """Step-wise area under precision over recall; NaN when one class is missing.

    Equal scores are passed together, so that the figure does not depend on the order of the images.
    """
    if not labels.any() or labels.all():
        return math.nan
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # of each run of equal scores
    precision = hits[last] / (last + 1)
    return float((np.diff(hits[last], prepend=0) * precision).sum() / labels.sum())


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
    count = np.bincount(which, minlength=bins)
    gap = np.bincount(which, probabilities, bins) - np.bincount(which, labels, bins)
    return float(np.abs(gap[count > 0]).sum() / len(labels))


def brier(labels: Array, probabilities: Array) -> float:
    """Mean squared distance between probability and label."""
    return float(((probabilities - labels) ** 2).mean())


def negative_log_likelihood(labels: Array, probabilities: Array) -> float:
    """Mean of -ln of the probability that the label was given."""
    kept = np.clip(probabilities, SMALLEST, 1 - SMALLEST)
    return float(-np.where(labels == 1, np.log(kept), np.log1p(-kept)).mean())


def roc_points(labels: Array, scores: Array, most: int = 200) -> list[tuple[float, float]]:
    """Corners of the ROC curve as (FPR, TPR), thinned to about ``most``; empty when one class is missing."""
    if not labels.any() or labels.all():
        return []
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(labels[order])[last]
    alarms = last + 1 - hits
    points = np.stack([alarms / (labels == 0).sum(), hits / labels.sum()], 1)
    if len(points) > most:
        points = points[np.unique(np.linspace(0, len(points) - 1, most).round().astype(int))]
    return [(0.0, 0.0), *((float(fpr), float(tpr)) for fpr, tpr in points)]


def wilson(hits: int, images: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) without images."""
    if not images:
        return 0.0, 1.0
    share, grown = hits / images, 1 + z * z / images
    middle = (share + z * z / (2 * images)) / grown
    half = z * math.sqrt(share * (1 - share) / images + z * z / (4 * images * images)) / grown
    return max(0.0, middle - half), min(1.0, middle + half)
