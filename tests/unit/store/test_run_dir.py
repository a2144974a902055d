"""Run directories: made, refused, found again, and read back whatever state they are in."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fakescan.errors import InputError, ReportError
from fakescan.store.journal import Journal
from fakescan.store.places import runs_folder
from fakescan.store.run_dir import RunDir, find_run, fingerprint, header_of, load_scan, make_run_dir
from tests.support.builders import assessed, failed, scan

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def journaled(folder: Path, mark: str = "m") -> RunDir:
    run = make_run_dir(folder, started_at=NOW, scan_id="ab", resume=False)
    with Journal(run.journal) as journal:
        journal.describe({"header": header_of(scan()), "run_key": "k", "row_key": "k", "fingerprint": mark})
        journal.add([assessed("a"), failed("b")], "k")
    return run


def test_runs_lie_in_the_users_cache(tmp_path: Path) -> None:
    assert runs_folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "fakescan-runs"
    assert runs_folder({}).name == "fakescan-runs"


def test_a_run_without_a_folder_gets_one_named_by_time_and_id() -> None:
    run = make_run_dir(None, started_at=NOW, scan_id="ab12", resume=False)
    assert run.path == runs_folder() / "20260301T120000Z-ab12"
    assert run.path.is_dir()
    if os.name == "posix":
        assert run.path.stat().st_mode & 0o077 == 0


def test_a_folder_with_a_run_is_refused_unless_resumed(tmp_path: Path) -> None:
    journaled(tmp_path)
    with pytest.raises(ReportError, match="already holds a run") as caught:
        make_run_dir(tmp_path, started_at=NOW, scan_id="cd", resume=False)
    assert "--resume" in caught.value.hint
    assert make_run_dir(tmp_path, started_at=NOW, scan_id="cd", resume=True).path == tmp_path


def test_a_file_in_the_place_of_the_folder_is_a_report_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(ReportError, match="cannot write"):
        make_run_dir(tmp_path / "x", started_at=NOW, scan_id="cd", resume=False)


def test_a_finished_run_is_read_from_its_report(tmp_path: Path) -> None:
    run = journaled(tmp_path)
    finished = scan(assessed("a"))
    run.write_report(finished)
    assert load_scan(tmp_path) == finished
    assert load_scan(run.report) == finished


def test_a_killed_run_is_read_from_its_journal(tmp_path: Path) -> None:
    journaled(tmp_path)
    left = load_scan(tmp_path)
    assert left.interrupted
    assert left.results == (assessed("a"), failed("b"))
    assert left.finished_at >= left.started_at


def test_the_journal_goes_before_an_older_interrupted_report(tmp_path: Path) -> None:
    journaled(tmp_path).write_report(scan(interrupted=True))
    assert len(load_scan(tmp_path).results) == 2


def test_a_damaged_journal_leaves_the_report(tmp_path: Path) -> None:
    run = journaled(tmp_path)
    run.write_report(scan(failed("b"), interrupted=True))
    run.journal.write_bytes(b"x" * 5000)
    assert load_scan(tmp_path).results == (failed("b"),)
    run.report.unlink()
    with pytest.raises(InputError, match="damaged"):
        load_scan(tmp_path)


def test_a_run_that_wrote_nothing_is_an_input_error(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite3"):
        pass
    with pytest.raises(InputError, match="nothing yet"):
        load_scan(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"{}", b"[1]", json.dumps({"schema_version": "2"}).encode()])
def test_what_is_no_report_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "report.json").write_bytes(content)
    with pytest.raises(InputError, match=r"report\.json"):
        load_scan(tmp_path / "report.json")


def test_missing_and_empty_places_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        load_scan(tmp_path / "none")
    with pytest.raises(InputError, match="no run directory"):
        load_scan(tmp_path)


def test_the_newest_run_of_the_same_question_is_found(tmp_path: Path) -> None:
    mark = fingerprint({"paths": ["a"]})
    for name, of in (("2", mark), ("3", mark), ("1", mark), ("4", "other")):
        journaled(tmp_path / name, of)
    (tmp_path / "5").mkdir()
    (tmp_path / "6").mkdir()
    (tmp_path / "6" / "journal.sqlite3").write_bytes(b"x" * 5000)
    found = find_run(mark, tmp_path)
    assert found is not None
    assert found.path.name == "3"


def test_no_run_is_found_where_there_is_none(tmp_path: Path) -> None:
    assert find_run("m", tmp_path) is None
    assert find_run("m", tmp_path / "missing") is None
