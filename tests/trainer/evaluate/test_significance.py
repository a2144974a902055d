"""Paired tests: by hand, against simulation, and under the null hypothesis."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fakescan_trainer.evaluate.detection import auc
from fakescan_trainer.evaluate.significance import delong, mcnemar, paired_bootstrap


def test_mcnemar_by_hand() -> None:
    # Of eight images that differ, the first is right on one: 2 * (C(8,0) + C(8,1)) / 2^8.
    first = np.array([1.0] + [0.0] * 7 + [1.0] * 10)
    second = np.array([0.0] + [1.0] * 7 + [1.0] * 10)
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second) == (1, 7)
    assert found.p_value == pytest.approx(2 * 9 / 256)


def test_mcnemar_of_equals_shows_nothing() -> None:
    right = np.array([1.0, 0.0, 1.0])
    assert mcnemar(right, right).p_value == 1
    assert mcnemar(np.array([1.0, 0.0]), np.array([0.0, 1.0])).p_value == 1


def test_mcnemar_is_exact_for_many_images() -> None:
    stats = pytest.importorskip("scipy.stats")
    first, second = np.zeros(3000), np.zeros(3000)
    first[:900], second[900:1900] = 1, 1
    assert mcnemar(first, second).p_value == pytest.approx(stats.binomtest(900, 1900).pvalue, rel=1e-9)


def pair(seed: int, gain: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels and two correlated scores, the second better by ``gain``."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(240) < 0.5).astype(float)
    shared = rng.normal(0, 1, 240)
    first = labels + shared + rng.normal(0, 0.6, 240)
    return labels, first, labels * (1 + gain) + shared + rng.normal(0, 0.6, 240)


def test_delong_gives_the_areas_and_the_spread_of_their_difference() -> None:
    labels, first, second = pair(1, 0.4)
    found = delong(labels, first, second)
    assert found is not None
    assert found.first == pytest.approx(auc(labels, first), abs=1e-12)
    assert found.second == pytest.approx(auc(labels, second), abs=1e-12)
    differences = []
    for seed in range(400):
        y, one, two = pair(seed, 0.4)
        differences.append(auc(y, two) - auc(y, one))
    assert found.standard_error == pytest.approx(np.std(differences), rel=0.25)
    assert found.low < found.second - found.first < found.high


def test_delong_finds_a_difference_one_time_in_twenty_where_there_is_none() -> None:
    found = [delong(*pair(seed, 0.0)) for seed in range(400)]
    assert 0.02 <= np.mean([test is not None and test.p_value < 0.05 for test in found]) <= 0.09


def test_delong_of_the_same_scores_is_no_difference() -> None:
    labels, first, _ = pair(3, 0.0)
    found = delong(labels, first, first)
    assert found is not None
    assert (found.p_value, found.low, found.high) == (1.0, 0.0, 0.0)
    assert delong(np.array([1.0, 0.0, 0.0]), np.ones(3), np.ones(3)) is None


def test_the_paired_interval_is_narrower_than_it_would_be_apart() -> None:
    labels, first, second = pair(5, 0.6)

    def both(at: np.ndarray) -> tuple[float, float]:
        return auc(labels[at], first[at]), auc(labels[at], second[at])

    span = paired_bootstrap(both, labels, draws=300, seed=0)
    assert span is not None
    assert span == paired_bootstrap(both, labels, draws=300, seed=0)
    low, high = span
    areas = delong(labels, first, second)
    assert areas is not None
    assert (low, high) == pytest.approx((areas.low, areas.high), abs=0.03)
    assert paired_bootstrap(lambda at: (math.nan, 1.0), labels, draws=20, seed=0) is None
