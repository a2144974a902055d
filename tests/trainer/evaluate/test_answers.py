"""Answers of scans and of score lists, joined to a test set."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from fakescan.core.records import Label, ScoreKind
from fakescan.errors import DataError
from fakescan_trainer.evaluate.answers import from_scan, from_scores
from fakescan_trainer.evaluate.samples import Sample
from tests.support.builders import assessed, failed, record, scan


def sample(path: str, *, fake: bool = True, root: str = "/pictures", sha256: str = "") -> Sample:
    return Sample(path, Path(root) / path, fake, "g", sha256=sha256)


def digest(path: str) -> str:
    return record(path).file.sha256


def test_results_are_found_by_place() -> None:
    found = from_scan(
        [sample("a.jpg"), sample("b.jpg", fake=False)], scan(assessed("a.jpg", 6.0), assessed("b.jpg", 6.0))
    )
    assert [answer.right for answer in found.answers] == [True, False]
    assert [answer.label for answer in found.answers] == [Label.FAKE, Label.FAKE]
    assert found.answers[0].stages["conclusion"].endswith("this image is fake.")
    assert (found.absent, found.unused) == (0, 0)


def test_results_are_found_by_digest_where_the_folder_has_moved() -> None:
    samples = [
        sample("x/a.jpg", root="/elsewhere", sha256=digest("a.jpg")),
        sample("b.jpg", root="/elsewhere", sha256="0" * 64),
    ]
    found = from_scan(samples, scan(assessed("a.jpg"), assessed("c.jpg")))
    assert [answer.sample.path for answer in found.answers] == ["x/a.jpg"]
    assert (found.absent, found.unused) == (1, 1)


def test_other_bytes_at_the_same_place_are_another_image() -> None:
    with pytest.raises(DataError, match="no image of the test set"):
        from_scan([sample("a.jpg", sha256="1" * 64)], scan(assessed("a.jpg")))


def test_files_without_a_recorded_digest_are_hashed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    result = assessed("old/name.jpg")
    file = replace(result.record.file, sha256=hashlib.sha256(b"picture").hexdigest())
    moved = replace(result, record=replace(result.record, file=file))
    assert len(from_scan([sample("a.jpg", root=str(tmp_path))], scan(moved)).answers) == 1


def test_what_could_not_be_read_is_an_error_and_wrong() -> None:
    found = from_scan([sample("a.jpg", fake=False)], scan(failed("a.jpg"))).answers[0]
    assert (found.p_fake, found.label, found.error, found.right) == (None, None, "empty-file", False)


def test_free_text_without_a_conclusion_is_an_error_although_the_scan_falls_back() -> None:
    result = assessed("a.jpg", 6.0)
    whole = scan(result)
    free = replace(whole, options={**whole.options, "score": "after", "decode": "free"})
    found = from_scan([sample("a.jpg")], free).answers[0]
    # The builder's verdict rests on the score before the text.
    assert (found.p_fake, found.error) == (None, "unparsable")
    assert (
        from_scan([sample("a.jpg")], replace(whole, options={**whole.options, "score": "after"})).answers[0].error == ""
    )
    assert whole.model is not None
    decided = replace(
        free, options={**free.options, "score": "auto"}, model=replace(whole.model, decides=ScoreKind.AFTER)
    )
    assert from_scan([sample("a.jpg")], decided).answers[0].error == "unparsable"


def test_score_lists(tmp_path: Path) -> None:
    place = tmp_path / "other.csv"
    place.write_text("name,score,path\nx,0.9,a.jpg\ny,0.2,sub/b.jpg\nz,0.2,nobody.jpg\n", "utf-8")
    samples = [sample("a.jpg"), sample("b.jpg", fake=False, root=str(tmp_path / "sub")), sample("c.jpg")]
    found = from_scores(samples, place, None)
    assert [answer.p_fake for answer in found.answers] == [0.9, 0.2, None]
    assert [answer.right for answer in found.answers] == [True, True, False]
    assert found.answers[2].error == "no-score"
    assert (found.unused, found.probabilities) == (1, True)
    place.write_text("a.jpg,7.5\nc.jpg,-2\n", "utf-8")
    with pytest.raises(DataError, match="outside of 0 to 1"):
        from_scores(samples, place, None)
    found = from_scores(samples, place, 0.0)
    assert [answer.label for answer in found.answers] == [Label.FAKE, None, Label.REAL]
    assert not found.probabilities


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no scores"),
        ("a.jpg,high\n", "row 1: no path and score"),
        ("a.jpg,nan\n", "not a finite number"),
        ("a.jpg,0.1\na.jpg,0.2\n", "two scores for 'a.jpg'"),
        ("z.jpg,0.1\n", "no path of s.csv is one of the test set"),
    ],
)
def test_score_lists_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.csv").write_text(text, "utf-8")
    with pytest.raises(DataError, match=message):
        from_scores([sample("a.jpg")], tmp_path / "s.csv", None)
