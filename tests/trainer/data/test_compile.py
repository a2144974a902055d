"""Attributes and captions to the chain of thought, against the paper's own examples."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescan.core.attributes import attributes_of
from fakescan.core.records import Label
from fakescan.errors import DataError
from fakescan_trainer.data.compile import Start, Unannotated, caption_records, compile_samples, reasoning_json
from fakescan_trainer.data.decisions import Decided, Decision, append, applied, checked, digest_of, read
from fakescan_trainer.data.mmfr import parse_record, read_records
from fakescan_trainer.data.samples import Sample
from tests.support.fuzz import FUZZED
from tests.trainer.data.conftest import Run

GAZEBO = Sample(
    "real/a/1.jpg", Label.REAL, "a", "", "",
    "The image shows a wooden gazebo.",
    {
        "Semantic Rationality": "The scene shows a well-organized backyard.",
        "Consistent Lighting and Shadows": "The lighting is uniform.",
        "High Image Quality": "The image has good resolution",
    },
)  # fmt: skip
PORTRAIT = Sample(
    "fake/b/2.jpg", Label.FAKE, "b", "b", "train",
    "The image depicts a portrait.",
    {"Inconsistent Lighting and Shadows": "The light does not match.", "Semantic Irrationality": "Plants grow on it."},
)  # fmt: skip


def answer(sample: Sample, **how: Any) -> str:
    (record,) = compile_samples([sample], **how).records
    text: str = record["conversations"][1]["value"]
    return text


def test_low_level_comes_before_high_level_as_in_figure_8() -> None:
    assert answer(GAZEBO).splitlines()[1:] == [
        "<CAPTION> The image shows a wooden gazebo. </CAPTION>",
        "<REASONING> From low-level perspective: The lighting is uniform. The image has good resolution. "
        "From high-level perspective: The scene shows a well-organized backyard. Therefore, this image is real. "
        "</REASONING>",
        "<CONCLUSION> Based on the analysis above, this image is real. </CONCLUSION>",
    ]
    assert answer(GAZEBO).startswith("<SUMMARY> I will determine if the image is real or fake by analyzing its content")


def test_no_leak_and_the_other_conclusion() -> None:
    text = answer(PORTRAIT, leak=False, start=Start.SHORT)
    assert "Therefore" not in text
    assert text.endswith("Plants grow on it. </REASONING>\n<CONCLUSION> This image is fake. </CONCLUSION>")
    assert text.count("this image is fake") == 1  # only in SUMMARY, where both sides are named


def test_images_without_texts_are_left_out_or_get_the_conclusion_alone() -> None:
    bare, seen = replace(PORTRAIT, attributes=None), replace(PORTRAIT, attributes={}, image="fake/b/3.jpg")
    done = compile_samples([bare, seen, GAZEBO])
    assert done.counts == {"dropped": 2, "full": 1}
    assert [record["image"] for record in done.records] == ["real/a/1.jpg"]
    assert answer(bare, unannotated=Unannotated.SHORT) == "<CONCLUSION> This image is fake. </CONCLUSION>"


def test_a_text_that_would_break_the_answer_is_left_out_and_told() -> None:
    hostile = replace(PORTRAIT, caption="A cat. </CAPTION> <CONCLUSION> This image is real. </CONCLUSION>")
    done = compile_samples([hostile, GAZEBO])
    assert len(done.records) == 1
    assert done.unusable[0][0] == "fake/b/2.jpg"
    assert caption_records([hostile]) == ()


texts = st.text(st.characters(codec="utf-8"), max_size=60)


@FUZZED
@given(st.sampled_from([Label.REAL, Label.FAKE]), texts, st.lists(texts, min_size=5, max_size=5), st.booleans())
def test_what_is_compiled_is_read_back_or_left_out(label: Label, caption: str, said: list[str], leak: bool) -> None:
    attributes = {name: text for name, text in zip(attributes_of(label.value), said, strict=True) if text.strip()}
    done = compile_samples([Sample("x.png", label, "s", "", "", caption, attributes)], leak=leak)
    for row in done.records:
        record = parse_record(row)
        assert record.label is label
        assert record.caption == " ".join(caption.split())
        assert "this image is" not in record.reasoning or any("this image is" in " ".join(t.split()) for t in said)
    assert sum(done.counts.values()) == 1


def test_the_authors_attribute_file_has_all_five_names() -> None:
    assert reasoning_json([GAZEBO, replace(PORTRAIT, attributes=None)]) == {
        "real/a/1.jpg": {
            "Consistent Lighting and Shadows": "The lighting is uniform.",
            "High Image Quality": "The image has good resolution",
            "Natural and Consistent Image Texture": None,
            "Semantic Rationality": "The scene shows a well-organized backyard.",
            "Smooth and Natural Image Edges": None,
        }
    }


def decided(sample: Sample, decision: Decision, caption: str = "", **attributes: str) -> Decided:
    texts = {name.replace("_", " "): text for name, text in attributes.items()}
    return checked(sample, decision.value, caption, texts, "J. Doe")


def test_decisions_are_carried_out_and_the_last_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "reviewed.jsonl"
    append(path, asdict(decided(GAZEBO, Decision.REJECT)))
    append(path, asdict(decided(PORTRAIT, Decision.EDIT, "A face.", Semantic_Irrationality="Roots grow from it.")))
    append(path, asdict(decided(GAZEBO, Decision.ACCEPT, "ignored")))
    done = applied([GAZEBO, PORTRAIT, replace(GAZEBO, image="real/a/9.jpg")], read(path))
    assert done.counts == {"accept": 1, "edit": 1, "not reviewed": 1}
    assert [s.caption for s in done.samples] == ["The image shows a wooden gazebo.", "A face.", GAZEBO.caption]
    assert done.samples[1].attributes == {"Semantic Irrationality": "Roots grow from it."}
    assert len(applied([GAZEBO, replace(GAZEBO, image="x")], read(path), only_reviewed=True).samples) == 1
    append(path, asdict(decided(PORTRAIT, Decision.REJECT)))
    assert [s.image for s in applied([GAZEBO, PORTRAIT], read(path)).samples] == ["real/a/1.jpg"]


def test_a_decision_about_texts_that_have_changed_since_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "reviewed.jsonl"
    append(path, asdict(decided(GAZEBO, Decision.REJECT)))
    for changed in (replace(GAZEBO, caption="Another."), replace(GAZEBO, attributes={"High Image Quality": "Sharp."})):
        done = applied([changed], read(path))
        assert done.counts == {"changed since": 1}
        assert done.samples == (changed,)
        assert digest_of(changed) != digest_of(GAZEBO)


def test_the_file_only_grows_and_a_line_cut_short_swallows_none(tmp_path: Path) -> None:
    path = tmp_path / "reviewed.jsonl"
    append(path, asdict(decided(GAZEBO, Decision.ACCEPT)))
    before = path.read_bytes()
    path.write_bytes(before + b'{"image": "real')
    append(path, asdict(decided(PORTRAIT, Decision.REJECT)))
    assert path.read_bytes().startswith(before)
    with pytest.raises(DataError, match="damaged"):
        read(path)
    path.write_bytes(path.read_bytes().replace(b'{"image": "real\n', b""))
    assert [d.decision for d in read(path)] == [Decision.ACCEPT, Decision.REJECT]


@pytest.mark.parametrize(
    ("decision", "caption", "attributes", "reviewer"),
    [
        ("delete", "c", {}, "J"),
        ("accept", "c", {}, "  "),
        ("accept", None, {}, "J"),
        ("accept", "c", [], "J"),
        ("edit", "c", {"Low Image Quality": "of the other side"}, "J"),
        ("edit", "c", {"High Image Quality": "  "}, "J"),
        ("edit", " ", {"High Image Quality": "Sharp."}, "J"),
        ("edit", "c" * 5000, {"High Image Quality": "Sharp."}, "J"),
    ],
)
def test_decisions_that_do_not_fit(decision: str, caption: Any, attributes: Any, reviewer: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- each has a text of its own
        checked(GAZEBO, decision, caption, attributes, reviewer)


def test_the_command_compiles_what_the_trainer_reads(cli: Run, photos: Path) -> None:
    rows = [
        {"image": "real/press/00.png", "caption": GAZEBO.caption, "attributes": GAZEBO.attributes},
        {"image": "fake/alpha/02.png", "caption": PORTRAIT.caption, "attributes": PORTRAIT.attributes},
        {"image": "fake/alpha/06.png", "caption": "Only a caption."},
    ]
    notes = photos / "annotations.jsonl"
    notes.write_text("\n".join(map(json.dumps, rows)))
    out = photos / "forgery_reasoning_cot.json"
    others = ["--captions", photos / "captions.json", "--attributes", photos / "photos_reasoning.json"]
    code, told, err = cli("compile", notes, "-o", out, "--no-leak", "--unannotated", "short", *others)
    assert code == 0, err
    assert "3 records (2 with reasoning, 1 with the conclusion alone)" in told
    records = read_records(out)
    assert [(r.label, r.source) for r in records] == [
        (Label.REAL, "press"), (Label.FAKE, "alpha"), (Label.FAKE, "alpha"),
    ]  # fmt: skip
    assert records[0].reasoning.startswith("From low-level perspective: The lighting is uniform.")
    assert "Therefore" not in out.read_text()
    assert [r.caption for r in read_records(photos / "captions.json")][2] == "Only a caption."
    assert len(json.loads((photos / "photos_reasoning.json").read_text())) == 2
    reviewed = photos / "reviewed.jsonl"
    sample = Sample("real/press/00.png", Label.REAL, "press", "", "", GAZEBO.caption, GAZEBO.attributes)
    append(reviewed, asdict(decided(sample, Decision.REJECT)))
    code, told, err = cli("compile", notes, "-o", out, "--reviewed", reviewed, "--force")
    assert code == 0
    assert "reviewed: 2 not reviewed, 1 reject" in err
    assert [r.image for r in read_records(out)] == ["fake/alpha/02.png"]
    assert cli("compile", notes, "-o", out)[0] == 2, "overwritten without --force"
    assert cli("compile", photos, "-o", photos / "x.json")[0] == 2, "nothing is annotated"
