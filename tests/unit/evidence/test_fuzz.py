"""Every reader on anything, and on whole files with damage; one example is one file."""

from __future__ import annotations

import importlib
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescan.core.records import Evidence, SourceFile, Strength, Supports
from fakescan.evidence import READERS
from fakescan.evidence.containers import end_of
from fakescan.protocols import EvidenceReader
from tests.support.fuzz import FUZZED
from tests.unit.evidence.files import (
    EXIF_PREFIX,
    JPEG,
    PNG,
    WEBP,
    XMP_PREFIX,
    chunk,
    exif_block,
    iptc_segment,
    jpeg,
    plain,
    png,
    riff_chunk,
    segment,
    text_chunk,
    webp,
    xmp_packet,
)

BLOCK = exif_block(Make="Canon", Model="EOS", DateTimeOriginal="2021:01:01 10:00:00", UserComment=b"ASCII\0\0\0text")
PACKET = xmp_packet("<photoshop:Credit>Somebody</photoshop:Credit>")
WHOLE = {
    JPEG: jpeg(
        segment(0xE1, EXIF_PREFIX + BLOCK),
        segment(0xE1, XMP_PREFIX + PACKET),
        iptc_segment(110, b"Somebody"),
        segment(0xFE, b"a comment"),
    ),
    PNG: png(chunk(b"eXIf", BLOCK), text_chunk("XML:com.adobe.xmp", PACKET.decode()), text_chunk("Title", "a title")),
    WEBP: webp(riff_chunk(b"EXIF", BLOCK), riff_chunk(b"XMP ", PACKET)),
    "image/gif": plain("GIF"),
    "image/tiff": plain("TIFF"),
}
TYPES = [*WHOLE, "image/heic", "image/avif", "image/jxl", "image/vnd.adobe.photoshop", "image/x-raw", None]


@cache
def reader(name: str) -> EvidenceReader:
    module, _, kind = READERS[name].partition(":")
    made: EvidenceReader = getattr(importlib.import_module(module), kind)()
    return made


def read(name: str, data: bytes, media_type: str | None) -> list[Evidence]:
    return reader(name).read(SourceFile("a.jpg", len(data), "0" * 64, media_type), data)


@pytest.mark.parametrize("name", list(READERS))
@FUZZED
@given(data=st.binary(max_size=600), media_type=st.sampled_from(TYPES))
def test_anything(name: str, data: bytes, media_type: str | None) -> None:
    assert read(name, data, media_type)
    end_of(data, media_type)


@pytest.mark.parametrize("name", list(READERS))
@FUZZED
@given(
    media_type=st.sampled_from(list(WHOLE)),
    damage=st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 4_000),
)
def test_damaged_files(name: str, media_type: str, damage: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(WHOLE[media_type])
    for at, value in damage:
        data[at % len(data)] = value
    evidence = read(name, bytes(data[: max(1, len(data) - cut % 50)]), media_type)
    assert evidence
    for item in evidence:
        assert item.value.isprintable()
        assert item.strength is not Strength.TRUSTED
        # No damage makes a harmless file speak of AI.
        assert item.supports in (Supports.NONE, Supports.REAL)
