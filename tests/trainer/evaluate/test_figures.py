"""Detection figures: against scikit-learn, against the independent yardstick, by hand, and their intervals."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescan.core.records import Label
from fakescan_trainer.evaluate import detection
from fakescan_trainer.evaluate.figures import AVERAGED, average, curves, figures, intervals, scored
from tests.trainer.evaluate.made import answer, answers, drawn

SEEDS = range(6)


@pytest.fixture(scope="module")
def yardstick(shared: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("yardstick", shared / "tools" / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", SEEDS)
def test_figures_are_those_of_the_yardstick(yardstick: ModuleType, seed: int) -> None:
    given_answers = answers(400, seed)
    data = scored(given_answers)
    verdicts = np.array([item.label.value if item.label else "" for item in given_answers])
    theirs, ours = yardstick.metrics(data.fake.astype(int), data.p, verdicts), figures(data)
    for mine, name, decimals in [
        ("auroc", "auc", 4), ("average_precision", "ap", 4), ("tpr_at_fpr_0.01", "tpr_at_1pct_fpr", 3),
        ("tpr_at_fpr_0.05", "tpr_at_5pct_fpr", 3), ("ece", "ece", 3), ("brier", "brier", 4),
        ("coverage", "coverage", 3),
    ]:  # fmt: skip
        assert round(float(ours[mine] or 0), decimals) == theirs[name], name
    for mine, name in [
        ("real_called_fake", "real_called_fake"), ("fake_called_fake", "fake_called_fake"),
        ("accuracy_when_decided", "accuracy_when_decided"),
    ]:  # fmt: skip
        assert theirs[name].startswith(f"{ours[mine]:.3f} ["), name
    hits, images = int((verdicts[data.fake == 0] == "fake").sum()), int((data.fake == 0).sum())
    low, high = detection.wilson(hits, images, 1.96)
    assert theirs["real_called_fake"] == f"{hits / images:.3f} [{low:.3f}, {high:.3f}] of {images}"


@pytest.mark.parametrize("decimals", [6, 2, 1])
@pytest.mark.parametrize("seed", SEEDS)
def test_ranking_figures_are_those_of_scikit_learn(seed: int, decimals: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    labels, p = drawn(150, seed, decimals=decimals)
    assert detection.auc(labels, p) == pytest.approx(metrics.roc_auc_score(labels, p), abs=1e-12)
    assert detection.average_precision(labels, p) == pytest.approx(
        metrics.average_precision_score(labels, p), abs=1e-12
    )
    assert detection.brier(labels, p) == pytest.approx(metrics.brier_score_loss(labels, p), abs=1e-12)
    inner = np.clip(p, 1e-3, 1 - 1e-3)
    expected = metrics.log_loss(labels, inner)
    assert detection.negative_log_likelihood(labels, inner) == pytest.approx(expected, abs=1e-12)


def test_average_precision_does_not_depend_on_the_order_of_equal_scores() -> None:
    labels, p = np.array([1.0, 0.0, 1.0, 0.0]), np.full(4, 0.5)
    assert detection.average_precision(labels, p) == detection.average_precision(labels[::-1], p) == 0.5


def test_the_roc_curve_holds_the_area() -> None:
    labels, p = drawn(300, 1, decimals=2)
    points = np.array(detection.roc_points(labels, p, most=10_000))
    assert points[0].tolist() == [0, 0]
    assert points[-1].tolist() == [1, 1]
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(detection.auc(labels, p), abs=1e-12)
    assert len(detection.roc_points(*drawn(3000, 2))) <= 201


def test_nobody_is_ever_infinitely_wrong() -> None:
    assert detection.negative_log_likelihood(np.array([1.0]), np.array([0.0])) == pytest.approx(-math.log(5e-7))


def test_figures_by_hand() -> None:
    rows = [
        answer(0, fake=True, p=0.9), answer(1, fake=True, p=0.5), answer(2, fake=True, p=None),
        answer(3, fake=False, p=0.1), answer(4, fake=False, p=0.7),
    ]  # fmt: skip
    found = figures(scored(rows))
    assert (found["n"], found["n_fake"], found["n_real"], found["n_without_score"]) == (5, 3, 2, 1)
    # Right: 0.9 and 0.1. Half a fake and an image without a score are wrong.
    assert found["accuracy"] == 2 / 5
    assert found["fake_accuracy"] == pytest.approx(1 / 3)
    assert found["real_accuracy"] == 1 / 2
    assert found["balanced_accuracy"] == pytest.approx(5 / 12)
    assert found["accuracy_of_scored"] == 2 / 4
    assert found["auroc"] == 3 / 4
    assert found["coverage"] == 3 / 4
    assert found["accuracy_when_decided"] == pytest.approx(2 / 3)
    assert found["real_called_fake"] == 1 / 2


def test_a_set_of_one_label_has_no_curve_and_no_invented_figures() -> None:
    found = figures(scored([answer(0, fake=True, p=0.9), answer(1, fake=True, p=0.2)]))
    assert found["auroc"] is found["average_precision"] is found["balanced_accuracy"] is found["real_accuracy"] is None
    assert found["fake_accuracy"] == found["accuracy"] == 0.5


def test_a_set_without_any_score_is_all_wrong() -> None:
    found = figures(scored([answer(0, fake=True, p=None), answer(1, fake=False, p=None)]))
    assert found["accuracy"] == found["balanced_accuracy"] == 0
    assert found["ece"] is found["brier"] is found["auroc"] is found["coverage"] is None


def test_scores_that_are_no_probabilities_are_not_calibrated() -> None:
    found = figures(scored([answer(0, fake=True, p=3.0), answer(1, fake=False, p=-7.0)]), probabilities=False)
    assert found["auroc"] == 1
    assert found["ece"] is found["brier"] is found["nll"] is None


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_every_figure_is_a_share_or_is_not_there(seed: int, count: int) -> None:
    labels, p = drawn(count, seed, decimals=1)
    found = figures(
        scored([answer(i, fake=bool(y), p=float(q)) for i, (y, q) in enumerate(zip(labels, p, strict=True))])
    )
    for name in AVERAGED:
        value = found[name]
        assert value is None or (value >= 0 and (name == "nll" or value <= 1)), name


def test_intervals_are_the_same_for_the_same_seed_and_hold_the_figure() -> None:
    data = scored(answers(200, 3))
    first = intervals(data, draws=200, seed=1, name="x")
    assert first == intervals(data, draws=200, seed=1, name="x")
    assert first != intervals(data, draws=200, seed=2, name="x")
    found = figures(data)
    for name in ("accuracy", "auroc", "brier", "real_accuracy"):
        low, high = first[name]
        assert low < float(found[name] or 0) < high
    assert intervals(data, draws=0, seed=1) == {}


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    # Accuracy of scores from one distribution: its true value from many images, then 60 small samples.
    truth = float(figures(scored(answers(40_000, 99)))["accuracy"] or 0)
    inside = 0
    for seed in range(60):
        low, high = intervals(scored(answers(120, seed)), draws=200, seed=seed)["accuracy"]
        inside += low <= truth <= high
    assert inside >= 50


def test_the_average_is_over_groups_that_have_the_figure() -> None:
    both = figures(scored([answer(0, fake=True, p=0.9), answer(1, fake=False, p=0.1)]))
    fakes = figures(scored([answer(0, fake=True, p=0.1)]))
    found = average({"both": both, "fakes": fakes})
    assert found["accuracy"] == 0.5
    assert found["auroc"] == 1
    assert found["groups"] == 2


def test_coverage_starts_with_the_surest_and_ends_with_all_scored() -> None:
    rows = [answer(i, fake=True, p=p) for i, p in enumerate([0.99, 0.95, 0.3, 0.61])] + [answer(9, fake=True, p=None)]
    points = curves(scored(rows), [row.threshold for row in rows])["coverage"]
    assert points[0] == [1 / 5, 1.0]
    assert points[-1] == [4 / 5, 3 / 4]


def test_reliability_counts_every_scored_image_once() -> None:
    rows = answers(300, 5)
    bins = curves(scored(rows), [row.threshold for row in rows])["reliability"]
    assert sum(row["n"] for row in bins) == 300
    assert all(row["low"] <= row["share_fake"] <= row["high"] for row in bins)
    assert all(row["from"] <= row["mean_p"] <= row["to"] for row in bins)


def test_a_verdict_without_number_is_not_counted_as_one() -> None:
    assert Label.INCONCLUSIVE.value == "inconclusive"
    assert scored([answer(0, fake=False, p=0.5)]).verdict.tolist() == [-1]
