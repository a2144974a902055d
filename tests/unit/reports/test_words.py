from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fakescan.core.records import (
    EvidenceStatus,
    ImageKind,
    Label,
    ScoreKind,
    Stage,
    Strength,
    Supports,
)
from fakescan.reports import words

NEVER = ("authentic", "genuine", "verified", "deepfake", "proven", "probably real")


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (221_008, "221 kB"),
        (999_600, "1.0 MB"),
        (5 * 10**12, "5000 GB"),
    ],
)
def test_sizes(size_bytes: int, text: str) -> None:
    assert words.size(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0.0 s"), (0.84, "0.8 s"), (59.7, "1 min 00 s"), (247, "4 min 07 s"), (7_500, "2 h 05 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(timedelta(seconds=seconds)) == text


def test_probability_is_never_certain() -> None:
    assert [words.probability(p) for p in (None, 0.0, 0.004, 0.931, 0.9999, 1.0)] == [
        "—", "<0.01", "<0.01", "0.93", ">0.99", ">0.99",
    ]  # fmt: skip


def test_share_count_and_moment() -> None:
    assert [words.share(value) for value in (0.0, 0.044, 0.0996, 0.94)] == ["0.0 %", "4.4 %", "10 %", "94 %"]
    assert [words.count(number, "image") for number in (0, 1, 1_000)] == ["0 images", "1 image", "1,000 images"]
    assert words.moment(datetime(2026, 11, 8, 14, 5, tzinfo=UTC)) == "8 November 2026, 14:05 UTC"


def test_every_member_has_its_words() -> None:
    assert set(words.SUPPORTS_WORDS) == set(Supports)
    assert set(words.STRENGTH_WORDS) == set(Strength)
    assert set(words.STATUS_WORDS) == set(EvidenceStatus)
    assert set(words.SCORE_WORDS) == set(ScoreKind)
    assert set(words.STAGE_WORDS) == set(Stage)
    assert set(words.KIND_WORDS) == {*ImageKind, None}
    assert set(words.MARKS) == {*(label.value for label in Label), "error"} == set(words.COUNTED)
    assert all(words.next_steps(key, False, False) for key in words.MARKS)


def test_marks_differ_without_colour() -> None:
    for attribute in ("word", "glyph", "plain"):
        assert len({getattr(mark, attribute) for mark in words.MARKS.values()}) == len(words.MARKS)


def test_nothing_promises_what_no_tool_can_know() -> None:
    texts = [mark.word for mark in words.MARKS.values()]
    texts += [text for pair in words.LIMITS for text in pair]
    texts += [step for key in words.MARKS for step in words.next_steps(key, True, True)]
    assert not [text for text in texts for word in NEVER if word in text.lower()]


def test_next_steps_begin_with_what_the_case_needs() -> None:
    assert "contradiction" in words.next_steps("fake", True, False)[0].lower()
    assert "signed" in words.next_steps("real", False, True)[0]


def test_summary_leaves_zeros_out() -> None:
    summary = {"images": 3, "fake": 2, "real": 0, "inconclusive": 0, "error": 1, "skipped": 4}
    assert words.summary_parts(summary) == ["2 likely AI-generated", "1 could not be examined"]
