from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from fakescan.core.checked import Claim, ClaimMark, Rescored
from fakescan.core.records import Assessed, ImageResult, Label, Stage
from fakescan.desk.replay import TOLERANCE, compare_replay
from tests.unit.reports.conftest import build_result, build_scan

Change = Callable[[ImageResult], ImageResult]


def recorded() -> ImageResult:
    """A file with everything that can be recorded: both scores, two other encodings, two checked sentences."""
    return replace(
        build_result("a.jpg", Label.FAKE, 0.93, after=0.71),
        stability=(Rescored("JPEG, quality 70", 0.9, Label.FAKE), Rescored("half the size", 0.6, Label.INCONCLUSIVE)),
        claims=(
            Claim(Stage.REASONING, "The sky is red.", ClaimMark.SUPPORTED, change=-0.2),
            Claim(Stage.REASONING, "Hands melt.", ClaimMark.NOT_CHECKABLE),
        ),
    )


def compared(change: Change, tolerance: float = TOLERANCE) -> tuple[tuple[str, ...], float]:
    found = compare_replay(build_scan([recorded()]), build_scan([change(recorded())]), tolerance)
    assert found.compared == 1
    return found.differing, found.largest_move


def scores(**new: float | None) -> Change:
    def change(result: ImageResult) -> ImageResult:
        assert isinstance(result.outcome, Assessed)
        return replace(result, outcome=replace(result.outcome, scores=replace(result.outcome.scores, **new)))  # type: ignore[arg-type]  # as below

    return change


def deciding(p_fake: float | None) -> Change:
    def change(result: ImageResult) -> ImageResult:
        assert isinstance(result.outcome, Assessed)
        return replace(result, outcome=replace(result.outcome, verdict=replace(result.outcome.verdict, p_fake=p_fake)))

    return change


def other(number: int, **new: object) -> Change:
    def change(result: ImageResult) -> ImageResult:
        items = list(result.stability)
        items[number] = replace(items[number], **new)  # type: ignore[arg-type]  # names and values of its fields
        return replace(result, stability=tuple(items))

    return change


def claim(number: int, **new: object) -> Change:
    def change(result: ImageResult) -> ImageResult:
        items = list(result.claims)
        items[number] = replace(items[number], **new)  # type: ignore[arg-type]  # names and values of its fields
        return replace(result, claims=tuple(items))

    return change


def test_the_same_is_the_same() -> None:
    assert compared(lambda result: result) == ((), 0.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (deciding(0.92), "P(AI-generated) moved by 0.010000"),
        (deciding(None), "P(AI-generated) came or went"),
        (scores(before_reasoning=0.9), "P(AI-generated) before the text moved by 0.030000"),
        (scores(after_reasoning=0.7), "P(AI-generated) after the text moved by 0.010000"),
        (scores(after_reasoning=None), "P(AI-generated) after the text came or went"),
        (other(0, p_fake=0.91), "P(AI-generated) as JPEG, quality 70 moved by 0.010000"),
        (other(1, label=Label.FAKE), "as half the size, inconclusive became fake"),
        (other(1, encoding="WebP"), "P(AI-generated) as half the size came or went"),
        (lambda r: replace(r, stability=r.stability[:1]), "P(AI-generated) as half the size came or went"),
        (claim(0, mark=ClaimMark.CONTRADICTED), "sentence 1 of those that were checked: supported became contradicted"),
        (claim(1, text="Feet melt."), "other sentences were checked"),
        (lambda r: replace(r, claims=()), "other sentences were checked"),
    ],
)
def test_what_differs_is_named(change: Change, said: str) -> None:
    assert compared(change)[0] == (f"a.jpg: {said}",)


@pytest.mark.parametrize("change", [scores(after_reasoning=0.7095), other(0, p_fake=0.9005), deciding(0.9305)])
def test_all_numbers_may_move_within_the_tolerance(change: Change) -> None:
    differing, move = compared(change, 0.001)
    assert (differing, round(move, 6)) == ((), 0.0005)
    assert len(compared(change)[0]) == 1


@pytest.mark.parametrize("p_fake", [0.930001, 0.929999])
def test_the_tolerance_itself_is_within(p_fake: float) -> None:
    """The difference of two decimal fractions is a little more than itself in binary ones."""
    assert compared(deciding(p_fake)) == ((), TOLERANCE)
    assert len(compared(deciding(0.930002))[0]) == 1


def test_one_score_that_moves_is_told_once() -> None:
    """The deciding probability is the score before the text here."""
    found, _ = compared(lambda result: scores(before_reasoning=0.92)(deciding(0.92)(result)))
    assert found == ("a.jpg: P(AI-generated) moved by 0.010000",)


def test_what_was_not_recorded_is_not_missed() -> None:
    plain = build_scan([replace(recorded(), stability=(), claims=())])
    assert compare_replay(plain, build_scan([recorded()]), TOLERANCE).differing == ()
