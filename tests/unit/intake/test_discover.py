from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from fakescan.core.records import Skipped
from fakescan.errors import InputError
from fakescan.intake.discover import Found, common_root, discover, read_list
from tests.support.pictures import png

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and odd names of POSIX")


def make(folder: Path, *names: str, content: bytes | None = None) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(1) if content is None else content)
    return folder


def paths(items: Iterable[Found | Skipped]) -> list[str]:
    return [item.path for item in items if isinstance(item, Found)]


def reasons(items: Iterable[Found | Skipped]) -> dict[str, str]:
    return {item.path: item.reason for item in items if isinstance(item, Skipped)}


def test_order_is_that_of_whole_paths(tmp_path: Path) -> None:
    make(tmp_path, "b/x.png", "b.png", "b-c.png", "a/z/1.png", "a/y.png", "B.png", "b/x/2.png")
    found = paths(discover([tmp_path]))
    assert found == sorted(found)
    assert len(found) == 7
    assert found == paths(discover([tmp_path]))


def test_it_is_lazy(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "z/b.png")
    stream = discover([tmp_path])
    first = next(stream)
    make(tmp_path, "z/c.png")
    assert [first.path, *paths(stream)] == ["a.png", "z/b.png", "z/c.png"]


def test_what_looks_or_is_named_like_an_image(tmp_path: Path) -> None:
    make(tmp_path, "picture", "picture.txt", "UPPER.PNG")
    make(tmp_path, "text.jpg", "raw.NEF", "drawing.svg", content=b"no image")
    make(tmp_path, "notes.txt", "noext", content=b"no image at all")
    make(tmp_path, "empty", "empty.bin", content=b"")
    items = list(discover([tmp_path]))
    assert paths(items) == ["UPPER.PNG", "drawing.svg", "picture", "picture.txt", "raw.NEF", "text.jpg"]
    said = "neither looks like nor is named like an image"
    assert reasons(items) == dict.fromkeys(["empty", "empty.bin", "noext", "notes.txt"], said)


def test_a_path_given_by_hand_is_examined_whatever_it_is(tmp_path: Path) -> None:
    make(tmp_path, "notes.txt", ".hidden.png", content=b"text")
    items = list(discover([tmp_path / "notes.txt", tmp_path / ".hidden.png", tmp_path / "missing.jpg"]))
    assert [(item.path, item.by_hand) for item in items if isinstance(item, Found)] == [
        (".hidden.png", True),
        ("missing.jpg", True),
        ("notes.txt", True),
    ]


def test_hidden_files_and_folders_are_left_alone(tmp_path: Path) -> None:
    make(tmp_path, ".hidden.png", ".git/x.png", "seen.png")
    items = list(discover([tmp_path]))
    assert paths(items) == ["seen.png"]
    assert reasons(items) == {".hidden.png": "hidden", ".git": "hidden"}
    assert paths(discover([tmp_path / ".git"])) == ["x.png"]


def test_each_file_once(tmp_path: Path) -> None:
    make(tmp_path, "a/x.png", "b/y.png")
    make(tmp_path, "a/notes.txt", content=b"text")
    given = [tmp_path / "a" / "x.png", tmp_path, tmp_path / "a", tmp_path / "b" / ".." / "a" / "x.png", tmp_path]
    items = list(discover(given))
    assert paths(items) == ["a/x.png", "b/y.png"]
    assert [item.by_hand for item in items if isinstance(item, Found)] == [True, False]
    assert list(reasons(items)) == ["a/notes.txt"]


def test_a_hidden_folder_given_inside_a_walked_one_is_walked(tmp_path: Path) -> None:
    make(tmp_path, ".cache/x.png", "y.png")
    items = list(discover([tmp_path, tmp_path / ".cache"]))
    assert paths(items) == [".cache/x.png", "y.png"]
    assert reasons(items) == {}


