"""Against the authors' released code: what their parser makes of an annotator's answers, and how their sets are read.

Where ours differs on purpose, the case stands in ``DIFFERENT`` with what ours makes of it, and why.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fakescan.core.attributes import FAKE_ATTRIBUTES, REAL_ATTRIBUTES
from fakescan.core.records import Label
from fakescan_trainer.data.interpretation import Outcome, parse_interpretation
from fakescan_trainer.data.prompts import ATTRIBUTES_KEY, UNDETERMINED_ANSWER, interpretation_prompt
from fakescan_trainer.data.samples import read_samples

SIX = {"Semantic Irrationality": "Six fingers."}
DIFFERENT: dict[tuple[str, str], tuple[Outcome, dict[str, str]]] = {
    # null is JSON's word for an attribute that is not there; eval() does not know it.
    ("fake", "json_null_breaks_python_literal"): (Outcome.OK, {"Irregular Image Edges": "Edges bleed."}),
    # A name that is none of the five is dropped on both sides, not on one.
    ("real", "unknown_attribute_kept"): (Outcome.OK, {"Semantic Rationality": "Plausible."}),
    # "Can not determine if ... real or fake" holds the word "real", but takes no side.
    ("real", "answer_mentions_both"): (Outcome.UNDETERMINED, {}),
    ("real", "list_attributes_not_checked"): (Outcome.INVALID, {}),
}


@pytest.fixture(scope="module")
def cases(shared: Path) -> dict[str, Any]:
    path = shared / "parity" / "mmfr" / "parse_cases.json"
    if not path.is_file():
        pytest.skip("the golden cases do not lie beside this checkout")
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def test_parity_of_attribute_names(cases: dict[str, Any]) -> None:
    assert sorted(FAKE_ATTRIBUTES) == cases["forgery_attributes"]
    assert sorted(REAL_ATTRIBUTES) == cases["authentic_attributes"]


@pytest.mark.parametrize("side", ["fake", "real"])
def test_parity_of_parsed_answers(cases: dict[str, Any], side: str) -> None:
    assert len(cases[side]) >= 9
    label, different = Label(side), set()
    for case in cases[side]:
        ours = parse_interpretation(case["content"], label)
        if (expected := DIFFERENT.get((side, case["name"]))) is not None:
            assert (ours.outcome, dict(ours.attributes)) == expected, case["name"]
            different.add((side, case["name"]))
            continue
        theirs = case["result"]
        assert (ours.outcome is Outcome.OK) is bool(theirs), case["name"]
        if theirs:
            texts = {name: text for name, text in theirs[ATTRIBUTES_KEY[label]].items() if text is not None}
            assert dict(ours.attributes) == texts, case["name"]
    assert different == {key for key in DIFFERENT if key[0] == side}, "a case that differs is gone"


def test_parity_of_the_authors_conversations(shared: Path) -> None:
    root = shared / "parity" / "v2"
    if not root.is_dir():
        pytest.skip("the golden set does not lie beside this checkout")
    listing = read_samples(root / "dataset" / "forgery_reasoning_cot.json", root).sound()
    assert [sample.label is Label.FAKE for sample in listing.samples] == [False, True, True, False]
    assert listing.samples[0].caption == "A plain disc rests on a soft gradient."
    assert all((root / sample.image).is_file() for sample in listing.samples)


@pytest.mark.parametrize("label", [Label.REAL, Label.FAKE])
def test_the_prompts_keep_the_words_that_the_answers_are_read_by(label: Label) -> None:
    prompt = interpretation_prompt(label)
    names, others = (FAKE_ATTRIBUTES, REAL_ATTRIBUTES) if label is Label.FAKE else (REAL_ATTRIBUTES, FAKE_ATTRIBUTES)
    assert all(f'"{name}"' in prompt for name in names)
    assert not any(name in prompt for name in others)
    assert f'"Answer": "The image is {label.value}."' in prompt
    assert f'"{ATTRIBUTES_KEY[label]}"' in prompt
    assert UNDETERMINED_ANSWER in prompt


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        ('{"Answer": "The image is fake.", "Forgery Attributes": {}}', Outcome.OK),
        ('{"Answer": "THE IMAGE IS FAKE", "Forgery Attributes": {"low image quality ": "Noise."}}', Outcome.OK),
        ('{"Answer": "The image is real.", "Forgery Attributes": {}}', Outcome.CONTRADICTS),
        ('{"Answer": "Unable to tell."}', Outcome.UNDETERMINED),
        ('{"Answer": "Perhaps."}', Outcome.INVALID),
        ('{"Answer": ["fake"], "Forgery Attributes": {}}', Outcome.INVALID),
        ('{"Answer": "fake", "Forgery Attributes": {"Low Image Quality": {"a": 1}}}', Outcome.INVALID),
        ("__import__('os').system('true')", Outcome.INVALID),
        ("{__import__('os').system('true'): 1}", Outcome.INVALID),
        ("{" * 50_000, Outcome.INVALID),
        ('{"a":' * 3_000 + "1" + "}" * 3_000, Outcome.INVALID),
        ("{'a': '\\d', 'Answer': 'fake', 'Forgery Attributes': {'Low Image Quality': 'Odd \\d.'}}", Outcome.OK),
    ],
)
def test_answers_are_data_and_nothing_else(content: str, outcome: Outcome) -> None:
    assert parse_interpretation(content, Label.FAKE).outcome is outcome
