from __future__ import annotations

import gc
import weakref

import pytest

from fakescan.core.records import SourceFile
from fakescan.evidence.shared import once_a_file


class Found:
    def __init__(self, data: bytes) -> None:
        self.size = len(data)


def test_it_is_read_once_a_file_and_then_forgotten() -> None:
    calls: list[bytes] = []

    @once_a_file
    def read(_file: SourceFile, data: bytes) -> Found:
        calls.append(data)
        return Found(data)

    one, data = SourceFile("a", 3, "00", None), b"abc" * 1000
    first = read(one, data)
    assert read(one, data) is first
    assert len(calls) == 1
    # What is said of a file does not count, its bytes do.
    other = read(SourceFile("a", 3, "00", None), b"abcd" * 1000)
    assert (first.size, other.size, read(one, data).size, len(calls)) == (3000, 4000, 3000, 3)
    gone = [weakref.ref(found) for found in (first, other, read(one, data))]
    del one, first, other
    gc.collect()
    assert [reference() for reference in gone] == [None, None, None]


def test_another_file_of_the_same_bytes_is_read_again() -> None:
    @once_a_file
    def read(file: SourceFile, _data: bytes) -> str | None:
        return file.media_type

    one, other, data = SourceFile("a", 3, "00", "image/png"), SourceFile("a", 3, "00", "image/gif"), b"abc"
    assert [read(one, data), read(other, data), read(one, data)] == ["image/png", "image/gif", "image/png"]


def test_what_fails_is_tried_again() -> None:
    @once_a_file
    def read(_file: SourceFile, data: bytes) -> Found:
        raise ValueError(data)

    file = SourceFile("a", 3, "00", None)
    for _ in range(2):
        with pytest.raises(ValueError, match="abc"):
            read(file, b"abc")
