from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from fakescan.core.records import Failure
from fakescan.intake.read import checked, read_file, read_head, size_of


def code(result: bytes | Failure) -> str:
    assert isinstance(result, Failure)
    assert result.step == "read"
    return result.code


def test_all_bytes_of_a_file(tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    path = tmp_path / "a"
    path.write_bytes(content)
    assert read_file(path, 3_000_000) == content
    assert code(read_file(path, 2_999_999)) == "too-large"
    assert read_head(path, 10) == content[:10]
    assert size_of(path) == 3_000_000


def test_what_is_no_readable_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert code(read_file(tmp_path / "empty", 10)) == "empty-file"
    assert code(read_file(tmp_path / "missing", 10)) == "no-such-file"
    assert code(read_file(str(tmp_path) + "\0", 10)) == "no-such-file"
    assert code(read_file(tmp_path, 10)) == "unreadable-folder"
    assert size_of(tmp_path) == size_of(tmp_path / "missing") == 0
    with pytest.raises(IsADirectoryError):
        read_head(tmp_path, 10)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices of POSIX")
def test_pipes_and_devices_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("it was opened"))
    assert code(read_file(tmp_path / "pipe", 10)) == "not-a-file"
    assert code(read_file("/dev/zero", 10)) == "not-a-file"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (PermissionError(errno.EACCES, "no"), "permission-denied"),
        (OSError(errno.EIO, "Input/output error"), "unreadable"),
    ],
)
def test_faults_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: OSError, expected: str) -> None:
    (tmp_path / "a").write_bytes(b"x")

    def refuse(*_: object) -> int:
        raise fault

    monkeypatch.setattr(os, "open", refuse)
    assert code(read_file(tmp_path / "a", 10)) == expected


def test_a_file_that_grows_while_it_is_read_stays_within_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    read = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, count: read(descriptor, count) or b"more")
    assert code(read_file(path, 100)) == "too-large"


def test_bytes_that_are_there_already() -> None:
    assert checked(b"abc", 3) == b"abc"
    assert code(checked(b"abc", 2)) == "too-large"
    assert code(checked(b"", 2)) == "empty-file"
