"""``fakescan verify`` of a run: what was changed, and what cannot be compared."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from fakescan.core.records import Label
from tests.cli.conftest import Cli
from tests.support.pictures import folder

REAL, FAKE = Label.REAL, Label.FAKE


@pytest.fixture
def run(cli: Cli, tmp_path: Path) -> Path:
    folder(tmp_path / "in", a=FAKE, b=REAL)
    assert cli("scan", "in", "--run-dir", "run", "-o", "r.html").code == 1
    return tmp_path / "run"


def doctor(run: Path, **about: str) -> None:
    """Turn a verdict round in the run's record."""
    document = json.loads((run / "scan.json").read_text())
    document["results"][0]["verdict"]["label"] = "real"
    document["scan"].update(about)
    (run / "scan.json").write_text(json.dumps(document))


@pytest.mark.parametrize("about", [{}, {"id": "0" * 16}])
def test_a_doctored_record_is_told(cli: Cli, run: Path, about: dict[str, str]) -> None:
    doctor(run, **about)
    done = cli("verify", "run")
    assert done.code == 1
    assert "CHANGED  run/scan.json: not the report that was written with this scan" in done.out
    assert ("CHANGED  run/outputs.json: not about the scan in this run directory" in done.out) is bool(about)


def test_a_record_that_cannot_be_compared_is_told(cli: Cli, run: Path) -> None:
    (run / "outputs.json").unlink()
    doctor(run)
    done = cli("verify", "run")
    assert done.code == 3
    assert "unknown  run/outputs.json is not there: the record of this run itself is not compared" in done.out


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no names that are not UTF-8")
def test_reports_are_compared_whatever_the_bytes_of_their_names(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE)
    name = os.fsdecode(b"r\xff.html")
    assert cli("scan", "in", "--run-dir", "run", "-o", name, "-o", f"csv:{os.fsdecode(b'c' + bytes([255]))}").code == 1
    assert cli("verify", "run").code == 0
    (tmp_path / name).write_bytes(b"another page")
    done = cli("verify", "run")
    assert done.code == 1
    assert done.out.count(": not the report that was written with this scan") == 1
    (tmp_path / name).unlink()
    done = cli("verify", "run")
    assert (done.code, done.out.count(": the report is not there")) == (3, 1)


def refuse(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let nobody read the bytes of files of a name."""
    opened = Path.open

    def refused(path: Path, mode: str = "r", *more: Any, **how: Any) -> Any:
        if path.name == name and mode == "rb":
            raise PermissionError(13, "Permission denied")
        return opened(path, mode, *more, **how)

    monkeypatch.setattr(Path, "open", refused)


def test_what_cannot_be_read_is_told_under_its_own_name(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fakescan.reports.beside.SINGLE_FILE_IMAGES", 1)
    folder(tmp_path / "in", a=FAKE, b=REAL)
    assert cli("scan", "in", "--run-dir", "run", "-o", "r.html").code == 1
    for name, shown in (("scan.json", "run/scan.json"), ("data.js", "r_files/data.js"), ("r.html", "r.html")):
        with monkeypatch.context() as patch:
            refuse(patch, name)
            done = cli("verify", "run")
        assert done.code == 3
        assert done.out.splitlines()[1:] == [f"unknown  {shown}: not compared, it cannot be read"]


def test_a_report_that_cannot_be_read_back_is_told_so(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path / "in", a=FAKE)
    refuse(monkeypatch, "r.csv")
    done = cli("scan", "in", "--run-dir", "run", "-o", "r.csv")
    assert done.code == 2
    assert "error: cannot read r.csv back: Permission denied" in done.err


def test_the_folder_beside_what_a_link_leads_to_is_compared(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fakescan.reports.beside.SINGLE_FILE_IMAGES", 1)
    folder(tmp_path / "in", a=FAKE, b=REAL)
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "page.html").write_text("")
    (tmp_path / "r.html").symlink_to(tmp_path / "web" / "page.html")
    assert cli("scan", "in", "--run-dir", "run", "-o", "r.html").code == 1
    assert cli("verify", "run").code == 0
    part = tmp_path / "web" / "page_files" / "data.js"
    part.write_bytes(part.read_bytes() + b" ")
    done = cli("verify", "run")
    assert (done.code, f"CHANGED  {part}: " in done.out) == (1, True)


def test_reports_that_were_written_over_are_those_of_the_run(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE)
    assert cli("scan", "in", "--run-dir", "run", "-o", "r.html", "-o", "r.csv", "-o", "r.json").code == 1
    before = (tmp_path / "run" / "outputs.json").read_bytes()
    assert cli("report", "run", "-o", "new.html", "-q").code == 0
    assert (tmp_path / "run" / "outputs.json").read_bytes() == before, "what was not noted is not noted now"
    again = ("-o", "r.html", "-o", "./r.json", "--case", "17", "-q")
    assert cli("report", "run", *again).code == 0
    assert cli("verify", "run").code == 0
    (tmp_path / "r.html").write_text("another page")
    done = cli("verify", "run")
    assert (done.code, "CHANGED  r.html: " in done.out) == (1, True)
    assert cli("report", "r.json", "-o", "r.html", "-q").code == 0
    assert cli("verify", "run").code == 1, "a report that is not the run directory renews nothing"


def test_the_same_name_elsewhere_is_another_report(
    cli: Cli, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    assert cli("report", "../run", "-o", "r.html", "--case", "17", "-q").code == 0
    monkeypatch.chdir(tmp_path)
    assert cli("verify", "run").code == 0


def test_a_folder_beside_a_page_is_noted_anew(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakescan.reports.beside.SINGLE_FILE_IMAGES", 1)
    folder(tmp_path / "in", a=FAKE, b=REAL)
    assert cli("scan", "in", "--run-dir", "run", "-o", "r.html").code == 1
    page = (tmp_path / "r.html").read_bytes()
    assert cli("review", "run", "a.png", "--decision", "real", "--examiner", "x").code == 0
    assert cli("report", "run", "-o", "r.html", "--case", "17", "-q").code == 0
    assert (tmp_path / "r.html").read_bytes() != page
    assert cli("verify", "run").code == 0
    (tmp_path / "r_files" / "data.js").unlink()
    assert cli("verify", "run").code == 3
    assert cli("report", "run", "-o", "r.html", "--single-file", "-q").code == 0
    assert cli("verify", "run").code == 0, "the page has no parts any more"
