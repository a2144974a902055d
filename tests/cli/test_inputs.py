"""Lists of paths from files and stdin."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from fakescan.cli.inputs import listed_paths
from fakescan.errors import InputError


def test_plain_paths_stay_as_they_are() -> None:
    assert listed_paths(["b", "a", "-x"], [], []) == ["b", "a", "-x"]


def test_lists_by_line_and_by_nul(tmp_path: Path) -> None:
    lines, nul = tmp_path / "lines", tmp_path / "nul"
    lines.write_bytes("\ufeffone.jpg\n\n zwei é.jpg\n".encode())
    nul.write_bytes(b"new\nline.jpg\0last")
    assert listed_paths(["first"], [str(lines)], [str(nul)]) == [
        "first",
        "one.jpg",
        " zwei é.jpg",
        "new\nline.jpg",
        "last",
    ]


@pytest.mark.parametrize(
    ("arguments", "content"),
    [((["-"], [], []), b"a\nb\n"), (([], ["-"], []), b"a\nb"), (([], [], ["-"]), b"a\0b\0")],
)
def test_a_dash_is_stdin(arguments: tuple[list[str], list[str], list[str]], content: bytes) -> None:
    assert listed_paths(*arguments, io.BytesIO(content)) == ["a", "b"]


def test_stdin_can_be_read_only_once() -> None:
    with pytest.raises(InputError, match="more than once"):
        listed_paths(["-"], ["-"], [], io.BytesIO(b"a"))


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
def test_undecodable_names_survive() -> None:
    [name] = listed_paths(["-"], [], [], io.BytesIO(b"bad\xff.jpg\n"))
    assert os.fsencode(name) == b"bad\xff.jpg"


@pytest.mark.parametrize("name", ["missing", ".", "nul\0inside"])
def test_a_list_that_cannot_be_read_is_an_input_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot read the list") as caught:
        listed_paths([], [str(tmp_path / name)], [])
    assert caught.value.message.isprintable()
