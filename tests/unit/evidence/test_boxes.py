from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescan.evidence.containers import metadata_of
from fakescan.evidence.containers.boxes import boxes
from tests.unit.evidence.files import box, exif_block

BLOCK = exif_block(Make="Canon")
HEIC, JXL = "image/heic", "image/jxl"


def full(kind: bytes, version: int, body: bytes) -> bytes:
    return box(kind, bytes([version, 0, 0, 0]) + body)


def heif(exif: bytes, xmp: bytes, *, inside: bool, version: int = 1) -> bytes:
    """A file with an EXIF item and an XMP item, behind the boxes or inside ``idat``."""
    start = box(b"ftyp", b"heic\0\0\0\0mif1heic")
    items = full(b"infe", 2, struct.pack(">HH4s", 1, 0, b"Exif") + b"\0") + full(
        b"infe", 2, struct.pack(">HH4s", 2, 0, b"mime") + b"\0application/rdf+xml\0"
    )
    iinf = full(b"iinf", 0, struct.pack(">H", 2) + items)

    def located(at: int) -> bytes:
        method = struct.pack(">H", int(inside)) if version else b""
        rows = [
            struct.pack(">H", number) + method + struct.pack(">HHII", 0, 1, offset, size)
            for number, offset, size in ((1, at, len(exif)), (2, at + len(exif), len(xmp)))
        ]
        return full(b"iloc", version, b"\x44\x00" + struct.pack(">H", 2) + b"".join(rows))

    idat = box(b"idat", exif + xmp) if inside else b""
    empty = full(b"meta", 0, iinf + located(0) + idat)
    at = 0 if inside else len(start) + len(empty) + 8
    return start + full(b"meta", 0, iinf + located(at) + idat) + (b"" if inside else box(b"mdat", exif + xmp))


@pytest.mark.parametrize(("inside", "version"), [(False, 0), (False, 1), (True, 1)])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_items(inside: bool, version: int, prefix: bytes) -> None:
    item = len(prefix).to_bytes(4, "big") + prefix + BLOCK
    found = metadata_of(heif(item, b"<x/>", inside=inside, version=version), HEIC)
    assert (found.exif, found.xmp) == ([BLOCK], [b"<x/>"])


def test_jpeg_xl() -> None:
    head = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    found = metadata_of(head + box(b"Exif", bytes(4) + BLOCK) + box(b"xml ", b"<x/>"), JXL)
    assert (found.exif, found.xmp, found.unread) == ([BLOCK], [b"<x/>"], [])
    packed = metadata_of(head + box(b"brob", b"Exif....") + box(b"jumb", b"store"), JXL)
    assert len(packed.unread) == 1
    assert packed.jumbf == [box(b"jumb", b"store")]
    assert metadata_of(b"\xff\x0a" + box(b"Exif", bytes(4) + BLOCK), JXL).exif == []


def test_canon_raw() -> None:
    canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    data = box(b"ftyp", b"crx \0\0\0\1crx isom") + box(b"moov", box(b"uuid", canon + box(b"CMT1", BLOCK)))
    assert metadata_of(data, "image/x-raw").exif == [BLOCK]


def test_sizes_of_every_form() -> None:
    large = struct.pack(">I4sQ", 1, b"free", 20) + b"abcd"
    rest = struct.pack(">I4s", 0, b"mdat") + b"to the end"
    data = box(b"free", b"x") + large + rest
    assert [(found.kind, data[found.start : found.end]) for found in boxes(data, 0, len(data))] == [
        (b"free", b"x"),
        (b"free", b"abcd"),
        (b"mdat", b"to the end"),
    ]


def test_a_size_that_cannot_be_ends_the_walk() -> None:
    for size in (1, 4, 7, 2**31):
        data = struct.pack(">I4s", size, b"meta") + bytes(20)
        assert list(boxes(data, 0, len(data))) == [] or size == 1
    many = struct.pack(">I4s", 8, b"free") * 50_000
    assert len(list(boxes(many, 0, len(many)))) == 10_000


@given(st.binary(max_size=300), st.sampled_from([HEIC, JXL, "image/avif", "image/jp2", "image/x-raw"]))
def test_anything_is_survived(data: bytes, kind: str) -> None:
    metadata_of(data, kind)
    metadata_of(box(b"ftyp", b"heic\0\0\0\0") + box(b"meta", data), kind)


@given(st.integers(0, 400), st.integers(0, 255))
def test_damage_is_survived(at: int, value: int) -> None:
    data = bytearray(heif(bytes(4) + BLOCK, b"<x/>", inside=False))
    data[at % len(data)] = value
    metadata_of(bytes(data), HEIC)
