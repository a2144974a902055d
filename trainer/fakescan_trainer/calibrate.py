"""From the mapper's logits on held-out sources to a probability, a threshold and an inconclusive band.

Everything is fitted on validation records, never on images that a model is judged by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fakescan.core.records import Calibration

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Targets:
    """What the band is chosen for."""

    real_called_fake: float = 0.01
    """At most this weighted share of real images may be called fake. Sources never seen do worse than held-out ones:
    a model calibrated for 6 % called 8.3 % of the real images of unseen sources fake."""
    fake_called_real: float = 0.10
    """At most this weighted share of fakes may be called real."""


NO_REAL = Targets(real_called_fake=0.0)
"""For a model that goes to everybody: no held-out real image at or above the threshold. Among sources never seen some
will be; the model card counts them."""


def fit_platt(scores: Array, labels: Array, weights: Array) -> tuple[float, float]:
    """Weighted logistic regression of the label on one score, by Newton's method.

    Targets are moved a little towards 0.5, as Platt does, so that separable data has a finite answer.

    Args:
        scores: (M,) z_fake - z_real.
        labels: (M,) 1 = fake.
        weights: (M,), any positive scale.

    Returns:
        Temperature and bias: P = sigmoid(score / temperature + bias).

    Raises:
        ValueError: one label is missing, or larger scores do not mean fake.
    """
    positives, negatives = float((labels == 1).sum()), float((labels == 0).sum())
    if not positives or not negatives:
        raise ValueError("calibration needs images of both labels")
    targets = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    scale = float(np.std(scores)) or 1.0
    design = np.stack([scores / scale, np.ones_like(scores)], 1)
    share = weights / weights.sum()
    theta = np.zeros(2)
    for _ in range(100):
        p = 1 / (1 + np.exp(-design @ theta))
        gradient = design.T @ (share * (p - targets)) + 1e-6 * theta
        hessian = (design * (share * p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        theta -= step
        if float(np.abs(step).max()) < 1e-10:
            break
    if theta[0] <= 0:
        raise ValueError("larger scores do not mean fake on these images: the model cannot be calibrated on them")
    return float(scale / theta[0]), float(theta[1])


def weighted_quantile(values: Array, weights: Array, share: float) -> float:
    """Smallest value with at most ``share`` of the weight strictly above it."""
    order = np.argsort(-values, kind="stable")
    above = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(int(np.searchsorted(above, share, side="right")), len(values) - 1)])


def calibrate(
    scores: Array, labels: Array, weights: Array, fitted_on: str, targets: Targets | None = None
) -> Calibration:
    """Fit temperature and bias, then put the band where the error targets hold.

    The upper edge (the threshold) lets at most ``real_called_fake`` of the reals pass; the lower edge loses at most
    ``fake_called_real`` of the fakes. Where the second lies above the first, nothing is inconclusive.

    Args:
        scores: (M,) z_fake - z_real.
        labels: (M,) 1 = fake.
        weights: (M,), so that large sources do not outweigh small ones.
        fitted_on: what the images are, in words with counts.
        targets: error targets.
    """
    wanted = targets or Targets()
    temperature, bias = fit_platt(scores, labels, weights)
    p = 1 / (1 + np.exp(-(scores / temperature + bias)))
    real, fake = labels == 0, labels == 1
    # one step of the six decimals above the quantile, since a probability at the threshold counts as fake
    high = min(1.0, round(weighted_quantile(p[real], weights[real], wanted.real_called_fake), 6) + 1e-6)
    low = -weighted_quantile(-p[fake], weights[fake], wanted.fake_called_real)
    low = max(0.0, min(round(low, 6), high))
    return Calibration(temperature, bias, high, (low, high), fitted_on)


FEWEST = 20
"""Held-out images of each label that a calibration in training needs."""


def of_held_out(scores: Array, labels: Array, weights: Array) -> Calibration | None:
    """A calibration on the recipe's validation images, where there are enough and the model tells them apart at all.

    Args:
        scores: (M,) z_fake - z_real.
        labels: (M,) 1 = fake.
        weights: (M,).

    Returns:
        None where nothing can be fitted: the model then gives scores, not probabilities.
    """
    fakes, reals = int((labels == 1).sum()), int((labels == 0).sum())
    if min(fakes, reals) < FEWEST:
        return None
    words = f"{fakes} AI-generated and {reals} real held-out images of the training data"
    try:
        return calibrate(scores, labels, weights, words)
    except ValueError:
        return None
