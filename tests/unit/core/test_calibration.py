"""Logits to probabilities: the formula, its edges, the band, and the words."""

from __future__ import annotations

import math

import pytest

from fakescan.core import calibration as under_test
from fakescan.core.records import Calibration, Label, LogitPair, Prediction, ScoreKind

MEASURED = Calibration(2.0, 0.5, 0.6, (0.4, 0.7), "100 + 100 test images")


def test_probability_is_the_paper_formula_with_bias() -> None:
    value = under_test.probability(LogitPair(real=1.0, fake=4.0, index=3), MEASURED)
    assert value == pytest.approx(1 / (1 + math.exp(-(3.0 / 2.0 + 0.5))), abs=5e-7)


def test_without_a_record_the_paper_temperature_scales() -> None:
    value = under_test.probability(LogitPair(0.0, 10.0, 0), under_test.uncalibrated())
    assert value == round(1 / (1 + math.exp(-1)), 6)


@pytest.mark.parametrize(("real", "fake", "expected"), [(0.0, 1e9, 1.0), (1e9, 0.0, 0.0), (-1e308, 1e308, 1.0)])
def test_extreme_logits_do_not_overflow(real: float, fake: float, expected: float) -> None:
    assert under_test.probability(LogitPair(real, fake, None), under_test.uncalibrated(1.0)) == expected


def test_swapped_logits_give_the_complement() -> None:
    plain = under_test.uncalibrated()
    one = under_test.probability(LogitPair(1.5, 7.25, 0), plain)
    other = under_test.probability(LogitPair(7.25, 1.5, 0), plain)
    assert one is not None
    assert other == pytest.approx(1 - one, abs=2e-6)


def test_no_logits_give_no_probability() -> None:
    assert under_test.probability(None, MEASURED) is None


@pytest.mark.parametrize(
    ("p_fake", "label"),
    [
        (0.0, Label.REAL),
        (0.399999, Label.REAL),
        (0.4, Label.INCONCLUSIVE),
        (0.699999, Label.INCONCLUSIVE),
        (0.7, Label.FAKE),
        (1.0, Label.FAKE),
    ],
)
def test_side_by_band(p_fake: float, label: Label) -> None:
    assert under_test.side(p_fake, MEASURED) is label


def test_without_a_band_there_are_two_sides() -> None:
    plain = under_test.uncalibrated()
    assert under_test.side(0.5, plain) is Label.FAKE
    assert under_test.side(0.499999, plain) is Label.REAL


@pytest.mark.parametrize(
    ("threshold", "band"), [(0.9, (0.4, 0.9)), (0.5, (0.4, 0.5)), (0.2, (0.2, 0.2)), (0.0, (0.0, 0.0))]
)
def test_a_stricter_threshold_widens_the_band(threshold: float, band: tuple[float, float]) -> None:
    changed = under_test.with_threshold(MEASURED, threshold)
    assert (changed.threshold, changed.inconclusive_band) == (threshold, band)
    assert changed.temperature == MEASURED.temperature


def test_no_threshold_changes_nothing() -> None:
    assert under_test.with_threshold(MEASURED, None) is MEASURED


@pytest.mark.parametrize(
    ("p_fake", "words"),
    [
        (0.0, "almost no chance"),
        (0.05, "very unlikely"),
        (0.2, "unlikely"),
        (0.5, "roughly even chance"),
        (0.55, "likely"),
        (0.8, "very likely"),
        (0.95, "almost certain"),
        (1.0, "almost certain"),
    ],
)
def test_likelihood_bands_of_icd_203(p_fake: float, words: str) -> None:
    assert under_test.likelihood(p_fake) == words


@pytest.mark.parametrize(("p_fake", "text"), [(0.0, "<0.01"), (0.01, "0.01"), (0.934, "0.93"), (0.9951, ">0.99")])
def test_no_shown_number_is_certainty(p_fake: float, text: str) -> None:
    assert under_test.shown(p_fake) == text


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_prediction_with_a_number_that_is_none_is_not_sound(bad: float) -> None:
    assert not under_test.is_sound(Prediction(LogitPair(0.0, bad, 1), None))
    assert not under_test.is_sound(Prediction(None, LogitPair(bad, 0.0, 1)))
    assert under_test.is_sound(Prediction(LogitPair(0.0, 1.0, 1), None))


def test_rounding_keeps_what_is_stored() -> None:
    once = under_test.rounded(Prediction(LogitPair(0.123456789, -3.0000004, 1), None, tokens=3))
    assert once.before == LogitPair(0.123457, -3.0, 1)
    assert once.tokens == 3
    assert under_test.rounded(once) == once


def test_each_score_has_its_own_record() -> None:
    records = {ScoreKind.BEFORE: MEASURED}
    assert under_test.calibration_of(ScoreKind.BEFORE, records, 10.0, None) is MEASURED
    assert under_test.calibration_of(ScoreKind.AFTER, records, 7.5, None).temperature == 7.5
