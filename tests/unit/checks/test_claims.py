"""Sentences, attributes, sides, and what of it can be measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescan.checks.claims import (
    MOST_SENTENCES,
    Quantity,
    Stated,
    sentences_of,
    stated_in,
    statement_of,
    statements_of,
)
from fakescan.checks.measured import against_pixels
from fakescan.core.answer import full_answer, parse_answer, reasoning_text
from fakescan.core.attributes import FAKE_ATTRIBUTES, REAL_ATTRIBUTES
from fakescan.core.checked import ClaimMark
from fakescan.core.records import Label, Prediction
from fakescan.intake.measures import Measures

MEASURES = Measures(1000, 500, 80.0, 0.1, 0.6, 0.2)


def of(reasoning: str, side: Label = Label.FAKE) -> Prediction:
    return Prediction(None, None, parse_answer(full_answer("A dog.", reasoning, side)), side)


@given(st.text())
def test_sentences_lose_no_word(text: str) -> None:
    assert " ".join(sentences_of(text)).split() == text.split()


def test_numbers_and_missing_full_stops() -> None:
    assert sentences_of("It measures 1.5 m. Odd!  No end") == ["It measures 1.5 m.", "Odd!", "No end"]


def test_the_paper_s_own_text_gives_back_its_attributes() -> None:
    attributes = {
        "Inconsistent Lighting and Shadows": "The shadows fall in two directions",
        "Low Image Quality": "The image is blurry with compression artifacts",
        "Semantic Irrationality": "A sixth finger grows from the palm",
    }
    statements = statements_of(of(reasoning_text(attributes, Label.FAKE)))
    assert [item.attribute for item in statements] == [*attributes, ""]
    assert statements[-1].verdict is Label.FAKE
    assert {item.speaks_for for item in statements} == {Label.FAKE}
    assert statements[0].text == "The shadows fall in two directions."
    assert [item.place for item in statements] == [0, 1, 2, 3]


@pytest.mark.parametrize("name", [*FAKE_ATTRIBUTES, *REAL_ATTRIBUTES])
def test_a_named_attribute_is_taken_at_its_word(name: str) -> None:
    item = statement_of(f"There is {name.lower()} here.", Label.REAL)
    assert item.attribute == name
    assert item.speaks_for is (Label.FAKE if name in FAKE_ATTRIBUTES else Label.REAL)


@pytest.mark.parametrize(
    ("sentence", "side"),
    [
        ("The texture is unnatural.", Label.FAKE),
        ("The texture is natural.", Label.REAL),
        ("There are no visible artifacts.", Label.REAL),
        ("The lighting is not consistent.", Label.FAKE),
        ("A dog stands on grass.", None),
    ],
)
def test_the_side_of_the_words(sentence: str, side: Label | None) -> None:
    assert statement_of(sentence, None).speaks_for is side


def test_words_that_take_no_side_argue_for_what_the_text_explains() -> None:
    assert statement_of("The face is dark.", Label.REAL).speaks_for is Label.REAL
    assert statement_of("The skin is dark.", Label.REAL).attribute == "Natural and Consistent Image Texture"
    assert statement_of("A dog.", Label.REAL).attribute == ""


def test_long_texts_are_cut() -> None:
    assert len(statements_of(of("Odd skin. " * 60))) == MOST_SENTENCES


@pytest.mark.parametrize(
    ("sentence", "stated"),
    [
        ("The image is blurry.", [Stated(Quantity.SHARPNESS, high=False)]),
        (
            "The photo is sharp and in high resolution.",
            [Stated(Quantity.RESOLUTION, high=True), Stated(Quantity.SHARPNESS, high=True)],
        ),
        ("The picture shows no noise.", [Stated(Quantity.NOISE, high=False)]),
        ("The overall image is dark.", [Stated(Quantity.BRIGHTNESS, high=False)]),
        ("The image is desaturated.", [Stated(Quantity.SATURATION, high=False)]),
        ("The background is blurry.", []),
        ("The man's face is dark.", []),
        ("The text on the sign is garbled.", [Stated(Quantity.TEXT, high=True)]),
    ],
)  # fmt: skip
def test_only_what_is_said_of_the_whole_picture_is_measured(sentence: str, stated: list[Stated]) -> None:
    assert list(stated_in(sentence)) == stated


@pytest.mark.parametrize(
    ("sentence", "mark"),
    [
        ("The image is noisy.", ClaimMark.CONTRADICTED),
        ("The image has no noise.", ClaimMark.SUPPORTED),
        ("The image is blurry.", ClaimMark.UNSUPPORTED),
        ("The image is dark and noisy.", ClaimMark.CONTRADICTED),
        ("The image is dark and saturated.", ClaimMark.SUPPORTED),
    ],
)
def test_marks_of_measured_sentences(sentence: str, mark: ClaimMark) -> None:
    outcome = against_pixels(stated_in(sentence), MEASURES)
    assert outcome is not None
    assert outcome.mark is mark
    assert any(digit in outcome.note for digit in "0123456789")


def test_text_is_only_ever_contradicted() -> None:
    stated = stated_in("The letters are garbled.")
    assert against_pixels(stated, MEASURES) is None
    smooth = against_pixels(stated, Measures(1000, 500, 2.0, 0.1, 0.6, 0.2))
    assert smooth is not None
    assert smooth.mark is ClaimMark.CONTRADICTED