def test_limit_counts_what_is_found(tmp_path: Path) -> None:
    make(tmp_path, *(f"{number}.png" for number in range(5)))
    make(tmp_path, "0.txt", content=b"text")
    make(tmp_path, "2.txt", content=b"text")
    assert [item.path for item in discover([tmp_path], limit=2)] == ["0.png", "0.txt", "1.png"]
    assert list(discover([tmp_path], limit=0)) == []


def test_not_recursive(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "sub/b.png")
    items = list(discover([tmp_path], recursive=False))
    assert paths(items) == ["a.png"]
    assert list(reasons(items)) == ["sub"]


def test_include_and_exclude(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "b.jpg", "thumbs/c.png", "deep/thumbs/d.png", "deep/e.png")
    items = list(discover([tmp_path], include=["*.png"], exclude=["thumbs/"]))
    assert paths(items) == ["a.png", "deep/e.png"]
    assert reasons(items) == {
        "b.jpg": "not among the files that --include names",
        "thumbs": "excluded by --exclude thumbs/",
        "deep/thumbs": "excluded by --exclude thumbs/",
    }
    by_hand = list(discover([tmp_path / "b.jpg", tmp_path / "a.png"], include=["*.png"]))
    assert paths(by_hand) == ["a.png"]
    assert list(reasons(by_hand)) == ["b.jpg"]


def test_a_pattern_that_means_nothing_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--exclude"):
        list(discover([tmp_path], exclude=["!"]))


def test_ignore_files_hold_for_their_folder_and_below(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "a.jpg", "sub/a.jpg", "sub/keep.jpg", "sub/deep/a.jpg", "drop/x.png", "sub/drop/y.png")
    (tmp_path / ".fakescanignore").write_text("# comment\n*.jpg\n/drop/\n")
    (tmp_path / "sub" / ".fakescanignore").write_text("!keep.jpg\n")
    items = list(discover([tmp_path]))
    assert paths(items) == ["a.png", "sub/drop/y.png", "sub/keep.jpg"]
    told = reasons(items)
    assert told["a.jpg"] == told["sub/deep/a.jpg"] == "excluded by .fakescanignore: *.jpg"
    assert told["drop"] == "excluded by .fakescanignore: /drop/"
    assert told[".fakescanignore"] == "says what to leave out"
    # A file that was given is meant.
    assert paths(discover([tmp_path / "a.jpg"])) == ["a.jpg"]


def test_an_ignore_file_cannot_hold_up_the_scan(tmp_path: Path) -> None:
    make(tmp_path, "a" * 200 + ".png")
    bad = ["*a" * 40 + "b", "x" * 5000, "!", "a" * 200 + ".png\x1b[31m"]
    (tmp_path / ".fakescanignore").write_text("\n".join(bad))
    items = list(discover([tmp_path]))
    assert len(paths(items)) == 1
    assert "3 of its lines" in reasons(items)[".fakescanignore"]


@POSIX
def test_links(tmp_path: Path) -> None:
    outside = make(tmp_path / "outside", "far.png")
    folder = make(tmp_path / "in", "real.png", "sub/b.png")
    (folder / "file.png").symlink_to("real.png")
    (folder / "named-like-text.txt").symlink_to("real.png")
    (folder / "far.png").symlink_to(outside / "far.png")
    (folder / "dead.png").symlink_to("nothing.png")
    (folder / "self.png").symlink_to("self.png")
    (folder / "loop").symlink_to(".")
    (folder / "sub" / "up").symlink_to("..")
    (folder / "folder").symlink_to(outside)
    (folder / "device.png").symlink_to("/dev/null")
    items = list(discover([folder]))
    assert paths(items) == ["file.png", "named-like-text.txt", "real.png", "sub/b.png"]
    assert reasons(items) == {
        "far.png": "a link to a file outside of what is scanned: --follow-links follows it",
        "dead.png": "a link that leads nowhere",
        "device.png": "a link to a device, not a file",
        "folder": "a link to a folder: give the folder itself to scan it",
        "loop": "a link that leads back to a folder around it",
        "self.png": "a link that leads back to itself",
        "sub/up": "a link that leads back to a folder around it",
    }
    assert paths(discover([folder / "folder"])) == ["far.png"]
    assert "far.png" in paths(discover([folder], follow_links=True))
    # Named itself, or led into by a link from another folder of the same scan.
    assert paths(discover([folder / "far.png"])) == ["far.png"]
    assert len(paths(discover([folder, outside]))) == 6


