from __future__ import annotations

from pathlib import Path

import pytest

from fakescan.intake.discover import Found
from fakescan.intake.found_files import AnyFound, FoundFiles
from fakescan.intake.remote import RemoteFound

ROOT = Path("/pictures")
NAMES = ["a b.jpg", "a/b.jpg", "a/\udcff.jpg", "a.jpg", "日本語.jpg", "\U0001f3a8.png", "\ufffd.png", "z/y/x.png"]


def mixed() -> list[AnyFound]:
    return [
        *(Found(name, ROOT / name) for name in NAMES),
        Found("given.jpg", ROOT / "given.jpg", by_hand=True),
        Found("/elsewhere/b.jpg", Path("/elsewhere/b.jpg")),
        Found(".", ROOT, by_hand=True),
        RemoteFound("s3://bucket/key.jpg", "s3://secret@bucket/key.jpg", size_bytes=5, stamp="etag"),
    ]


@pytest.mark.parametrize("reverse", [False, True])
def test_files_come_back_as_they_were_in_order(reverse: bool) -> None:
    told = sorted(mixed(), key=lambda file: file.path, reverse=reverse)
    files = FoundFiles(iter(told), str(ROOT))
    expected = sorted(told, key=lambda file: file.path)
    assert list(files) == expected
    assert list(files.paths()) == [file.path for file in expected]
    assert (len(files), files[2], files[-1], files[1:4]) == (len(told), expected[2], expected[-1], tuple(expected[1:4]))
    with pytest.raises(IndexError):
        files[len(told)]


def test_none_are_nothing() -> None:
    assert not FoundFiles([], "/")
