from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescan.core.records import Label
from fakescan.errors import DataError
from fakescan_trainer.data.places import placed, relative_path
from fakescan_trainer.data.samples import read_all, read_samples, read_sound
from tests.support.fuzz import FUZZED


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(json.dumps(row) if not isinstance(row, str) else row for row in rows), "utf-8")
    return path


@pytest.mark.parametrize(
    ("path", "label", "source", "split"),
    [
        ("real/press/a.jpg", Label.REAL, "press", ""),
        ("train/fake/alpha/a.jpg", Label.FAKE, "alpha", "train"),
        ("midjourney/0_real/a.jpg", Label.REAL, "midjourney", ""),
        ("midjourney/1_fake/a.jpg", Label.FAKE, "midjourney", ""),
        ("real/fake/a.jpg", Label.FAKE, "real", ""),
        ("FAKE/a.jpg", Label.FAKE, "fake", ""),
        ("unreal/a.jpg", None, "unreal", ""),
        ("a.jpg", None, ".", ""),
    ],
)
def test_folders_say_label_source_and_split(path: str, label: Label | None, source: str, split: str) -> None:
    assert placed(path) == (label, source, split)


def test_a_folder_is_walked_and_what_has_no_label_is_a_fault(photos: Path) -> None:
    (photos / "stray").mkdir()
    (photos / "real/press/00.png").rename(photos / "stray/00.png")
    (photos / "fake/notes.txt").write_text("no image")
    listing = read_samples(photos)
    assert len(listing.samples) == 11
    assert {(s.source, s.label) for s in listing.samples} == {
        ("press", Label.REAL), ("phones", Label.REAL), ("alpha", Label.FAKE), ("beta", Label.FAKE),
    }  # fmt: skip
    assert [fault.image for fault in listing.faults] == ["stray/00.png"]
    assert {s.generator for s in listing.samples if s.label is Label.REAL} == {""}


def test_rows_may_say_everything_themselves(tmp_path: Path) -> None:
    row = {
        "path": "x/a.png", "label": 1, "source": "site", "generator": "FLUX", "split": "train", "caption": "A cat.",
        "attributes": {"Low Image Quality": " Blurred. ", "Irregular Image Edges": None},
    }  # fmt: skip
    (sample,) = read_samples(lines(tmp_path / "l.jsonl", row)).samples
    assert (sample.label, sample.source, sample.generator, sample.split) == (Label.FAKE, "site", "FLUX", "train")
    assert sample.attributes == {"Low Image Quality": "Blurred."}
    assert sample.row == row


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("{", "no JSON"),
        ([], "no object"),
        ({"label": "fake"}, "no path"),
        ({"image": "/etc/passwd", "label": "fake"}, "leaves the root"),
        ({"image": "a/../../b.png", "label": "fake"}, "leaves the root"),
        ({"image": "C:\\b.png", "label": "fake"}, "leaves the root"),
        ({"image": "a.png"}, "no label"),
        ({"image": "a.png", "label": "true"}, "neither fake nor real"),
        ({"image": "a.png", "label": True}, "neither fake nor real"),
        ({"image": "real/a.png", "attributes": {"Low Image Quality": "x"}}, "unknown attributes for a real image"),
        ({"image": "real/a.png", "attributes": ["x"]}, "attributes must be an object"),
        ({"image": "fake/a.png", "attributes": {"Low Image Quality": 3}}, "no text"),
        ({"image": "fake/a.png", "caption": 3}, "no text"),
    ],
)
def test_a_row_that_does_not_fit_is_told_and_the_others_are_kept(tmp_path: Path, row: Any, told: str) -> None:
    listing = read_samples(lines(tmp_path / "l.jsonl", {"image": "real/ok.png"}, row))
    assert [sample.image for sample in listing.samples] == ["real/ok.png"]
    (fault,) = listing.faults
    assert fault.place == "line 2"
    assert told in fault.text
    with pytest.raises(DataError, match="line 2"):
        listing.sound()


def test_the_authors_attribute_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "if_reasoning.json"
    none = dict.fromkeys(["Inconsistent Lighting and Shadows", "Irregular Image Edges"])
    path.write_text(json.dumps({
        "if/1_fake/a.png": {**none, "Semantic Irrationality": "Six fingers."},
        "if/0_real/b.png": {"Odd": "x"},
        "if/c": 3,
    }))  # fmt: skip
    listing = read_samples(path)
    assert [(s.image, s.attributes) for s in listing.samples] == [
        ("if/1_fake/a.png", {"Semantic Irrationality": "Six fingers."})
    ]
    assert len(listing.faults) == 2


def test_of_an_annotation_that_was_tried_again_what_worked_counts(tmp_path: Path) -> None:
    done = {"image": "fake/a.png", "status": "ok", "caption": "A.", "attributes": {"Low Image Quality": "Blurred."}}
    failed = {"image": "fake/a.png", "status": "error", "caption": "", "why": "status 500"}
    undetermined = {"image": "fake/a.png", "status": "undetermined", "caption": "B.", "attributes": {"Odd": "kept out"}}
    for rows in ((failed, done), (done, failed), (failed, done, undetermined)):
        listing = read_samples(lines(tmp_path / "l.jsonl", *rows))
        assert not listing.faults
        assert [(s.caption, s.attributes) for s in listing.samples] == [("A.", {"Low Image Quality": "Blurred."})]
    (sample,) = read_samples(lines(tmp_path / "l.jsonl", failed, undetermined)).samples
    assert (sample.caption, sample.attributes) == ("B.", None)
    twice = read_samples(lines(tmp_path / "l.jsonl", {"image": "fake/a.png"}, {"image": "fake/a.png"}))
    assert "twice" in twice.faults[0].text


@pytest.mark.parametrize(("name", "text"), [("a.json", "{"), ("a.json", '"x"'), ("a.json", "[" * 100_000), ("b", "")])
def test_what_is_no_list_at_all_is_an_error(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError):
        read_samples(tmp_path / name)


@pytest.mark.parametrize("name", ["nothere", "nothere.json", "nothere.jsonl"])
def test_a_list_that_is_not_there_is_told_in_words(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError) as caught:
        read_samples(tmp_path / name)
    assert caught.value.message == f"there is no {tmp_path / name}"


def test_lists_of_different_folders_need_a_root(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        lines(tmp_path / name / "l.jsonl", {"image": f"real/{name}.png"})
    paths = [tmp_path / "a/l.jsonl", tmp_path / "b/l.jsonl"]
    with pytest.raises(DataError, match="different folders"):
        read_all(paths)
    assert len(read_sound(paths, tmp_path).samples) == 2
    with pytest.raises(DataError, match="listed twice"):
        read_sound([paths[0], paths[0]])
    with pytest.raises(DataError, match="no image"):
        read_all([tmp_path / "a"], tmp_path)


@FUZZED
@given(st.text())
def test_a_path_that_is_let_through_stays_below_the_root(text: str) -> None:
    try:
        found = relative_path(text)
    except ValueError:
        return
    assert (Path("/root") / found).is_relative_to("/root")
    assert ".." not in Path(found).parts
