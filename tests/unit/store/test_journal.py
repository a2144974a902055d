"""The journal keeps what was done, reuses only what is equal, and says what is wrong with it."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from fakescan.core.records import Assessed, ImageRecord, ImageResult
from fakescan.errors import ReportError
from fakescan.store.database import uri_of
from fakescan.store.journal import Journal, run_key
from tests.support.builders import assessed, failed

KEY, OTHER = run_key({"weights": "a"}), run_key({"weights": "b"})


def at(result: ImageResult, path: str) -> ImageResult:
    picture = result.record
    return replace(result, record=replace(picture, file=replace(picture.file, path=path)))


def test_what_was_committed_is_there_after_reopening(tmp_path: Path) -> None:
    place = tmp_path / "j"
    with Journal(place) as journal:
        journal.add([assessed("b"), failed("c")], KEY)
        journal.add([assessed("a")], KEY)
        journal.describe({"header": "x"})
    with Journal(place, read_only=True) as journal:
        assert list(journal.results(KEY)) == [assessed("a"), assessed("b"), failed("c")]
        assert journal.about("header") == "x"
        assert journal.about("nothing") is None


def test_what_was_committed_is_there_after_a_kill(tmp_path: Path) -> None:
    place = tmp_path / "j"
    journal = Journal(place)
    journal.add([assessed("a")], KEY)
    # A second copy of the files is what a machine that stops here would leave behind.
    copy = tmp_path / "copy"
    for item in tmp_path.glob("j*"):
        copy.with_name(item.name.replace("j", "copy", 1)).write_bytes(item.read_bytes())
    journal.close()
    with Journal(copy) as left:
        assert [result.record.file.path for result in left.results(KEY)] == ["a"]


def test_every_commit_reaches_the_disk(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        assert journal._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert journal._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert journal._connection.execute("PRAGMA locking_mode").fetchone() == ("exclusive",)


def test_an_answer_is_reused_for_the_same_bytes_under_the_same_key_only() -> None:
    with Journal(None) as journal:
        result = assessed("a")
        journal.add([result, failed("broken")], KEY)
        assert isinstance(result.outcome, Assessed)
        digest = result.record.file.sha256
        assert journal.known(digest, KEY) == result
        assert journal.known(digest, OTHER) is None
        assert journal.known("0" * 64, KEY) is None
        assert journal.known(failed("broken").record.file.sha256, KEY) is None


def test_another_key_keeps_the_earlier_rows() -> None:
    with Journal(None) as journal:
        journal.add([assessed("a", 3.0)], KEY)
        journal.add([assessed("a", -3.0)], OTHER)
        assert list(journal.results(KEY)) == [assessed("a", 3.0)]
        assert list(journal.results(OTHER)) == [assessed("a", -3.0)]


def test_a_path_has_one_row_whatever_became_of_it() -> None:
    with Journal(None) as journal:
        journal.add([at(failed("x"), "a")], KEY)
        journal.add([assessed("a")], KEY)
        assert list(journal.results(KEY)) == [assessed("a")]
        journal.add([at(failed("x"), "a")], KEY)
        assert list(journal.results(KEY)) == [at(failed("x"), "a")]


def test_failures_need_no_model() -> None:
    with Journal(None) as journal:
        journal.add([failed("a")], "")
        assert list(journal.results(KEY)) == [failed("a")]


def test_undecodable_and_odd_names() -> None:
    names = ["\udcff", "\n", "日本", "a'; DROP TABLE results; --"]
    with Journal(None) as journal:
        journal.add([assessed(name) for name in names], KEY)
        assert [result.record.file.path for result in journal.results(KEY)] == sorted(names)


def test_one_writer(tmp_path: Path) -> None:
    with Journal(tmp_path / "j"), pytest.raises(ReportError, match="another scan"):
        Journal(tmp_path / "j")


@pytest.mark.parametrize("content", [b"this is no database at all, but long enough to have a header" * 20, b"SQLite"])
def test_a_file_that_is_no_journal_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "j"
    place.write_bytes(content)
    with pytest.raises(ReportError, match="journal") as caught:
        Journal(place)
    assert caught.value.hint
    assert place.read_bytes() == content


def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "j"
    connection = sqlite3.connect(place)
    connection.execute("CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT)")
    connection.execute("INSERT INTO about VALUES ('journal_version', '99')")
    connection.commit()
    connection.close()
    with pytest.raises(ReportError, match="no journal of this version"):
        Journal(place)


def test_a_missing_folder_is_a_report_error(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="cannot be written"):
        Journal(tmp_path / "missing" / "j")
    with pytest.raises(ReportError, match="cannot be"):
        Journal(tmp_path / "missing", read_only=True)


def test_a_full_disk_keeps_the_batches_before(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.add([assessed("a")], KEY)
        # What SQLite meets when there is no room: it may not grow by one more page.
        [pages] = journal._connection.execute("PRAGMA page_count").fetchone()
        journal._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(ReportError, match="disk is full") as caught:
            journal.add([assessed(f"b{number}") for number in range(200)], KEY)
        assert "--resume" in caught.value.hint
        assert list(journal.results(KEY)) == [assessed("a")]


def test_a_damaged_row_is_a_report_error(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.add([assessed("a")], KEY)
        journal._connection.execute("UPDATE results SET body = '{}'")
        with pytest.raises(ReportError, match="damaged"):
            list(journal.results(KEY))


def test_the_key_changes_with_every_part() -> None:
    assert run_key({"a": 1, "b": None}) == run_key({"b": None, "a": 1})
    assert len({run_key({"a": 1}), run_key({"a": 2}), run_key({"b": 1}), run_key({})}) == 4


def test_a_record_without_a_digest_is_never_reused() -> None:
    bare = assessed("a")
    nameless = replace(bare, record=ImageRecord(replace(bare.record.file, sha256="")))
    with Journal(None) as journal:
        journal.add([nameless], KEY)
        assert journal.known("", KEY) is None


def test_paths_of_windows_are_such_that_sqlite_takes_them() -> None:
    assert uri_of(PureWindowsPath(r"C:\Users\me\Bilder #1\j.sqlite3")) == "file:///C:/Users/me/Bilder%20%231/j.sqlite3"
    assert uri_of(PureWindowsPath(r"\\server\share\j.sqlite3")) == "file:////server/share/j.sqlite3"
    assert uri_of(PurePosixPath("/home/me/j?.sqlite3")) == "file:///home/me/j%3F.sqlite3"
