"""Temperature, bias and band from held-out scores."""

from __future__ import annotations

import numpy as np
import pytest

from fakescan.core.calibration import probability, side
from fakescan.core.records import Label, LogitPair
from fakescan_trainer.calibrate import Targets, calibrate, fit_platt, weighted_quantile


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
