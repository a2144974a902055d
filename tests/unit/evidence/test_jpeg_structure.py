from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from fakescan.core.records import Evidence, EvidenceStatus, Strength, Supports
from fakescan.evidence.jpeg_structure import JpegReader, structure_of
from fakescan.evidence.quantisation import quality_of, tables_in
from tests.unit.evidence.files import EXIF_PREFIX, JPEG, PNG, exif_block, jpeg, plain, segment, source


def read(data: bytes, kind: str = JPEG) -> list[Evidence]:
    return JpegReader().read(source(data, kind), data)


def picture(**how: object) -> bytes:
    out = BytesIO()
    Image.linear_gradient("L").convert(str(how.pop("mode", "RGB"))).save(out, "JPEG", **how)
    return out.getvalue()


@pytest.mark.parametrize("quality", [1, 10, 25, 49, 50, 51, 75, 85, 92, 95, 100])
def test_the_quality_that_pillow_was_given(quality: int) -> None:
    found = structure_of(picture(quality=quality)).quality
    assert (found.percent, found.standard) == (quality, True)


@pytest.mark.parametrize(("subsampling", "words"), [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")])
def test_sampling(subsampling: int, words: str) -> None:
    (item,) = read(picture(quality=80, subsampling=subsampling))
    assert item.value == f"quality 80, tables of the JPEG standard, {words}, baseline"
    assert (item.supports, item.strength) == (Supports.NONE, Strength.CONTEXT)


def test_progressive_grey_and_four_colours() -> None:
    assert read(picture(quality=80, progressive=True))[0].value.endswith("progressive")
    assert "grey" in read(picture(quality=80, mode="L"))[0].value
    assert "CMYK" in read(picture(quality=80, mode="CMYK"))[0].value


def test_tables_of_ones_own() -> None:
    tables = [[7] * 64, [9] * 64]
    (item,) = read(picture(qtables=tables))
    assert "about" in item.value
    assert "own" in item.value


def test_a_near_table_is_no_standard_table() -> None:
    whole = structure_of(picture(quality=90)).tables
    luma = (whole[0][0] + 1, *whole[0][1:])
    found = quality_of(luma, whole[1])
    assert (found.percent, found.standard) == (90, False)


def test_sixteen_bit_and_cut_tables() -> None:
    wide = b"\x10" + b"".join((300 + step).to_bytes(2, "big") for step in range(64))
    assert tables_in(wide)[0][:2] == (300, 301)
    assert tables_in(wide[:-1]) == {}
    assert tables_in(b"\x00" + bytes(63)) == {}


def with_camera(data: bytes) -> bytes:
    block = segment(0xE1, EXIF_PREFIX + exif_block(Make="Canon", Model="EOS"))
    at = 2 + 2 + int.from_bytes(data[4:6], "big")  # behind JFIF
    return data[:at] + block + data[at:]


def test_a_camera_picture_that_was_saved_again() -> None:
    names = [item.name for item in read(with_camera(picture(quality=75)))]
    assert "double compression" in names
    assert "double compression" not in [item.name for item in read(picture(quality=75))]
    assert "double compression" not in [item.name for item in read(with_camera(picture(quality=97)))]


@pytest.mark.parametrize(
    ("extra", "program"),
    [
        (segment(0xFE, b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90"), "GD"),
        (segment(0xFE, b"Lavc58.54.100"), "FFmpeg"),
        (segment(0xEC, b"Ducky\0\1\0\4\0\0\0\x3c\0\0"), "Save for Web"),
    ],
)
def test_traces_of_programs(extra: bytes, program: str) -> None:
    written = [item for item in read(jpeg(extra)) if item.name == "written by"]
    assert [program in item.value for item in written] == [True]


def test_other_and_broken_files() -> None:
    assert read(plain("PNG"), PNG)[0].status is EvidenceStatus.NOT_RUN
    assert read(b"\xff\xd8\xff")[0].status is EvidenceStatus.FAILED


def test_cut_files_end_quietly() -> None:
    whole = picture(quality=80)
    for cut in range(0, 700, 3):
        assert read(whole[:cut])
