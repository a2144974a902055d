"""Temperature, bias and band from held-out scores."""

from __future__ import annotations

import numpy as np
import pytest

from fakescan.core.calibration import probability, side
from fakescan.core.records import Calibration, Label, LogitPair
from fakescan_trainer.calibrate import Targets, Unseen, calibrate, fit_platt, fit_unseen, weighted_quantile


def drawn(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose true P(fake) is sigmoid(score / 4 - 0.5)."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 8, count)
    return scores, (rng.random(count) < 1 / (1 + np.exp(-(scores / 4 - 0.5)))).astype(float)


def test_known_temperature_and_bias_are_found() -> None:
    scores, labels = drawn(40000)
    temperature, bias = fit_platt(scores, labels, np.ones_like(scores))
    assert temperature == pytest.approx(4, rel=0.06)
    assert bias == pytest.approx(-0.5, abs=0.06)


def test_error_targets_hold_on_what_it_was_fitted_on() -> None:
    scores, labels = drawn()
    record = calibrate(scores, labels, np.ones_like(scores), "drawn", Targets(0.02, 0.05))
    sides = [side(probability(LogitPair(0.0, float(s), 1), record) or 0.0, record) for s in scores]
    real_fake = np.mean([s is Label.FAKE for s, y in zip(sides, labels, strict=True) if y == 0])
    fake_real = np.mean([s is Label.REAL for s, y in zip(sides, labels, strict=True) if y == 1])
    assert 0.01 < real_fake <= 0.02
    assert 0.03 < fake_real <= 0.05
    low, high = record.inconclusive_band
    assert low < high == record.threshold


def test_weights_count() -> None:
    assert weighted_quantile(np.array([1.0, 2.0, 3.0]), np.ones(3), 0.4) == 2.0
    assert weighted_quantile(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 8.0]), 0.4) == 3.0


def test_separable_scores_stay_finite_and_leave_no_band_inverted() -> None:
    scores, labels = np.array([-3.0, -2.0, 2.0, 3.0]), np.array([0.0, 0.0, 1.0, 1.0])
    record = calibrate(scores, labels, np.ones(4), "four")
    assert np.isfinite(record.temperature)
    assert record.temperature > 0
    assert record.inconclusive_band[0] <= record.threshold


def test_what_cannot_be_calibrated_is_refused() -> None:
    with pytest.raises(ValueError, match="both labels"):
        fit_platt(np.ones(3), np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="do not mean fake"):
        fit_platt(np.array([3.0, 2.0, -2.0, -3.0]), np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4))


def four_sources() -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Two sources of each label; the scores of the second pair say nothing."""
    rng = np.random.default_rng(1)
    parts = [(rng.normal(mean, 4, 500), label) for mean, label in ((6, 1.0), (0, 1.0), (-6, 0.0), (0, 0.0))]
    scores = np.concatenate([values for values, _ in parts])
    labels = np.repeat([label for _, label in parts], 500)
    return scores, labels, np.ones_like(scores), [f"s{number // 500}" for number in range(2000)]


def test_with_all_of_each_label_it_is_a_logistic_regression() -> None:
    scores, labels, weights, sources = four_sources()
    plain = fit_platt(scores, labels, weights)
    assert fit_unseen(scores, labels, weights, sources, Unseen(1.0, 0.5)) == pytest.approx(plain, rel=0.02, abs=0.02)


def test_the_worst_sources_make_the_scale_humble_and_the_order_stays() -> None:
    scores, labels, weights, sources = four_sources()
    temperature, bias = fit_unseen(scores, labels, weights, sources, Unseen(0.5, 0.5))
    assert temperature > 3 * fit_platt(scores, labels, weights)[0]
    assert bias == pytest.approx(0, abs=0.1)
    less = fit_unseen(scores, labels, weights, sources, Unseen(0.75, 0.5))[0]
    assert fit_platt(scores, labels, weights)[0] < less < temperature


def test_the_assumed_share_of_fakes_moves_the_bias_alone() -> None:
    scores, labels, weights, sources = four_sources()
    half = fit_unseen(scores, labels, weights, sources, Unseen(1.0, 0.5))
    third = fit_unseen(scores, labels, weights, sources, Unseen(1.0, 1 / 3))
    assert third[0] == pytest.approx(half[0], rel=0.05)
    assert third[1] - half[1] == pytest.approx(-np.log(2), abs=0.1)


def test_no_verdict_depends_on_the_scale() -> None:
    scores, labels, weights, sources = four_sources()
    targets = Targets(0.02, 0.05)
    plain = calibrate(scores, labels, weights, "four", targets)
    humble = calibrate(scores, labels, weights, "four", targets, sources)
    assert humble.temperature > plain.temperature
    assert humble.threshold < plain.threshold

    def sides(record: Calibration) -> list[Label]:
        return [side(probability(LogitPair(0.0, float(score), 1), record) or 0.0, record) for score in scores]

    assert sides(plain) == sides(humble)


def test_one_source_a_label_is_no_worst_half() -> None:
    scores, labels, weights, _ = four_sources()
    plain = calibrate(scores, labels, weights, "four")
    assert calibrate(scores, labels, weights, "four", sources=["same"] * len(scores)) == plain
    assert "worst" in calibrate(scores, labels, weights, "four", sources=four_sources()[3]).fitted_on


def test_it_is_refused_where_nothing_can_be_fitted() -> None:
    with pytest.raises(ValueError, match="both labels"):
        fit_unseen(np.ones(3), np.ones(3), np.ones(3), ["a"] * 3)
