from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fakescan.core.records import Assessed, Calibration, ImageKind, ImageResult, Label, Scan, ScoreKind, Verdict
from fakescan.reports.charts import BINS, bar_view, histogram_view
from fakescan.reports.measured import number_view, rates_views


def _outcome(result: ImageResult) -> Assessed:
    assert isinstance(result.outcome, Assessed)
    return result.outcome


def _calibration(scan: Scan) -> Calibration:
    return scan.calibration[ScoreKind.BEFORE]


def test_number_speaks_about_its_kind(make_result: Callable[..., ImageResult], press_scan: Scan) -> None:
    number = number_view(_outcome(make_result(p_fake=0.931, after=0.88)), press_scan.calibration, ImageKind.PHOTO)
    text = " ".join(number.meaning)
    assert (number.value, number.caption) == ("0.93", "P(AI-generated)")
    assert (
        "201 AI-generated and 160 real test images of this kind, 69 % of the AI-generated and 4.4 % of the real" in text
    )
    assert "before the model wrote any text" in text
    assert "after the model's own text: 0.88" in text
    assert "Not calibrated" not in text


def test_number_of_another_kind_says_so(make_result: Callable[..., ImageResult], press_scan: Scan) -> None:
    number = number_view(_outcome(make_result(p_fake=0.931)), press_scan.calibration, ImageKind.ART)
    text = " ".join(number.meaning)
    assert "Not calibrated for this kind of picture (drawing or artwork)" in text
    assert "Of 188 test images scored from 0.9 to 1.0, 176 (94 %) were AI-generated." in text
    assert "356 AI-generated and 224 real test images of all kinds" in text


def test_number_without_calibration_is_no_probability(make_result: Callable[..., ImageResult]) -> None:
    number = number_view(_outcome(make_result()), {}, ImageKind.PHOTO)
    assert number.caption == "model score, not calibrated"
    assert "no error rate is known" in " ".join(number.meaning)


def test_number_uses_the_calibration_of_the_score_that_decided(
    make_result: Callable[..., ImageResult], press_scan: Scan
) -> None:
    outcome = _outcome(make_result(p_fake=0.8, after=0.3, used=ScoreKind.AFTER))
    number = number_view(outcome, press_scan.calibration, ImageKind.PHOTO)
    assert number.caption == "model score, not calibrated"
    assert "before the model wrote any text: 0.30" in " ".join(number.meaning)


def test_no_score_is_no_number(make_result: Callable[..., ImageResult], press_scan: Scan) -> None:
    outcome = _outcome(make_result(label=Label.INCONCLUSIVE, p_fake=None))
    assert number_view(outcome, press_scan.calibration, None).value == "—"
    assert bar_view(outcome.verdict, None) is None


def test_calibration_without_figures_says_so(make_result: Callable[..., ImageResult], press_scan: Scan) -> None:
    bare = {ScoreKind.BEFORE: replace(_calibration(press_scan), metrics={}, by_kind={})}
    assert "How often it is wrong was not recorded" in " ".join(
        number_view(_outcome(make_result()), bare, None).meaning
    )


def test_rates_list_every_figure_and_every_kind(press_scan: Scan) -> None:
    (rates,) = rates_views(press_scan.calibration, [ScoreKind.BEFORE], [ImageKind.PHOTO, ImageKind.ART])
    rows = dict(rates.rows)
    assert rows["Real pictures wrongly called AI-generated"] == "5.8 %"
    assert rows["Area under the ROC curve (1 = separates perfectly, 0.5 = chance)"] == "0.914"
    assert rows["odd figure"] == "3"
    assert rows["Inconclusive band"] == "0.35 to 0.65"
    assert rates.reliability == (("0.0 to 0.1", "97", "9.3 %"), ("0.9 to 1.0", "188", "94 %"))
    assert rates.kinds == (
        ("photograph", "201 AI-generated and 160 real", "4.4 %", "69 %"),
        ("drawing or artwork", "not calibrated for this kind", "—", "—"),
    )
    assert rates.data.startswith("dev-test")


def test_the_deciding_score_comes_first(press_scan: Scan) -> None:
    both = {ScoreKind.BEFORE: _calibration(press_scan), ScoreKind.AFTER: _calibration(press_scan)}
    assert [rates.decides for rates in rates_views(both, [ScoreKind.AFTER], [])] == [True, False]
    assert "after" in rates_views(both, [ScoreKind.AFTER], [])[0].title


def _verdict(**changes: Any) -> Verdict:
    return replace(Verdict(Label.FAKE, 0.931, 0.5, ("model",), (), "Likely AI-generated"), **changes)


def test_bar_shows_score_and_band(press_scan: Scan) -> None:
    bar = bar_view(_verdict(), _calibration(press_scan))
    assert bar is not None
    assert (bar.position, bar.low, bar.width, bar.high, bar.rest) == ("93.1%", "35%", "30%", "65%", "35%")
    assert "0.35 to 0.65: inconclusive" in bar.legend


def test_bar_follows_the_users_threshold(press_scan: Scan) -> None:
    bar = bar_view(_verdict(threshold=0.9), _calibration(press_scan))
    assert bar is not None
    assert (bar.low, bar.high) == ("35%", "90%")


def test_bar_without_calibration_has_no_band() -> None:
    bar = bar_view(_verdict(), None)
    assert bar is not None
    assert (bar.low, bar.width) == ("50%", "0%")
    assert "inconclusive" not in bar.legend


def test_histogram_counts_every_score_once() -> None:
    verdicts = [_verdict(p_fake=p) for p in (0.0, 0.04, 0.9999, 1.0)]
    verdicts += [_verdict(label=Label.REAL, p_fake=0.01), _verdict(label=Label.INCONCLUSIVE, p_fake=None)]
    view = histogram_view(verdicts)
    assert (view.scored, view.tallest) == (5, 3)
    assert view.rows == (("0.00 to 0.05", "2", "0", "1"), ("0.95 to 1.00", "2", "0", "0"))
    assert [(bar.key, bar.y) for bar in view.bars] == [("fake", "33.33%"), ("real", "0%"), ("fake", "33.33%")]


def test_histogram_of_nothing_is_empty() -> None:
    assert histogram_view([]).bars == ()
    assert BINS == 20
