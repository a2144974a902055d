"""Other encodings: what flips, what merely weakens, and what the verdict makes of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fakescan.checks.stability import rescored
from fakescan.core.checked import Rescored, steadiness
from fakescan.core.policy import Judge
from fakescan.core.records import Evidence, Label, LogitPair, Prediction, ScoreKind, Strength, Supports
from fakescan.intake.decode import DecodedImage
from tests.support.builders import MODEL
from tests.support.looking import SCALE, LookingEngine, checkerboard, decoded

FAKE, REAL, UNSURE = Label.FAKE, Label.REAL, Label.INCONCLUSIVE
JUDGE = Judge(MODEL, {ScoreKind.BEFORE: SCALE})
MARKS = Evidence("png-text", "parameters", "x", Supports.FAKE, Strength.UNSIGNED)


def others(*labels: Label) -> tuple[Rescored, ...]:
    numbers = {FAKE: 0.9, REAL: 0.1, UNSURE: 0.5}
    return tuple(Rescored(f"way {number}", numbers[label], label) for number, label in enumerate(labels))


@pytest.mark.parametrize(
    ("own", "labels", "flips"),
    [
        (FAKE, (FAKE, FAKE, FAKE), False),
        (FAKE, (FAKE, FAKE, REAL), True),
        (REAL, (REAL, REAL, FAKE), True),
        (FAKE, (FAKE, FAKE, UNSURE), False),
        (FAKE, (FAKE, UNSURE), False),
        (FAKE, (FAKE, UNSURE, UNSURE), True),
        (UNSURE, (FAKE, REAL), False),
    ],
)
def test_an_opposite_side_or_a_lost_majority_is_a_flip(own: Label, labels: tuple[Label, ...], flips: bool) -> None:
    found = steadiness(own, 0.5, others(*labels))
    assert found is not None
    assert found.flips is flips


def test_nothing_tried_says_nothing() -> None:
    assert steadiness(FAKE, 0.9, ()) is None


@pytest.mark.parametrize(("logit", "other"), [(2.0, REAL), (-2.0, FAKE)])
def test_a_flipped_verdict_is_inconclusive_and_says_why(logit: float, other: Label) -> None:
    prediction = Prediction(LogitPair(0.0, logit, 1), None)
    outcome = JUDGE.assess(prediction, (), None, others(other, other))
    assert outcome.verdict.label is UNSURE
    assert outcome.verdict.headline == "Inconclusive: the verdict does not hold when the picture is encoded anew."
    assert "2 of 2 times" in outcome.verdict.reasons[0].text
    assert outcome.verdict.p_fake == JUDGE.assess(prediction, (), None).verdict.p_fake


def test_a_steady_verdict_stays_and_names_the_range() -> None:
    outcome = JUDGE.assess(Prediction(LogitPair(0.0, 2.0, 1), None), (), None, others(FAKE, UNSURE, FAKE))
    assert outcome.verdict.label is FAKE
    assert "from 0.50 to 0.90 and keeps in 2 of 3" in outcome.verdict.reasons[1].text


def test_what_the_file_says_still_counts() -> None:
    prediction = Prediction(LogitPair(0.0, -2.0, 1), None)
    assert JUDGE.assess(prediction, (MARKS,), None).verdict.label is UNSURE  # the model contradicts the marks
    outcome = JUDGE.assess(prediction, (MARKS,), None, others(FAKE, FAKE))
    assert (outcome.verdict.label, outcome.verdict.basis) == (FAKE, ("provenance",))


def test_labels_are_told_with_today_s_threshold() -> None:
    strict = Judge(MODEL, {ScoreKind.BEFORE: SCALE}, threshold=0.95)
    assert strict.rescored("x", 0.9).label is UNSURE
    prediction = Prediction(LogitPair(0.0, 4.0, 1), None)
    verdict = strict.assess(prediction, (), None, others(FAKE, FAKE)).verdict
    assert verdict.label is UNSURE
    assert "in 2 of 2 no side is taken any more" in verdict.reasons[0].text


def test_batches_run_across_pictures_and_few_are_made_ahead() -> None:
    made = 0
    engine = LookingEngine(batch_size=4)

    def ways(count: int) -> Iterator[tuple[str, DecodedImage]]:
        nonlocal made
        for number in range(count):
            made += 1
            assert made <= sum(engine.batches) + 4
            yield f"way {number}", decoded(checkerboard(size_px=40 + 10 * number))

    found = rescored(engine, JUDGE, [ways(3), ways(0), ways(4)])
    assert engine.batches == [4, 3]
    assert [[item.encoding for item in one] for one in found] == [
        ["way 0", "way 1", "way 2"],
        [],
        ["way 0", "way 1", "way 2", "way 3"],
    ]
    assert {item.label for one in found for item in one} <= set(Label)


def test_an_encoding_without_a_score_is_left_out() -> None:
    class Picky(LookingEngine):
        def score(self, image: object) -> float:
            return float("nan") if getattr(image, "sha256", "")[0] == "b" else 2.0

    pictures = [[("one", decoded(checkerboard(), "b" * 64)), ("two", decoded(checkerboard()))]]
    assert [item.encoding for item in rescored(Picky(), JUDGE, pictures)[0]] == ["two"]
