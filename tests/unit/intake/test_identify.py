from __future__ import annotations

import struct
from io import BytesIO

import pytest
from PIL import Image

from fakescan.core.records import Failure
from fakescan.intake.identify import Format, decoders, identify, is_image, named_like_an_image, sniff


def drawn(kind: str, mode: str = "RGB") -> bytes:
    out = BytesIO()
    Image.new(mode, (20, 10)).save(out, kind)
    return out.getvalue()


def tiff_with(*entries: tuple[int, int]) -> bytes:
    fields = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return struct.pack("<4sIH", b"II*\0", 8, len(entries)) + fields + bytes(4)


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("TIFF", "image/tiff"),
        ("BMP", "image/bmp"),
        ("PPM", "image/x-portable-anymap"),
        ("ICO", "image/vnd.microsoft.icon"),
    ],
)
def test_what_pillow_writes(kind: str, media_type: str) -> None:
    assert sniff(drawn(kind)) == media_type
    assert is_image(media_type)


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\0\0\0\x1cftypheic\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1", "image/heif"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "image/avif"),
        (b"\0\0\0\x18ftypisom\0\0\2\0isom", "video/mp4"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx ", "image/x-raw"),
        (b"\xff\x0a\x00\x00", "image/jxl"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
        (b"8BPS\0\1", "image/vnd.adobe.photoshop"),
        (b"FUJIFILMCCD-RAW 0201", "image/x-raw"),
        (b"II*\0\x10\0\0\0CR\2\0", "image/x-raw"),
        (b'<?xml version="1.0"?><svg xmlns="x">', "image/svg+xml"),
        (b"\xef\xbb\xbf  <svg>", "image/svg+xml"),
        (b"<!DOCTYPE html><html>", "text/html"),
        (b"%PDF-1.7", "application/pdf"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "application/postscript"),
        (b"PK\3\4", "application/zip"),
        (b"RIFF\0\0\0\0WAVE", "audio/x-wav"),
        (b"RIFF\0\0\0\0????", None),
        (b"<?php echo 1; ?>", "text/plain"),
        ("BMW est une marque, è".encode(), "text/plain"),
        (b"P1 is the first part of the plan", "text/plain"),
        (b"\0\0\0\0", None),
        (b"", None),
    ],
)
def test_signatures(head: bytes, media_type: str | None) -> None:
    assert sniff(head) == media_type


def test_raw_files_that_look_like_tiff() -> None:
    assert sniff(tiff_with((0x100, 5))) == "image/tiff"
    assert sniff(tiff_with((0x100, 5)), "a.NEF") == "image/x-raw"
    assert sniff(tiff_with((0x100, 5), (0xC612, 1))) == "image/x-adobe-dng"
    assert sniff(tiff_with((0xFE, 1), (0x14A, 99))) == "image/x-raw"
    assert sniff(tiff_with((0xFE, 1))) == "image/tiff"
    assert sniff(b"MM\0*\xff\xff\xff\xff") == "image/tiff"


def test_a_text_may_end_in_the_middle_of_a_character() -> None:
    assert sniff(("é" * 3000).encode()[:4096]) == "text/plain"
    assert sniff(("aé" * 3000).encode()[:4096]) == "text/plain"


def test_suffixes() -> None:
    assert named_like_an_image("deep/IMG.JPG")
    assert named_like_an_image("a.b.heic")
    assert not named_like_an_image("jpg")
    assert not named_like_an_image("a.jpg.txt")


def test_the_allow_list() -> None:
    assert identify(drawn("JPEG"), "a.png") == Format("image/jpeg", "JPEG")
    assert decoders() <= {"JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "PPM"}
    assert {"JPEG", "PNG", "GIF", "TIFF", "BMP", "PPM"} <= decoders()


@pytest.mark.parametrize(
    ("head", "name", "code", "words"),
    [
        (b"\xff\x4f\xff\x51\0\0", "a.j2k", "unsupported-format", "JPEG 2000"),
        (drawn("ICO"), "a.ico", "unsupported-format", "icon"),
        (b"8BPS\0\1", "a.jpg", "unsupported-format", "Photoshop"),
        (b"qoif", "a.qoi", "unsupported-format", "image/qoi"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "a.jpg", "not-an-image", "PostScript"),
        (b"<html>", "a.jpg", "not-an-image", "a web page"),
        (b"just words", "a.jpg", "not-an-image", "a text file"),
        (b"\1\2\3\4", "a.jpg", "unknown-format", "no known image format"),
        (b"\1\2\3\4", "a.bin", "not-an-image", "no image"),
    ],
)
def test_everything_else_is_a_clear_failure(head: bytes, name: str, code: str, words: str) -> None:
    failure = identify(head, name)
    assert isinstance(failure, Failure)
    assert (failure.step, failure.code) == ("identify", code)
    assert words in failure.message
    assert failure.hint
