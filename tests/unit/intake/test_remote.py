"""Remote folders over fsspec's file system in memory: the same rules, caps and failures as on a disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import fsspec
import pytest

from fakescan.core.records import Failure, Skipped
from fakescan.errors import InputError
from fakescan.intake import remote
from fakescan.intake.remote import RemoteFound, common_address, discover_remote, read_remote
from tests.support.pictures import png

PNG = png(0)


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket in memory."""
    monkeypatch.setattr(remote, "SCHEMES", {**remote.SCHEMES, "memory": "fsspec"})
    monkeypatch.setattr(remote, "_LISTED", remote._LISTED | {"memory"})
    files = fsspec.filesystem("memory")
    files.store.clear()
    for name in ("b/in/b.png", "b/in/sub/a.jpg", "b/in/.hidden/c.png", "b/in/unnamed", "b/other.png"):
        files.pipe_file("/" + name, PNG)
    files.pipe_file("/b/in/notes.txt", b"no picture")
    files.pipe_file("/b/in/.fakescanignore", b"*")
    files.pipe_file("/b/in/large.png", b"x" * 1000)
    files.pipe_file("/b/in/empty.png", b"")
    yield files
    files.store.clear()


def found(*addresses: str, **asked: Any) -> dict[str, RemoteFound | str]:
    items = list(discover_remote(addresses, **asked))
    assert [item.path for item in items] == sorted(item.path for item in items)
    return {item.path: item.reason if isinstance(item, Skipped) else item for item in items}


def one(address: str) -> RemoteFound:
    [item] = discover_remote([address])
    assert isinstance(item, RemoteFound)
    return item


def code(got: bytes | Failure) -> str:
    assert isinstance(got, Failure)
    return got.code


def test_a_folder_is_walked_by_the_rules_of_disks() -> None:
    items = found("memory://b/in")
    assert {path for path, item in items.items() if isinstance(item, RemoteFound)} == {
        "b.png", "sub/a.jpg", "unnamed", "large.png", "empty.png",
    }  # fmt: skip
    assert items["notes.txt"] == "neither looks like nor is named like an image"
    assert items[".hidden/c.png"] == "hidden"
    assert "not read in remote folders" in str(items[".fakescanignore"])


def test_filters() -> None:
    items = found("memory://b/in", include=["*.png"], exclude=["large*"])
    assert isinstance(items["b.png"], RemoteFound)
    assert items["large.png"] == "excluded by --exclude large*"
    assert "--include" in str(items["sub/a.jpg"])


def test_a_file_that_is_named_is_examined_whatever_it_is() -> None:
    item = one("memory://b/in/notes.txt")
    assert item.by_hand
    assert read_remote(item, 10**6) == b"no picture"


def test_bytes_come_as_they_are() -> None:
    assert read_remote(one("memory://b/in/b.png"), len(PNG)) == PNG


@pytest.mark.parametrize("size", [1000, None, 10])
def test_large_files_are_refused_whatever_size_was_promised(size: int | None) -> None:
    item = RemoteFound("x", "memory://b/in/large.png", size_bytes=size)
    assert code(read_remote(item, 999)) == "too-large"


def test_empty_and_vanished_files_are_failures(memory: Any) -> None:
    item = one("memory://b/in/b.png")
    memory.rm("/b/in/b.png")
    assert code(read_remote(item, 10**6)) == "no-such-file"
    assert code(read_remote(one("memory://b/in/empty.png"), 10**6)) == "empty-file"


def test_a_file_that_ends_too_early_is_a_failure() -> None:
    item = RemoteFound("x", "memory://b/in/b.png", size_bytes=len(PNG) + 1)
    assert code(read_remote(item, 10**6)) == "unreadable"


def test_nothing_at_an_address_is_a_failure_of_that_address() -> None:
    assert code(read_remote(one("memory://b/none"), 10**6)) == "no-such-file"


class Refused(Exception):
    """As HTTP libraries raise it."""

    status = 403


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (PermissionError("key=hunter2"), "permission-denied"),
        (Refused("https://u:hunter2@h"), "permission-denied"),
        (FileNotFoundError("hunter2"), "no-such-file"),
        (TimeoutError("hunter2"), "timeout"),
        (OSError(5, "hunter2"), "unreadable"),
        (ValueError("hunter2"), "unreadable"),
    ],
)
def test_faults_are_told_without_their_words(
    memory: Any, monkeypatch: pytest.MonkeyPatch, fault: Exception, said: str
) -> None:
    def fail(*args: object, **kwargs: object) -> NoReturn:
        raise fault

    item = one("memory://b/in/b.png")
    monkeypatch.setattr(type(memory), "_open", fail)
    got = read_remote(item, 10**6)
    assert code(got) == said
    assert "hunter2" not in repr(got)
    monkeypatch.setattr(type(memory), "find", fail)
    got = read_remote(one("memory://b/in"), 10**6)
    assert code(got) == said
    assert "hunter2" not in repr(got)


def test_an_address_is_never_shown_with_its_secrets() -> None:
    address = "https://me:hunter2@host/a.jpg?sig=hunter2"
    item = one(address)
    assert item.path == "a.jpg"
    assert item.address == address
    assert "hunter2" not in repr(item)
    assert common_address([address]) == "https://host"


def test_addresses_that_look_alike_stay_apart() -> None:
    items = found("https://h/i.jpg?id=1", "https://h/i.jpg?id=2", "https://h/i.jpg?id=1")
    assert len(items) == 2
    assert {item.address for item in items.values() if isinstance(item, RemoteFound)} == {
        "https://h/i.jpg?id=1", "https://h/i.jpg?id=2",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("addresses", "root"),
    [
        (["s3://b/x/y"], "s3://b/x/y"),
        (["s3://b/x/a.png"], "s3://b/x"),
        (["s3://b/a.png"], "s3://b"),
        (["s3://b"], "s3://b"),
        (["s3://b/x/y", "s3://b/x/z/a.jpg"], "s3://b/x"),
        (["s3://b/x", "s3://c/x"], ""),
        (["s3://b/x", "gs://b/x"], ""),
        (["https://h/p/picture?id=1"], "https://h/p"),
        (["https://h/p/a.jpg?s=1", "https://h/p/q/b.jpg"], "https://h/p"),
    ],
)
def test_the_common_address(addresses: list[str], root: str) -> None:
    assert common_address(addresses) == root


def test_without_a_common_address_paths_are_addresses() -> None:
    items = found("memory://b/in/b.png", "https://h/i.jpg?sig=1")
    assert set(items) == {"memory://b/in/b.png", "https://h/i.jpg"}


def test_unknown_schemes_are_refused() -> None:
    with pytest.raises(InputError, match="not known") as caught:
        list(discover_remote(["ftp://h/x"]))
    assert "s3://" in caught.value.hint
