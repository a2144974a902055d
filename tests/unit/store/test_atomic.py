"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn, TextIO

import pytest

from fakescan.errors import ReportError
from fakescan.store.atomic import check_writable, write_atomically

posix_user = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind here (Windows, or root)"
)


def test_a_new_file_is_written_in_utf_8(tmp_path: Path) -> None:
    place = tmp_path / "é.txt"
    write_atomically(place, lambda out: out.write("ü\n"))
    assert place.read_bytes() == "ü\n".encode()
    assert [item.name for item in tmp_path.iterdir()] == [place.name]


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    place = tmp_path / "a"
    place.write_text("old")
    write_atomically(place, lambda out: out.write("new"))
    assert place.read_text() == "new"


@pytest.mark.parametrize("fault", [ValueError("bug"), KeyboardInterrupt()])
def test_on_any_fault_the_old_file_stays_and_nothing_else(tmp_path: Path, fault: BaseException) -> None:
    place = tmp_path / "a"
    place.write_text("old")

    def write(out: TextIO) -> NoReturn:
        out.write("half of it")
        raise fault

    with pytest.raises(type(fault)):
        write_atomically(place, write)
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_a_full_disk_is_a_report_error(tmp_path: Path) -> None:
    def write(out: TextIO) -> NoReturn:
        out.write("x")
        raise OSError(28, "No space left on device")

    with pytest.raises(ReportError, match="No space left on device") as caught:
        write_atomically(tmp_path / "a", write)
    assert caught.value.hint
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="permission bits of POSIX")
def test_a_new_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("")
    write_atomically(tmp_path / "a", lambda out: out.write(""))
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("place", [".", "missing/report.json"])
def test_what_cannot_be_written_is_found_before(tmp_path: Path, place: str) -> None:
    with pytest.raises(ReportError, match="cannot write"):
        check_writable(tmp_path / place)


def test_checking_leaves_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "report.json")
    assert not list(tmp_path.iterdir())


@posix_user
def test_read_only_folders_and_files_are_found_before(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    kept = tmp_path / "kept"
    kept.write_text("")
    kept.chmod(0o400)
    for place in (locked / "a", kept):
        with pytest.raises(ReportError, match="cannot write"):
            check_writable(place)


def test_names_cannot_steer_a_terminal(tmp_path: Path) -> None:
    with pytest.raises(ReportError) as caught:
        check_writable(tmp_path / "\x1b[31m" / "a")
    assert caught.value.message.isprintable()


def test_a_file_that_another_program_has_open_is_told_apart_from_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_use(self: Path, target: Path) -> NoReturn:
        raise PermissionError(13, "Access is denied")  # what Windows says

    monkeypatch.setattr(Path, "replace", in_use)
    with pytest.raises(ReportError, match="Access is denied") as caught:
        write_atomically(tmp_path / "a", lambda out: out.write("new"))
    assert "other programs" in caught.value.hint
    assert not list(tmp_path.iterdir())
