"""The four stages: written in one place, read back strictly and forgivingly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescan.core.answer import SUMMARY_TEXT, concluded, full_answer, parse_answer, reasoning_text, short_answer
from fakescan.core.records import Label, Stage

PAPER = f"""<SUMMARY> {SUMMARY_TEXT} </SUMMARY>

<CAPTION> Two people pose in front of a wall. </CAPTION>

<REASONING> From low-level perspective: The edges are smooth. From high-level perspective: A real moment. \
Therefore, this image is real. </REASONING>

<CONCLUSION> Based on the analysis above, this image is real.</CONCLUSION>"""


def texts(answer: str) -> dict[Stage, tuple[str, bool]]:
    return {stage.stage: (stage.text, stage.complete) for stage in parse_answer(answer)}


def test_the_paper_s_example_has_four_complete_stages() -> None:
    stages = parse_answer(PAPER)
    assert [stage.stage for stage in stages] == list(Stage)
    assert all(stage.complete for stage in stages)
    assert stages[1].text == "Two people pose in front of a wall."
    assert concluded(stages[3].text) is Label.REAL


@pytest.mark.parametrize("label", [Label.REAL, Label.FAKE])
def test_what_is_written_is_read_back(label: Label) -> None:
    answer = full_answer("A dog.", "From low-level perspective: Soft fur.", label)
    stages = texts(answer)
    assert stages[Stage.CAPTION] == ("A dog.", True)
    assert stages[Stage.REASONING] == ("From low-level perspective: Soft fur.", True)
    assert concluded(stages[Stage.CONCLUSION][0]) is label
    assert concluded(parse_answer(short_answer(label))[3].text) is label


def test_incomplete_answers_say_so() -> None:
    assert texts("<SUMMARY> a </SUMMARY> <CAPTION> b <REASONING> c")[Stage.CAPTION] == ("b", False)
    stages = texts("<CAPTION> b </CAPTION> <REASONING> cut off in the mid")
    assert stages[Stage.CAPTION] == ("b", True)
    assert stages[Stage.REASONING] == ("cut off in the mid", False)
    assert stages[Stage.CONCLUSION] == ("", False)


def test_forgiving_about_case_blanks_order_and_text_between() -> None:
    stages = texts("Sure! < reasoning >r</ REASONING > and <Caption>c</caption> bye")
    assert stages[Stage.REASONING] == ("r", True)
    assert stages[Stage.CAPTION] == ("c", True)


def test_a_closing_tag_of_another_stage_does_not_complete() -> None:
    assert texts("<CAPTION> c </REASONING>")[Stage.CAPTION] == ("c", False)


def test_the_first_opening_of_a_stage_counts() -> None:
    assert texts("<CAPTION> one </CAPTION> <CAPTION> two </CAPTION>")[Stage.CAPTION] == ("one", True)


def test_conclusions_that_take_no_side_or_both() -> None:
    assert concluded("I cannot tell.") is None
    assert concluded("This image is real. No, this image is fake.") is None
    assert concluded("THIS IMAGE IS FAKE") is Label.FAKE


def test_reasoning_puts_low_level_first_and_can_keep_the_verdict_to_itself() -> None:
    attributes = {"Semantic Irrationality": "A hand has six fingers", "Irregular Image Edges": "The hair melts."}
    text = reasoning_text(attributes, Label.FAKE)
    assert text == (
        "From low-level perspective: The hair melts. From high-level perspective: A hand has six fingers. "
        "Therefore, this image is fake."
    )
    assert "Therefore" not in reasoning_text(attributes, Label.FAKE, leak=False)


def test_attributes_of_the_other_label_are_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown attributes for a fake image: 'High Image Quality'; known are .*Sem"):
        reasoning_text({"High Image Quality": "Sharp."}, Label.FAKE, leak=False)


@given(st.text())
def test_any_text_gives_four_stages(text: str) -> None:
    assert [stage.stage for stage in parse_answer(text)] == list(Stage)
