"""Every parser of file bytes of this room's own: whatever comes, they answer, and within bounds."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from fakescan.core.records import Failure
from fakescan.intake.decode import DecodedImage, decode
from fakescan.intake.discover import discover, read_list
from fakescan.intake.frames import MAX_FRAMES, count_frames
from fakescan.intake.identify import HEAD_BYTES, Format, identify, jxl_is_there, sniff
from fakescan.intake.ignore import IgnoreFile
from fakescan.intake.limits import Limits
from tests.support.fuzz import FUZZED

HEADS = [
    b"\xff\xd8\xff\xe0",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"GIF89a",
    b"RIFF\x40\0\0\0WEBPVP8X",
    b"RIFF\x40\0\0\0WEBPVP8L",
    b"RIFF\x40\0\0\0WEBPVP8 ",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
    b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0",
    b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
    b"P6\n2 2\n255\n",
    b"\0\0\0\x1cftypheic\0\0\0\0mif1heic",
    b"\0\0\0\x1cftypavif\0\0\0\0mif1avif",
    b"\xff\x0a",
    b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x30jxlp\0\0\0\0\xff\x0a",
    b"<svg ",
    b"",
]
FILES = st.builds(bytes.__add__, st.sampled_from(HEADS), st.binary(max_size=200))
NAMES = st.sampled_from(["", "a.jpg", "a.nef", "A.DNG", "\udcff.tif", "noext"])


def small_files() -> list[bytes]:
    image = Image.linear_gradient("L").resize((24, 16)).convert("RGB")
    files = []
    for kind, options in (
        ("JPEG", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"}),
        ("PNG", {}),
        ("GIF", {"save_all": True, "append_images": [image.rotate(90)]}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {"save_all": True, "append_images": [image]}),
        ("BMP", {}),
    ):
        out = BytesIO()
        image.save(out, kind, **options)
        files.append(out.getvalue())
    if jxl_is_there():
        from imagecodecs import jpegxl_encode

        files.append(bytes(jpegxl_encode(np.asarray(image), usecontainer=True)))
    return files


SMALL = small_files()


@FUZZED
@given(FILES, NAMES)
def test_identify(data: bytes, name: str) -> None:
    kind = sniff(data[:HEAD_BYTES], name)
    found = identify(data[:HEAD_BYTES], name)
    assert isinstance(found, Format | Failure)
    if isinstance(found, Format):
        assert found.media_type == kind


@FUZZED
@given(FILES, NAMES)
def test_decode_answers_whatever_it_is_given(data: bytes, name: str) -> None:
    answer = decode(data, name=name, limits=Limits(max_pixels=10_000))
    assert isinstance(answer, DecodedImage | Failure)


@FUZZED
@given(
    which=st.integers(0, len(SMALL) - 1),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8),
    cut=st.integers(0, 2000) | st.none(),
)
def test_decode_answers_to_damaged_files(which: int, changes: list[tuple[int, int]], cut: int | None) -> None:
    data = bytearray(SMALL[which])
    for at, value in changes:
        data[at % len(data)] = value
    answer = decode(bytes(data[:cut]), limits=Limits(max_pixels=10_000))
    if isinstance(answer, DecodedImage):
        assert answer.image.mode == "RGB"
        assert answer.image.width * answer.image.height <= 10_000
        assert 1 <= answer.frame_count <= MAX_FRAMES
    else:
        assert answer.message.isprintable()
        assert answer.hint


@FUZZED
@given(
    st.sampled_from(["GIF", "TIFF"]),
    st.sampled_from([b"GIF89a", b"II*\0", b"MM\0*", b"II+\0"]),
    st.binary(max_size=300),
)
def test_counting_frames_ends(kind: str, head: bytes, rest: bytes) -> None:
    image: Any = Image.new("L", (1, 1))
    image.format = kind
    assert 1 <= count_frames(head + rest, image) <= MAX_FRAMES


@FUZZED
@given(st.binary(max_size=200), st.booleans())
def test_lists_of_paths(data: bytes, nul: bool) -> None:
    found = read_list(data, nul=nul)
    assert all(found)
    assert not any(("\0" if nul else "\n") in path for path in found)


@FUZZED
@given(st.lists(st.binary(max_size=40).map(lambda raw: raw.decode("utf-8", "surrogateescape")), max_size=8))
@example(["[\x01-\x00]"])
@example(["[[]"])
def test_lists_of_what_to_leave_out(lines: list[str]) -> None:
    rules = IgnoreFile("", lines)
    verdict = rules.verdict("some/folder/picture.jpg", is_folder=False)
    assert verdict is None or verdict.isprintable()


@FUZZED
@given(st.lists(st.binary(min_size=1, max_size=20).filter(lambda raw: not {0, 47} & set(raw)), max_size=4))
def test_every_name_is_found_or_skipped_once(tmp_path_factory: pytest.TempPathFactory, names: list[bytes]) -> None:
    folder = tmp_path_factory.mktemp("names")
    made = set()
    for raw in names:
        name = raw.decode("utf-8", "surrogateescape")
        if name in (".", ".."):
            continue
        try:
            (folder / name).write_bytes(SMALL[0])
        except (OSError, ValueError):  # not every system takes every name
            continue
        made.add(Path(folder / name).name)
    assert sorted(item.path for item in discover([folder])) == sorted(made)
