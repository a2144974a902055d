"""Which decisions ``fakescan bundle`` packs, and how they are shown."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from fakescan.core.records import Label
from tests.cli.conftest import Cli
from tests.support.pictures import folder

REAL, FAKE = Label.REAL, Label.FAKE


@pytest.fixture
def run(cli: Cli, tmp_path: Path) -> Path:
    folder(tmp_path / "in", a=FAKE, b=REAL)
    assert cli("scan", "in", "--run-dir", "run", "-o", "r.json").code == 1
    return tmp_path / "run"


def members(path: Path) -> dict[str, bytes]:
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def decide(cli: Cli, source: str, path: str = "a.png") -> None:
    said = ("--decision", "real", "--examiner", "Jane Doe", "--note", "seen at the depot")
    assert cli("review", source, path, *said).code == 0


@pytest.mark.parametrize(
    ("left_out", "name", "note", "packed"),
    [
        (["--redact", "owner"], False, False, False),
        (["--redact", "gps"], True, False, False),
        (["--share"], False, False, False),
        (["--redact", "thumbs"], True, True, True),
        ([], True, True, True),
    ],
)
def test_what_a_shared_report_leaves_out_is_not_sealed_with_it(
    cli: Cli, run: Path, tmp_path: Path, left_out: list[str], name: bool, note: bool, packed: bool
) -> None:
    assert cli("report", "run", *left_out, "-o", "shared.json", "-q").code == 0
    decide(cli, "shared.json", "image-1.png" if "--share" in left_out else "a.png")
    done = cli("bundle", "shared.json", "-o", "case.zip", "-q")
    assert done.code == 0
    sealed = members(tmp_path / "case.zip")
    assert [item for item in sealed if "reviews" in item] == (["reviews.jsonl"] if packed else [])
    assert ("left out: shared.json.reviews.jsonl" in done.err) is not packed
    page = sealed["report.html"].decode()
    assert ("Jane Doe" in page, "seen at the depot" in page) == (name, note)
    assert any(b"Jane Doe" in data for data in sealed.values()) == name
    assert "CHANGED" not in cli("verify", "case.zip").out


def test_a_report_does_not_say_whose_decisions_are_packed(cli: Cli, run: Path, tmp_path: Path) -> None:
    """Its options come from whoever wrote it; one file of the same name and digest is no proof of anything."""
    decide(cli, "run")
    done = cli("bundle", "r.json", "-o", "case.zip")
    assert done.code == 0
    assert "not looked into: run/reviews.jsonl" in done.err
    sealed = members(tmp_path / "case.zip")
    assert "reviews.jsonl" not in sealed
    assert not any(b"Jane Doe" in data for data in sealed.values())
    for vouched in (["run"], ["r.json", "--pictures", "in"]):
        assert cli("bundle", *vouched, "-o", "case.zip", "--force").code == 0
        assert "reviews.jsonl" in members(tmp_path / "case.zip"), vouched


@pytest.mark.parametrize("source", ["run", "r.json"])
def test_decisions_about_other_files_are_neither_packed_nor_shown(
    cli: Cli, run: Path, tmp_path: Path, source: str
) -> None:
    decide(cli, source, "a.png")
    decide(cli, source, "b.png")
    (tmp_path / "in" / "b.png").unlink()
    (tmp_path / "run" / "journal.sqlite3").unlink()
    assert cli("scan", "in", "--run-dir", "run", "-o", "r.json").code == 1
    assert "1 file reviewed of 1 image" in cli("review", source).out
    assert "b.png" not in cli("review", source).out
    done = cli("bundle", source, "-o", "case.zip", "-q")
    assert done.code == 0
    assert "reviews.jsonl, which also holds decisions about files that are not in this scan" in done.err
    sealed = members(tmp_path / "case.zip")
    assert "reviews.jsonl" not in sealed
    assert b"Jane Doe" in sealed["report.html"], "the decision about a.png is of this scan"
    assert not any(b"b.png" in data for data in sealed.values())
