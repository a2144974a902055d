from __future__ import annotations

from io import BytesIO
from zipfile import ZipFile

import pytest
from PIL import Image, features

from fakescan.core.records import Evidence, EvidenceStatus, SourceFile, Supports
from fakescan.evidence.containers import end_of
from fakescan.evidence.envelope import FileReader
from tests.unit.evidence.files import AVIF, JPEG, PNG, WEBP, box, jpeg, plain, png, segment, text_chunk

KINDS = [("JPEG", JPEG), ("PNG", PNG), ("WEBP", WEBP), ("GIF", "image/gif"), ("BMP", "image/bmp")]


def read(data: bytes, kind: str, name: str = "a") -> list[Evidence]:
    return FileReader().read(SourceFile(name, len(data), "0" * 64, kind), data)


def archive() -> bytes:
    out = BytesIO()
    with ZipFile(out, "w") as file:
        file.writestr("secret.txt", "x")
    return out.getvalue()


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_the_end_is_found(name: str, kind: str) -> None:
    whole = plain(name)
    assert end_of(whole, kind) == len(whole)
    assert end_of(whole + b"more", kind) == len(whole)
    assert [item.status for item in read(whole, kind)] == [EvidenceStatus.SILENT]


@pytest.mark.skipif(not features.check("avif"), reason="this build of Pillow has no AVIF")
def test_the_end_of_boxes() -> None:
    whole = plain("AVIF")
    assert end_of(whole + b"more", AVIF) == len(whole)


def test_a_progressive_picture_of_many_scans_ends_where_it_ends() -> None:
    out = BytesIO()
    Image.effect_noise((64, 64), 90).convert("RGB").save(out, "JPEG", progressive=True)
    assert end_of(out.getvalue() + plain("JPEG"), JPEG) == len(out.getvalue())


@pytest.mark.parametrize(("name", "kind"), KINDS)
@pytest.mark.parametrize(
    ("tail", "what"),
    [
        (archive(), "ZIP"),
        (b"%PDF-1.7 ...", "PDF"),
        (plain("JPEG"), "picture"),
        (box(b"ftyp", b"mp42\0\0\0\0"), "video"),
        (b"\n<?php system($_GET[0]); ?>", "script"),
        (b"MZ\x90\0", "program"),
        (bytes(40), "padding"),
        (b"some words", "unknown"),
    ],
)
def test_what_lies_behind_the_picture(name: str, kind: str, tail: bytes, what: str) -> None:
    found = [item for item in read(plain(name) + tail, kind) if item.name == "data behind the picture"]
    assert [what in item.value for item in found] == [True]
    assert found[0].value.startswith(f"{len(tail)} bytes")
    assert found[0].supports is Supports.NONE


@pytest.mark.parametrize(
    ("name", "kind", "wrong"),
    [
        ("a.png", JPEG, True),
        ("a.jpg", PNG, True),
        ("a.JPG", JPEG, False),
        ("a.jpeg", JPEG, False),
        ("a.txt", JPEG, False),
        ("a", JPEG, False),
        ("a.heic", "image/heif", False),
        ("folder.png/a.jpg", JPEG, False),
    ],
)
def test_suffixes(name: str, kind: str, wrong: bool) -> None:
    data = plain("PNG" if kind == PNG else "JPEG")
    assert ("wrong suffix" in [item.name for item in read(data, kind, name)]) is wrong


def test_two_kinds_at_once() -> None:
    def names(data: bytes, kind: str) -> list[str]:
        return [item.value for item in read(data, kind) if item.name == "two kinds of file"]

    assert "ZIP" in names(plain("JPEG") + archive(), JPEG)[0]
    gif = plain("GIF")
    assert "script" in names(gif[:6] + b"/*" + gif[8:], "image/gif")[0]
    assert names(jpeg(segment(0xFE, b"%PDF-1.4")), JPEG) == ["a PDF document"]
    assert names(plain("GIF"), "image/gif") == []


def test_a_script_in_a_text_field_is_told() -> None:
    for data, kind in (
        (jpeg(segment(0xFE, b"<script>alert(1)</script>")), JPEG),
        (png(text_chunk("Comment", "<?php x")), PNG),
    ):
        assert "script in a text field" in [item.name for item in read(data, kind)]
    assert [item.status for item in read(jpeg(segment(0xFE, b"a < b")), JPEG)] == [EvidenceStatus.SILENT]


def test_no_text_of_the_file_is_in_a_note() -> None:
    data = jpeg(segment(0xFE, b"<script>evil</script>")) + b"<?php evil"
    assert not any("evil" in item.note + item.value for item in read(data, JPEG))