@POSIX
def test_a_link_is_no_list_of_what_to_leave_out(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.write_text("real.png\n")
    folder = make(tmp_path / "in", "real.png")
    (folder / ".fakescanignore").symlink_to(secrets)
    assert paths(discover([folder])) == ["real.png"]


@POSIX
def test_pipes_and_sockets_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
        items = list(discover([tmp_path]))
    assert reasons(items) == {
        "pipe": "a named pipe, not a file",
        "pipe.jpg": "a named pipe, not a file",
        "socket.png": "a socket, not a file",
    }
    assert [item.path for item in discover([tmp_path / "pipe.jpg"])] == ["pipe.jpg"]


@POSIX
def test_names_that_are_no_text(tmp_path: Path) -> None:
    names = [b"bad\xff\xfe.png", b"new\nline.png", b"esc\x1b[31m.png", b"-rf.png", "日本.png".encode()]
    try:
        for name in names:
            Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_bytes(png(1))  # noqa: PTH118
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    found = list(discover([tmp_path]))
    assert {os.fsencode(item.path) for item in found} == set(names)
    assert all(isinstance(item, Found) and item.absolute.is_file() for item in found)


def test_what_cannot_be_read_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.png", "noext", "closed/b.png")
    scandir = os.scandir

    def guarded(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    monkeypatch.setattr(
        "fakescan.intake.discover.read_head", lambda *_: (_ for _ in ()).throw(PermissionError(13, "no"))
    )
    items = list(discover([tmp_path]))
    assert paths(items) == ["a.png"]
    assert reasons(items) == {
        "closed": "the folder cannot be read: Permission denied",
        "noext": "not named like an image, and cannot be read: no",
    }
    assert [type(item) for item in discover([tmp_path / "closed"])] == [Found]


def test_common_root(tmp_path: Path) -> None:
    make(tmp_path, "a/x.png", "b/y.png")
    assert common_root([tmp_path / "a"]) == tmp_path / "a"
    assert common_root([tmp_path / "a", tmp_path / "b" / "y.png"]) == tmp_path
    assert common_root([tmp_path / "a" / "x.png"]) == tmp_path / "a"
    assert common_root([]) == Path.cwd()
    assert paths(discover([tmp_path / "a", tmp_path / "b" / "y.png"])) == ["a/x.png", "b/y.png"]
    outside = paths(discover([tmp_path / "b"], root=tmp_path / "a"))
    assert outside == [(tmp_path / "b" / "y.png").as_posix()]


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a/x.png", "y.png")
    monkeypatch.chdir(tmp_path / "a")
    assert paths(discover(["."])) == ["x.png"]
    assert paths(discover([".."])) == ["a/x.png", "y.png"]
    assert [str(item.absolute) for item in discover(["../y.png"]) if isinstance(item, Found)] == [
        str(tmp_path.resolve() / "y.png")
    ]


def test_a_path_that_no_system_takes_is_an_error_row(tmp_path: Path) -> None:
    assert [type(item) for item in discover([tmp_path / "a\0b.png"])] == [Found]


def test_lists() -> None:
    assert read_list(b"a.png\nb c.png\r\n\n", nul=False) == ["a.png", "b c.png"]
    assert read_list(b"a\nb.png\0c.png\0", nul=True) == ["a\nb.png", "c.png"]
    assert read_list(b"\xef\xbb\xbfa.png", nul=False) == ["a.png"]
    assert read_list(b"", nul=True) == []
    assert os.fsencode(read_list("é.png".encode(), nul=False)[0]) == "é.png".encode()


def test_deep_folders_need_no_recursion(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(60):
        folder /= "d"
    make(folder, "x.png")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        assert len(paths(discover([tmp_path]))) == 1
    finally:
        sys.setrecursionlimit(limit)
