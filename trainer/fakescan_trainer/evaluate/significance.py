"""Whether two detectors differ on the same images: McNemar's test, DeLong's test, paired bootstrap.

Shapes: M images that both answered; ``labels`` 1 = fake.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from fakescan_trainer.evaluate.detection import Array


@dataclass(frozen=True, slots=True)
class McNemar:
    """Exact test of equal accuracy (McNemar 1947), over the images where one is right and the other wrong."""

    only_first: int
    """Images that only the first got right."""
    only_second: int
    """Images that only the second got right."""
    p_value: float
    """Two-sided, from the binomial distribution."""


@dataclass(frozen=True, slots=True)
class DeLong:
    """Test of equal areas under the ROC curve (DeLong, DeLong and Clarke-Pearson 1988)."""

    first: float
    """Area of the first."""
    second: float
    """Area of the second."""
    standard_error: float
    """Of the difference."""
    low: float
    """Lower end of the 95 % interval of second - first."""
    high: float
    """Its upper end."""
    p_value: float
    """Two-sided, from the normal distribution."""


def mcnemar(first_right: Array, second_right: Array) -> McNemar:
    """Compare which images two detectors got right.

    Args:
        first_right: (M,) 1 = right.
        second_right: (M,) the same images.
    """
    one = int(((first_right == 1) & (second_right == 0)).sum())
    two = int(((first_right == 0) & (second_right == 1)).sum())
    n = one + two
    tail = sum(math.comb(n, k) for k in range(min(one, two) + 1))
    return McNemar(one, two, min(1.0, float(2 * tail / 2**n)) if n else 1.0)


def delong(labels: Array, first: Array, second: Array) -> DeLong | None:
    """Compare two areas under the ROC curve over the same images; None when one class has fewer than two.

    Args:
        labels: (M,).
        first: (M,) scores.
        second: (M,) scores.
    """
    fakes, reals = int(labels.sum()), int((1 - labels).sum())
    if min(fakes, reals) < 2:
        return None
    scores = np.stack([first, second])
    of_fakes, of_reals = (np.stack([_placements(labels, row, which) for row in scores]) for which in (1, 0))
    areas = of_fakes.mean(1)
    covariance = np.cov(of_fakes) / fakes + np.cov(of_reals) / reals
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    error, difference = math.sqrt(max(0.0, variance)), float(areas[1] - areas[0])
    if error < 1e-12:
        p_value = 1.0 if abs(difference) < 1e-12 else 0.0
    else:
        p_value = 2 * (1 - NormalDist().cdf(abs(difference) / error))
    half = NormalDist().inv_cdf(0.975) * error
    return DeLong(float(areas[0]), float(areas[1]), error, difference - half, difference + half, p_value)


def paired_bootstrap(
    measure: Callable[[np.ndarray], tuple[float, float]], labels: Array, *, draws: int, seed: int
) -> tuple[float, float] | None:
    """95 % percentile interval of a difference, both detectors measured on the same drawn images.

    Args:
        measure: figures of the first and the second over drawn images (indices, of which some repeat).
        labels: (M,); images of each label are drawn apart.
        draws: how many sets are drawn.
        seed: of the draws.

    Returns:
        Of second - first; None when it is not defined in a tenth of the draws or more.
    """
    rng, found = np.random.default_rng([seed, 2]), []
    strata = [np.flatnonzero(labels == label) for label in (0, 1)]
    for _ in range(draws):
        chosen = np.concatenate([rng.choice(members, len(members)) for members in strata if len(members)])
        one, two = measure(chosen)
        if math.isfinite(one) and math.isfinite(two):
            found.append(two - one)
    if not found or len(found) < 0.9 * draws:
        return None
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _placements(labels: Array, scores: Array, which: int) -> Array:
    """For each image of a class, the share of the other class on its right side, ties counting half."""
    own, other = scores[labels == which], np.sort(scores[labels != which])
    below = (np.searchsorted(other, own, "left") + np.searchsorted(other, own, "right")) / 2 / len(other)
    placed: Array = below if which == 1 else 1 - below
    return placed
