"""The promise of a threshold fitted on real photographs: its arithmetic, and that it holds on simulated scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fakescan.core.calibration import probability, side
from fakescan.core.calibration_file import sentence
from fakescan.core.records import Calibration, Label, LogitPair
from fakescan.errors import DataError
from fakescan_trainer.promise import fit, may_reach, photographs_needed, upper_bound

SHIPPED = Calibration(
    2.0, 0.0, 0.5, (0.3, 0.5), "shipped", {"auc": 0.9}, {"photo": {"n_real": 50}, "art": {"n_real": 40}}
)
LOWEST = replace(SHIPPED, threshold=0.0, inconclusive_band=(0.0, 0.0))


def pairs(differences: np.ndarray) -> list[LogitPair]:
    return [LogitPair(0.0, float(value), 1) for value in differences]


def test_how_many_are_needed() -> None:
    # 0.95^58 > 0.05 >= 0.95^59; 0.99^298 > 0.05 >= 0.99^299.
    assert photographs_needed(0.05, 0.95) == 59
    assert photographs_needed(0.01, 0.95) == 299
    for risk, confidence in [(0.05, 0.95), (0.01, 0.99), (0.2, 0.5), (0.003, 0.9)]:
        needed = photographs_needed(risk, confidence)
        assert may_reach(needed, risk, confidence) == 0
        assert may_reach(needed - 1, risk, confidence) is None


@pytest.mark.parametrize(("images", "risk", "confidence"), [(59, 0.05, 0.95), (200, 0.05, 0.95), (1000, 0.01, 0.99)])
def test_the_number_that_may_reach_it_is_the_largest(images: int, risk: float, confidence: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    allowed = may_reach(images, risk, confidence)
    assert allowed is not None
    assert stats.binom.cdf(allowed, images, risk) <= 1 - confidence < stats.binom.cdf(allowed + 1, images, risk)


@pytest.mark.parametrize(("hits", "images"), [(0, 59), (3, 100), (40, 1000), (9, 10)])
def test_the_bound_is_clopper_pearsons(hits: int, images: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    assert upper_bound(hits, images, 0.95) == pytest.approx(stats.beta.ppf(0.95, hits + 1, images - hits), abs=1e-9)
    assert upper_bound(5, 5, 0.95) == 1


def shares_of(differences: np.ndarray) -> np.ndarray:
    """Probabilities of a whole population, in order."""
    return np.sort(np.array([probability(pair, LOWEST) for pair in pairs(differences)], float))


def normal(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.normal(-2, 2, count)


def heavy(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.standard_t(2, count) - 1


def coarse(rng: np.random.Generator, count: int) -> np.ndarray:
    """Few different scores, so that many are equal."""
    return rng.integers(-4, 3, count).astype(float)


@pytest.mark.parametrize("photographs", [59, 150, 400])
@pytest.mark.parametrize("draw", [normal, heavy, coarse])
def test_the_promise_holds_as_often_as_it_says(
    draw: Callable[[np.random.Generator, int], np.ndarray], photographs: int
) -> None:
    # 300 users calibrate; for each, the true share of such photographs that reach the threshold is (nearly) known.
    risk, confidence, users = 0.05, 0.9, 300
    if photographs == 59:
        confidence = 0.95
    population = shares_of(draw(np.random.default_rng(123), 20_000))
    broken = 0
    for user in range(users):
        real = pairs(draw(np.random.default_rng(user), photographs))
        try:
            record, promise = fit(real, LOWEST, risk=risk, confidence=confidence)
        except DataError:  # the largest score there is came up: nothing is promised, so nothing is broken
            continue
        true_share = 1 - np.searchsorted(population, record.threshold, "left") / len(population)
        broken += bool(true_share > risk)
        assert promise.called_fake <= (may_reach(photographs, risk, confidence) or 0)
    # At most 1 - confidence in expectation; three standard deviations of chance beyond it.
    share = 1 - confidence
    assert broken / users <= share + 3 * np.sqrt(share * confidence / users)


def test_it_is_not_needlessly_careful() -> None:
    # With 2,000 photographs the true share should come near to the risk, not to zero.
    population = shares_of(normal(np.random.default_rng(9), 20_000))
    record, _ = fit(pairs(normal(np.random.default_rng(1), 2000)), LOWEST, risk=0.05, confidence=0.95)
    true_share = 1 - np.searchsorted(population, record.threshold, "left") / len(population)
    assert 0.03 < true_share <= 0.05


def test_the_threshold_is_compared_as_a_scan_does() -> None:
    scores = pairs(normal(np.random.default_rng(4), 300))
    record, promise = fit(scores, LOWEST, risk=0.05, confidence=0.95)
    called = sum(side(probability(pair, record) or 0.0, record) is Label.FAKE for pair in scores)
    assert called == promise.called_fake == may_reach(300, 0.05, 0.95)
    assert record.threshold == round(record.threshold, 6)


def test_too_few_are_refused_with_the_number_needed() -> None:
    with pytest.raises(DataError, match=r"58 photographs are too few .*: 59 are needed") as fault:
        fit(pairs(np.zeros(58)), SHIPPED, risk=0.05, confidence=0.95)
    assert "add 1 real" in fault.value.hint
    real = pairs(normal(np.random.default_rng(0), 100))
    with pytest.raises(DataError, match="29 AI-generated images are too few"):
        fit(real, SHIPPED, fake=pairs(np.ones(29)), risk=0.05, confidence=0.95)


def test_no_threshold_lies_above_the_largest_score() -> None:
    with pytest.raises(DataError, match="no threshold keeps this promise"):
        fit(pairs(np.full(100, 500.0)), SHIPPED, risk=0.05, confidence=0.95)


def test_a_threshold_is_raised_and_only_lowered_when_asked() -> None:
    low = pairs(np.linspace(-8, -4, 200))
    record, promise = fit(low, SHIPPED, risk=0.05, confidence=0.95)
    assert record.threshold == SHIPPED.threshold
    assert promise.called_fake == 0
    lowered, _ = fit(low, SHIPPED, risk=0.05, confidence=0.95, lower=True)
    assert lowered.threshold < SHIPPED.inconclusive_band[0]
    assert lowered.inconclusive_band == (lowered.threshold, lowered.threshold)
    raised, _ = fit(pairs(np.linspace(-8, 6, 200)), SHIPPED, risk=0.05, confidence=0.95)
    assert raised.threshold > SHIPPED.threshold
    # What was undecided stays so: a stricter threshold never calls more pictures real.
    assert raised.inconclusive_band == (SHIPPED.inconclusive_band[0], raised.threshold)
    assert (raised.temperature, raised.bias) == (SHIPPED.temperature, SHIPPED.bias)


def test_fakes_refit_temperature_and_band_but_not_the_promise() -> None:
    rng = np.random.default_rng(2)
    real, fake = pairs(rng.normal(-3, 2, 400)), pairs(rng.normal(3, 2, 200))
    record, promise = fit(real, SHIPPED, fake=fake, risk=0.02, confidence=0.95)
    # Two normals 6 apart with variance 4: the logit is 6/4 of the score.
    assert record.temperature == pytest.approx(4 / 6, rel=0.2)
    called = [side(probability(pair, record) or 0.0, record) for pair in fake]
    assert np.mean([label is Label.REAL for label in called]) <= 0.1
    assert promise.fakes == 200
    assert promise.called_fake <= (may_reach(400, 0.02, 0.95) or 0)
    assert record.metrics["fake_called_fake"] == pytest.approx(np.mean([label is Label.FAKE for label in called]))
    with pytest.raises(DataError, match="larger scores do not mean fake"):
        fit(fake, SHIPPED, fake=real, risk=0.05, confidence=0.95)


def test_the_record_says_what_it_is_and_claims_no_rates_of_the_old_threshold() -> None:
    record, promise = fit(
        pairs(normal(np.random.default_rng(3), 100)),
        SHIPPED,
        risk=0.05,
        confidence=0.95,
        kinds={"photo": 90, "tiny": 10},
    )
    assert record.metrics["promise"] == sentence(promise, record.threshold)
    assert "100 of your own photographs" in record.fitted_on
    assert "95 % confidence, at most 5 %" in record.fitted_on
    assert "auc" not in record.metrics
    assert record.by_kind == {"photo": {"n_real": 90}, "art": {}}
