from __future__ import annotations

import struct

import pytest

from fakescan.evidence.tiff import EXIF_IFD, GPS_IFD, IFD0, Tiff
from tests.unit.evidence.files import exif_block


def directory(order: str, *entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    packed = b"".join(struct.pack(f"{order}HHII", *entry) for entry in entries)
    return struct.pack(f"{order}H", len(entries)) + packed + struct.pack(f"{order}I", following)


def block(order: str, *entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(f"{order}I", 8) + directory(order, *entries, following=following)


def test_fields_of_all_three_directories() -> None:
    tiff = Tiff(exif_block(Make="Canon", LensModel="50mm", gps={1: "N"}))
    assert tiff.field(IFD0, 0x10F) == b"Canon\0"
    assert tiff.field(EXIF_IFD, 0xA434) == b"50mm\0"
    assert tiff.field(GPS_IFD, 1) == b"N\0"
    assert tiff.field(IFD0, 0x110) is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders(order: str) -> None:
    tiff = Tiff(block(order, (0x112, 3, 1, 6 if order == "<" else 6 << 16)))
    assert tiff.field(IFD0, 0x112) == struct.pack(f"{order}H", 6)


@pytest.mark.parametrize("data", [b"", b"II*", b"XX*\0" + bytes(100), b"II*\0" + bytes(4), b"II*\0\xff\xff\xff\xff"])
def test_what_is_no_tiff_has_no_fields(data: bytes) -> None:
    assert Tiff(data).field(IFD0, 0x10F) is None


def test_the_first_of_several_counts() -> None:
    assert Tiff(block("<", (0x112, 3, 1, 6), (0x112, 3, 1, 8))).field(IFD0, 0x112) == b"\6\0"


def test_values_outside_the_block_are_cut() -> None:
    data = block("<", (0x10F, 2, 0xFFFFFFFF, 20))
    assert Tiff(data).field(IFD0, 0x10F) == data[20:]


def test_ordinary_blocks_are_bearable() -> None:
    assert Tiff(exif_block(Make="Canon", LensModel="50mm", gps={1: "N"})).is_bearable()
    assert Tiff(block("<", (0x111, 4, 500_000, 8))).is_bearable()
    assert not Tiff(b"nonsense").is_bearable()


@pytest.mark.parametrize(
    "data",
    [
        block("<", *[(0x8825, 4, 1, 8)] * 2_000),
        block("<", *[(0x1234, 3, 999, 8)] * 1_000),
        block("<", (0x8769, 4, 1, 26)) + directory("<", *[(0xA005, 4, 1, 26)] * 2_000),
        block("<", *[(0x10F, 2, 0xFFFFFFFF, 8)] * 5_000) + bytes(300_000),
        block(">", *[(0x8825, 3, 1, 494 << 16)] * 40) + b"\xff\xff" + bytes(4),
    ],
    ids=["places", "numbers", "nested", "texts", "short pointers"],
)
def test_blocks_that_multiply_work_are_not(data: bytes) -> None:
    assert not Tiff(data).is_bearable()


def test_loops_of_directories_end() -> None:
    assert Tiff(block("<", (0x112, 3, 1, 6), following=8)).is_bearable()
    assert Tiff(block("<", (0x8769, 4, 1, 8))).field(EXIF_IFD, 0x8769) == struct.pack("<I", 8)
