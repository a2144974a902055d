from __future__ import annotations

import zlib

import pytest
from PIL import Image, features

from fakescan.evidence.containers import jpeg as jpeg_file
from fakescan.evidence.containers import metadata_of
from fakescan.evidence.containers import png as png_file
from fakescan.evidence.containers import webp as webp_file
from tests.unit.evidence.files import (
    AVIF,
    EXIF_PREFIX,
    JPEG,
    PNG,
    TIFF,
    WEBP,
    XMP_PREFIX,
    chunk,
    exif_block,
    jpeg,
    plain,
    png,
    riff_chunk,
    segment,
    text_chunk,
    webp,
)

BLOCK = exif_block(Make="Canon")


def test_jpeg() -> None:
    data = jpeg(
        segment(0xEB, b"JP\0\1 a manifest"),
        segment(0xE1, EXIF_PREFIX + BLOCK),
        b"\xff\xff" + segment(0xE1, XMP_PREFIX + b"<x/>")[1:],
        segment(0xFE, b"a comment"),
    )
    found = metadata_of(data, JPEG)
    assert (found.exif, found.xmp, found.comments) == ([BLOCK], [b"<x/>"], [b"a comment"])


def test_png() -> None:
    data = png(
        chunk(b"eXIf", BLOCK),
        chunk(b"tEXt", b"Title\0caf\xe9"),
        chunk(b"tEXt", b"Wrong\0" + "né".encode()),
        chunk(b"zTXt", b"Packed\0\0" + zlib.compress(b"packed text")),
        chunk(b"iTXt", b"Both\0\1\0en\0Beide\0" + zlib.compress("日本".encode())),
        text_chunk("XML:com.adobe.xmp", "<x/>"),
    )
    found = metadata_of(data, PNG)
    assert found.exif == [BLOCK]
    assert found.xmp == [b"<x/>"]
    assert found.texts == [("Title", "café"), ("Wrong", "né"), ("Packed", "packed text"), ("Both", "日本")]


def test_png_text_after_the_pixels_counts_but_not_after_the_end() -> None:
    late = text_chunk("parameters", "late")
    assert metadata_of(png(late, late=True), PNG).texts == [("parameters", "late")]
    assert metadata_of(png() + late, PNG).texts == []


def test_a_chunk_with_a_wrong_checksum_does_not_count() -> None:
    bad = bytearray(text_chunk("parameters", "text"))
    bad[-1] ^= 1
    assert metadata_of(png(bytes(bad)), PNG).texts == []


def test_exif_as_imagemagick_writes_it() -> None:
    raw = (EXIF_PREFIX + BLOCK).hex()
    text = f"\nexif\n    {len(EXIF_PREFIX + BLOCK)}\n" + "\n".join(raw[at : at + 72] for at in range(0, len(raw), 72))
    assert metadata_of(png(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text.encode()))), PNG).exif == [
        BLOCK
    ]
    assert metadata_of(png(text_chunk("Raw profile type exif", "\nexif\n 4\nnot hex")), PNG).exif == []


def test_a_text_bomb_is_left_packed() -> None:
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(30_000_000), 9))
    assert metadata_of(png(bomb, text_chunk("a", "b")), PNG).texts == [("a", "b")]
    assert metadata_of(png(chunk(b"zTXt", b"Comment\0\0garbage")), PNG).texts == []


@pytest.mark.parametrize("prefix", [b"", EXIF_PREFIX])
def test_webp(prefix: bytes) -> None:
    data = webp(riff_chunk(b"EXIF", prefix + BLOCK), riff_chunk(b"XMP ", b"<x/>!"))
    found = metadata_of(data, WEBP)
    assert (found.exif, found.xmp) == ([BLOCK], [b"<x/>!"])
    assert metadata_of(webp() + riff_chunk(b"XMP ", b"<x/>"), WEBP).xmp == []


def test_tiff() -> None:
    data = plain("TIFF")
    assert metadata_of(data, TIFF).exif == [data]
    assert metadata_of(b"II+\0rest", TIFF).exif == []


@pytest.mark.skipif(not features.check("avif"), reason="this build of Pillow has no AVIF")
def test_avif(tmp_path: object) -> None:
    from io import BytesIO

    out = BytesIO()
    Image.new("RGB", (8, 8)).save(out, "AVIF", exif=EXIF_PREFIX + BLOCK, xmp=b"<x/>")
    found = metadata_of(out.getvalue(), AVIF)
    assert len(found.exif) == 1
    assert b"Canon" in found.exif[0]
    assert found.xmp == [b"<x/>"]


def test_bytes_that_only_look_like_metadata() -> None:
    inside_pixels = plain("JPEG") + segment(0xE1, EXIF_PREFIX + BLOCK)
    assert metadata_of(inside_pixels, JPEG).exif == []
    assert metadata_of(b"parameters" + BLOCK, None) == metadata_of(b"", "text/plain")


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_cut_files_end_quietly(cut: int) -> None:
    for whole, walk in ((jpeg(segment(0xE1, BLOCK)), jpeg_file.segments), (png(text_chunk("a", "b")), png_file.chunks)):
        list(walk(whole[:cut]))
    list(webp_file.chunks(webp(riff_chunk(b"EXIF", BLOCK))[:cut]))


def test_a_file_of_nothing_but_segments_ends() -> None:
    assert len(list(jpeg_file.segments(b"\xff\xd8" + segment(0xFE, b"") * 50_000))) == 10_000
    assert len(list(png_file.chunks(png(*[chunk(b"tEXt", b"")] * 20_000)))) == 10_000
