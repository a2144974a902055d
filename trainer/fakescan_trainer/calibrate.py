"""From the mapper's logits on held-out sources to a probability, a threshold and an inconclusive band.

Everything is fitted on validation records, never on images that a model is judged by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fakescan.core.calibration_file import percent
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


@dataclass(frozen=True, slots=True)
class Unseen:
    """What is assumed of pictures from sources that nobody has seen. Round numbers, not fitted ones."""

    share: float = 0.5
    """They are like the sources, this share of each label's, that the scale does worst on."""
    prior: float = 0.4
    """So many of them are AI-generated. Below one half: calling a real picture fake is the worse mistake."""


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
    targets = _targets(labels)
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


def _targets(labels: Array) -> Array:
    positives, negatives = float((labels == 1).sum()), float((labels == 0).sum())
    if not positives or not negatives:
        raise ValueError("calibration needs images of both labels")
    return np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))


def fit_unseen(
    scores: Array, labels: Array, weights: Array, sources: Sequence[str], unseen: Unseen | None = None
) -> tuple[float, float]:
    """The scale with the least loss on the sources that it does worst on.

    A scale fitted on all held-out sources is too sure on pictures of yet another source, because a detector is worse
    there: of the test pictures that such a scale gave the embedded model 0.9 and more, 81 % were AI-generated. So, for
    each label, only the worst of its sources count (the conditional value at risk of the logistic loss over sources,
    Rockafellar and Uryasev 2000). Found on a grid that is made finer four times: the loss is convex in 1 / temperature
    and bias. What it did to the calibration error stands in the embedded model's card.

    Args:
        scores: (M,) z_fake - z_real.
        labels: (M,) 1 = fake.
        weights: (M,), any positive scale; only their sums a source count.
        sources: M names.
        unseen: what is assumed; None: the defaults.

    Returns:
        Temperature and bias: P = sigmoid(score / temperature + bias).

    Raises:
        ValueError: one label is missing, or larger scores do not mean fake.
    """
    fit_platt(scores, labels, weights)  # raises where there is nothing to fit
    targets = _targets(labels)
    wanted, scale, names = unseen or Unseen(), float(np.std(scores)) or 1.0, np.array(sources)
    groups = [
        (np.flatnonzero((labels == label) & (names == name)), label)
        for label, name in sorted(set(zip(labels.tolist(), names.tolist(), strict=True)))
    ]
    sums = np.array([weights[rows].sum() for rows, _ in groups])
    fake = np.array([label == 1 for _, label in groups])
    low, high = np.array([np.log(0.02), -6.0]), np.array([np.log(50.0), 6.0])
    best = (low + high) / 2
    for _ in range(5):
        slopes, biases = np.linspace(low[0], high[0], _GRID), np.linspace(low[1], high[1], _GRID)
        slope, bias = np.meshgrid(np.exp(slopes) / scale, biases, indexing="ij")
        logits = [slope[..., None] * scores[rows] + bias[..., None] for rows, _ in groups]
        pairs = zip(logits, groups, strict=True)
        losses = np.stack([(np.logaddexp(0, z) - targets[rows] * z).mean(-1) for z, (rows, _) in pairs], -1)
        loss = wanted.prior * _worst(losses[..., fake], sums[fake], wanted.share)
        loss += (1 - wanted.prior) * _worst(losses[..., ~fake], sums[~fake], wanted.share)
        at = np.unravel_index(int(loss.argmin()), loss.shape)
        best = np.array([slopes[at[0]], biases[at[1]]])
        around = 2 * np.array([slopes[1] - slopes[0], biases[1] - biases[0]])
        low, high = best - around, best + around
    return float(scale / np.exp(best[0])), float(best[1])


_GRID = 31


def _worst(losses: Array, weights: Array, share: float) -> Array:
    """Mean over the worst groups that together have this share of the weight, (..., G) to (...)."""
    order = np.argsort(-losses, -1)
    ranked, held = np.take_along_axis(losses, order, -1), (weights / weights.sum())[order]
    taken: Array = np.clip(share - (np.cumsum(held, -1) - held), 0, held)
    worst: Array = (ranked * taken).sum(-1) / share
    return worst


def weighted_quantile(values: Array, weights: Array, share: float) -> float:
    """Smallest value with at most ``share`` of the weight strictly above it."""
    order = np.argsort(-values, kind="stable")
    above = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(int(np.searchsorted(above, share, side="right")), len(values) - 1)])


def calibrate(
    scores: Array,
    labels: Array,
    weights: Array,
    fitted_on: str,
    targets: Targets | None = None,
    sources: Sequence[str] | None = None,
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
        sources: M names; where a label has several, the scale is made for sources never seen (``fit_unseen``).
    """
    wanted = targets or Targets()
    several = sources is not None and len(set(zip(labels.tolist(), sources, strict=True))) > len(set(labels.tolist()))
    if sources is None or not several:
        temperature, bias = fit_platt(scores, labels, weights)
    else:
        unseen = Unseen()
        temperature, bias = fit_unseen(scores, labels, weights, sources, unseen)
        fitted_on += (
            f", as if {percent(unseen.prior)} of pictures were AI-generated"
            f" and all like the {percent(unseen.share)} of sources that it does worst on"
        )
    p = 1 / (1 + np.exp(-(scores / temperature + bias)))
    real, fake = labels == 0, labels == 1
    # one step of the six decimals above the quantile, since a probability at the threshold counts as fake
    high = min(1.0, round(weighted_quantile(p[real], weights[real], wanted.real_called_fake), 6) + 1e-6)
    low = -weighted_quantile(-p[fake], weights[fake], wanted.fake_called_real)
    low = max(0.0, min(round(low, 6), high))
    return Calibration(temperature, bias, high, (low, high), fitted_on)


FEWEST = 20
"""Held-out images of each label that a calibration in training needs."""


def of_held_out(scores: Array, labels: Array, weights: Array, sources: Sequence[str]) -> Calibration | None:
    """A calibration on the recipe's validation images, where there are enough and the model tells them apart at all.

    Args:
        scores: (M,) z_fake - z_real.
        labels: (M,) 1 = fake.
        weights: (M,).
        sources: M names; all alike where none are known.

    Returns:
        None where nothing can be fitted: the model then gives scores, not probabilities.
    """
    fakes, reals = int((labels == 1).sum()), int((labels == 0).sum())
    if min(fakes, reals) < FEWEST:
        return None
    words = f"{fakes} AI-generated and {reals} real held-out images of the training data"
    try:
        return calibrate(scores, labels, weights, words, sources=sources)
    except ValueError:
        return None
