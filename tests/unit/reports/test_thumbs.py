from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from threading import Barrier, Semaphore

import numpy as np
import pytest
from PIL import Image, ImageChops, features

from fakescan.core.records import ImageResult, Label, Scan
from fakescan.reports import thumbs
from fakescan.reports.previews import Previews, Recoded, Renamed
from fakescan.reports.thumbs import as_jpeg, data_address, data_addresses, make_thumbnails, thumbnail

MakeScan = Callable[..., Scan]
MakeResult = Callable[..., ImageResult]
Draw = Callable[..., bytes]


def _opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


@pytest.fixture
def on_disk(tmp_path: Path, make_result: MakeResult) -> Callable[..., ImageResult]:
    def put(path: str, data: bytes, label: Label | None = Label.FAKE, digest: str | None = None) -> ImageResult:
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return make_result(path, label, 0.9, digest=digest or sha256(data).hexdigest())

    return put


@pytest.mark.parametrize(
    ("fmt", "mode"),
    [
        ("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "LA"), ("PNG", "P"), ("PNG", "1"),
        ("PNG", "I;16"), ("TIFF", "F"), ("TIFF", "I"), ("WEBP", "RGBA"), ("GIF", "P"), ("BMP", "RGB"),
    ],
)  # fmt: skip
def test_every_mode_becomes_a_small_picture(picture_bytes: Draw, fmt: str, mode: str) -> None:
    image = _opened(thumbnail(picture_bytes(640, 480, fmt, mode)))
    assert (image.mode, image.size) == ("RGB", (320, 240))
    low, high = image.convert("L").getextrema()
    assert float(high) - float(low) > 60  # type: ignore[arg-type]


@pytest.mark.parametrize(("side", "most"), [(4001, 1), (100, 4)])
def test_large_pictures_are_decoded_one_at_a_time(
    on_disk: Callable[..., ImageResult],
    make_scan: MakeScan,
    picture_bytes: Draw,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    side: int,
    most: int,
) -> None:
    busy, at_once = Semaphore(8), [0]
    together = Barrier(most)

    def decode(data: bytes, max_px: int) -> bytes:
        with busy:
            at_once[0] = max(at_once[0], 8 - busy._value)
            together.wait(timeout=20)
            time.sleep(0.05)  # long enough for another one to come in, where nothing keeps it out
        return data

    monkeypatch.setattr(thumbs, "thumbnail", decode)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    results = [on_disk(f"{number}.png", picture_bytes(20 + number, 20)) for number in range(4)]
    results = [replace(one, record=replace(one.record, width_px=side, height_px=side)) for one in results]
    with make_thumbnails(make_scan(results), root=tmp_path) as previews:
        assert len(previews) == 4
    assert at_once[0] == most


@pytest.mark.parametrize("data", [b"", b"abc", b"%!PS-Adobe-3.0 EPSF", b"<svg/>"])
def test_what_is_no_picture_raises_as_documented(data: bytes) -> None:
    with pytest.raises(OSError, match="cannot identify"):
        thumbnail(data)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif_is_read(picture_bytes: Draw) -> None:
    assert _opened(thumbnail(picture_bytes(640, 480, "AVIF"))).size == (320, 240)


def test_pictures_of_the_extras_have_previews(picture_bytes: Draw) -> None:
    heif, codecs = pytest.importorskip("pillow_heif"), pytest.importorskip("imagecodecs")
    with Image.open(BytesIO(picture_bytes(640, 480, "PNG"))) as picture:
        out = BytesIO()
        heif.from_pillow(picture.convert("RGB")).save(out)
        jxl = codecs.jpegxl_encode(np.asarray(picture.convert("RGB")))
    for data in (out.getvalue(), jxl):
        assert _opened(thumbnail(data)).size == (320, 240)


def test_orientation_is_applied_and_no_metadata_is_left(picture_bytes: Draw) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SECRET CAMERA"
    data = picture_bytes(640, 320, "JPEG", exif=exif)
    small = thumbnail(data)
    assert _opened(small).size == (160, 320)
    assert b"SECRET" in data
    assert b"SECRET" not in small
    assert not _opened(small).getexif()


def test_a_small_picture_is_not_enlarged(picture_bytes: Draw) -> None:
    assert _opened(thumbnail(picture_bytes(24, 16, "PNG"))).size == (24, 16)


def test_transparency_is_shown_over_white() -> None:
    out = BytesIO()
    Image.new("RGBA", (32, 32), (0, 0, 0, 0)).save(out, "PNG")
    pixel = _opened(thumbnail(out.getvalue())).getpixel((5, 5))
    assert isinstance(pixel, tuple)
    assert min(pixel) > 250


def test_only_assessed_unchanged_regular_files_get_one(
    tmp_path: Path,
    picture_bytes: Draw,
    on_disk: Callable[..., ImageResult],
    make_scan: MakeScan,
    make_result: MakeResult,
) -> None:
    data = picture_bytes(64, 64, "PNG")
    scan = make_scan(
        [
            on_disk("good.png", data),
            on_disk("deep/new\nline.png", data),
            on_disk("changed.png", data, digest="0" * 64),
            on_disk("error.png", data, None),
            on_disk("text.png", b"no picture"),
            on_disk("cut.png", data[:60]),
            make_result("gone.png"),
        ],
        root=str(tmp_path),
    )
    with make_thumbnails(scan) as previews:
        assert sorted(previews) == ["deep/new\nline.png", "good.png"]
        assert _opened(previews["good.png"]).size == (64, 64)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_never_opened(tmp_path: Path, make_scan: MakeScan, make_result: MakeResult) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with make_thumbnails(make_scan([make_result("pipe.png")]), root=tmp_path) as previews:
        assert not previews


def test_a_bomb_is_left_out(tmp_path: Path, on_disk: Callable[..., ImageResult], make_scan: MakeScan) -> None:
    out = BytesIO()
    Image.new("1", (11_000, 11_000)).save(out, "PNG")
    scan = make_scan([on_disk("bomb.png", out.getvalue())], root=str(tmp_path))
    with make_thumbnails(scan) as previews:
        assert not previews


def test_what_needs_attention_comes_first_when_there_are_too_many(
    tmp_path: Path, picture_bytes: Draw, on_disk: Callable[..., ImageResult], make_scan: MakeScan
) -> None:
    data = picture_bytes(16, 16, "PNG")
    results = [on_disk("a.png", data, Label.REAL), on_disk("b.png", data), on_disk("c.png", data, Label.INCONCLUSIVE)]
    with make_thumbnails(make_scan(results, root=str(tmp_path)), max_count=2) as previews:
        assert list(previews) == ["b.png", "c.png"]


def test_previews_of_a_few_pictures_are_larger(
    tmp_path: Path, picture_bytes: Draw, on_disk: Callable[..., ImageResult], make_scan: MakeScan
) -> None:
    few = make_scan([on_disk("a.jpg", picture_bytes(1200, 900))], root=str(tmp_path))
    with make_thumbnails(few) as previews:
        assert _opened(previews["a.jpg"]).size == (960, 720)
    many = replace(few, results=tuple(few.results) * 500)
    with make_thumbnails(many, max_count=1) as previews:
        assert _opened(previews["a.jpg"]).size == (320, 240)


def test_previews_may_be_shown_under_other_names() -> None:
    with Previews() as previews:
        previews.add("a", b"one")
        previews.add("b", b"two")
        renamed = Renamed(previews, {"b": "image-1", "a": "image-2", "gone": "image-3"})
        assert dict(renamed) == {"image-1": b"two", "image-2": b"one"}
        assert (len(renamed), "gone" in renamed) == (2, False)


def test_paper_gets_jpegs_of_the_same_pictures(picture_bytes: Draw) -> None:
    preview = thumbnail(picture_bytes(640, 480, "PNG"))
    paper = Recoded({"a.png": preview, "b.png": as_jpeg(preview)}, as_jpeg)
    assert list(paper) == ["a.png", "b.png"]
    assert paper["a.png"][:3] == b"\xff\xd8\xff"
    assert paper["a.png"] == paper["b.png"]
    with Image.open(BytesIO(preview)) as before, Image.open(BytesIO(paper["a.png"])) as after:
        assert after.size == before.size
        difference = ImageChops.difference(before.convert("RGB"), after).convert("L")
        assert max(level for level, count in enumerate(difference.histogram()) if count) < 40


def test_only_jpeg_and_webp_of_bearable_size_are_embedded(picture_bytes: Draw) -> None:
    jpeg, webp, png = (picture_bytes(8, 8, fmt) for fmt in ("JPEG", "WEBP", "PNG"))
    assert (data_address(jpeg) or "").startswith("data:image/jpeg;base64,")
    assert (data_address(webp) or "").startswith("data:image/webp;base64,")
    assert data_address(png) is None
    assert data_address(jpeg + bytes(300_000)) is None
    assert set(data_addresses({"a": jpeg, "b": png})) == {"a"}
    assert data_addresses(None) == {}
