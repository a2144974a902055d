from __future__ import annotations

import hashlib
import struct
import warnings
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageFile

from fakescan.core.records import Failure, ImageKind
from fakescan.core.views import Views
from fakescan.intake.decode import ANIMATED, BAD_ORIENTATION, DEEP, DRAFTED, HUGE, TRANSPARENT, DecodedImage, decode
from fakescan.intake.identify import decoders
from fakescan.intake.jxl import NOTE as JXL_NOTE
from fakescan.intake.limits import Limits
from fakescan.intake.views import strip_of


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def gradient(width: int = 64, height: int = 48) -> Image.Image:
    ramp = Image.linear_gradient("L").resize((width, height))
    return Image.merge("RGB", (ramp, ramp.transpose(Image.Transpose.ROTATE_180), ramp))


def decoded(data: bytes, **options: Any) -> DecodedImage:
    result = decode(data, **options)
    assert isinstance(result, DecodedImage), result
    assert result.image.mode == "RGB"
    return result


def failed(data: bytes, **options: Any) -> Failure:
    result = decode(data, **options)
    assert isinstance(result, Failure), result
    assert result.step in ("identify", "decode")
    assert result.message
    assert result.hint
    assert "\n" not in result.message
    return result


def pixel(image: Image.Image, x: int = 0, y: int = 0) -> tuple[int, ...]:
    found = image.getpixel((x, y))
    assert isinstance(found, tuple)
    return found


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk after its header."""
    return png[:33] + chunk(kind, body) + png[33:]


LOSSLESS = ["PNG", "TIFF", "BMP", "PPM"]


@pytest.mark.parametrize("kind", LOSSLESS)
def test_pixels_are_those_of_the_file(kind: str) -> None:
    picture = gradient()
    result = decoded(saved(picture, kind))
    assert result.image.tobytes() == picture.tobytes()
    assert (result.width_px, result.height_px, result.frame_count, result.orientation) == (64, 48, 1, None)
    assert result.sha256 == hashlib.sha256(saved(picture, kind)).hexdigest()
    assert result.kind is ImageKind.TINY
    assert result.notes == ()


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "WEBP", "AVIF", "MPO"])
def test_lossy_formats(kind: str) -> None:
    if kind != "MPO" and kind not in decoders():
        pytest.skip(f"this build of Pillow has no {kind}")
    assert decoded(saved(gradient(), kind)).image.size == (64, 48)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation(kind: str, orientation: int) -> None:
    upright = Image.new("RGB", (60, 40), "black")
    upright.paste("white", (0, 0, 30, 20))  # the top left quarter
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    turn = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}.get(inverse)
    stored = upright if turn is None else upright.transpose(Image.Transpose(turn))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    result = decoded(saved(stored, kind, exif=exif, **options))
    assert (result.width_px, result.height_px, result.orientation) == (60, 40, orientation)
    for x, y, bright in ((8, 8, True), (50, 8, False), (8, 34, False), (50, 34, False)):
        assert (pixel(result.image, x, y)[0] > 128) is bright


def test_an_orientation_without_meaning_is_ignored_and_said() -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    result = decoded(saved(gradient(), "JPEG", exif=exif))
    assert result.orientation is None
    assert result.notes == (BAD_ORIENTATION,)


def test_damaged_exif_does_not_cost_the_picture() -> None:
    data = saved(gradient(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decoded(data).orientation is None


def test_transparency_is_laid_on_white() -> None:
    picture = Image.new("RGBA", (10, 10), (200, 0, 0, 0))
    picture.putpixel((1, 1), (10, 20, 30, 255))
    picture.putpixel((2, 2), (0, 0, 0, 128))
    result = decoded(saved(picture))
    assert pixel(result.image) == (255, 255, 255)
    assert pixel(result.image, 1, 1) == (10, 20, 30)
    assert 120 <= pixel(result.image, 2, 2)[0] <= 135
    assert result.notes == (TRANSPARENT,)


@pytest.mark.parametrize("mode", ["LA", "PA", "P", "L", "RGB", "1"])
def test_every_kind_of_transparency(mode: str) -> None:
    if mode in ("LA", "PA"):
        kind = "TIFF" if mode == "PA" else "PNG"
        data = saved(Image.new("LA", (4, 4), (0, 0)).convert(mode) if mode == "LA" else Image.new("LA", (4, 4)), kind)
    else:
        data = saved(Image.new(mode, (4, 4)), transparency=(0, 0, 0) if mode == "RGB" else 0)
    assert pixel(decoded(data).image) == (255, 255, 255)


def test_an_alpha_channel_without_transparency_is_not_mentioned() -> None:
    assert decoded(saved(Image.new("RGBA", (4, 4), (1, 2, 3, 255)))).notes == ()


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    values = [0, 257 * 10, 257 * 128, 65535]
    picture = Image.new("I;16", (4, 1))
    for x, value in enumerate(values):
        picture.putpixel((x, 0), value)
    for kind in ("PNG", "TIFF"):
        result = decoded(saved(picture, kind))
        assert [pixel(result.image, x)[0] for x in range(4)] == [0, 10, 128, 255]
        assert result.notes == (DEEP,)


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        ("F", [0.0, 0.5, 1.0], [0, 128, 255]),
        ("F", [0.0, 100.0, 255.0], [0, 100, 255]),
        ("F", [-1.0, 0.0, 1.0], [0, 128, 255]),
        ("F", [0.0, 50_000.0, 100_000.0], [0, 128, 255]),
        ("I", [0, 100, 255], [0, 100, 255]),
        ("I", [0, 32896, 65535], [0, 128, 255]),
        ("I", [-10, 0, 10], [0, 128, 255]),
    ],
)
def test_deeper_numbers(mode: str, values: list[float], expected: list[int]) -> None:
    picture = Image.new(mode, (3, 1))
    for x, value in enumerate(values):
        picture.putpixel((x, 0), value)
    result = decoded(saved(picture, "TIFF"))
    assert [pixel(result.image, x)[0] for x in range(3)] == expected


def test_numbers_that_are_none_are_an_error() -> None:
    picture = Image.new("F", (3, 1), float("inf"))
    assert failed(saved(picture, "TIFF")).code == "damaged"


@pytest.mark.parametrize(
    ("mode", "kind"), [("1", "PNG"), ("L", "PNG"), ("P", "PNG"), ("CMYK", "JPEG"), ("YCbCr", "JPEG")]
)
def test_modes(mode: str, kind: str) -> None:
    result = decoded(saved(Image.new("RGB", (8, 8), "white").convert(mode), kind))
    assert min(pixel(result.image, 4, 4)) > 250


def test_only_the_first_frame() -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    for kind in ("GIF", "PNG", "TIFF"):
        result = decoded(saved(frames[0], kind, save_all=True, append_images=frames[1:]))
        assert (result.frame_count, result.notes[0]) == (3, ANIMATED)
        assert pixel(result.image)[0] > 250


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "PPM", "TIFF"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_files_are_errors(kind: str, share: float) -> None:
    data = saved(Image.effect_noise((120, 90), 60).convert("RGB"), kind)
    failure = failed(data[: int(len(data) * share)])
    assert failure.code in ("truncated", "damaged")


def test_a_flipped_bit_in_a_png_is_an_error() -> None:
    data = bytearray(saved(Image.effect_noise((120, 90), 60).convert("RGB")))
    data[len(data) // 2] ^= 0x10
    assert failed(bytes(data)).code in ("damaged", "truncated")


def test_truncated_files_stay_errors_whatever_others_have_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = saved(Image.effect_noise((120, 90), 60).convert("RGB"), "JPEG")
    assert failed(data[: len(data) // 2]).code == "truncated"
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_the_pixel_limit_is_checked_before_decoding(kind: str) -> None:
    data = saved(Image.new("L", (300, 200)).convert("RGB"), kind)
    header_only = data[: max(100, len(data) // 4)] if kind in ("PNG", "BMP") else data
    assert failed(header_only, limits=Limits(max_pixels=59_999)).code == "too-many-pixels"
    assert decoded(data, limits=Limits(max_pixels=60_000)).width_px == 300


def test_a_webp_of_forty_bytes_that_announces_gigabytes() -> None:
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (15_999).to_bytes(3, "little") + (10_999).to_bytes(3, "little")
    data = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
    assert failed(data).code == "too-many-pixels"


def test_pillows_own_limits_are_not_touched_and_no_warning_escapes() -> None:
    before = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        failed(saved(Image.new("1", (4000, 3000))), limits=Limits(max_pixels=7_000_000))
    assert said == []
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_huge_jpeg_is_decoded_at_a_reduced_size() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(gradient(800, 600), "JPEG", exif=exif, quality=95)
    limits = Limits(max_pixels=150_000)
    found = decoded(data, limits=limits)
    assert found.image.size == (300, 400)
    assert (found.width_px, found.height_px) == (600, 800)
    assert HUGE in found.notes
    whole = decoded(data)
    assert HUGE not in whole.notes
    expected = whole.image.resize((300, 400), Image.Resampling.BOX)
    difference = ImageChops.difference(found.image, expected).convert("L").histogram()
    assert sum(difference[8:]) == 0
    # The next bound: what even four times the allowed pixels do not cover is a bomb.
    assert failed(data, limits=Limits(max_pixels=100_000)).code == "too-many-pixels"
    assert failed(saved(gradient(800, 600), "PNG"), limits=limits).code == "too-many-pixels"


VIEWS = Views(("square", "crop"), 100, (0, 0, 0))


@pytest.mark.parametrize(
    ("size_px", "least"), [((400, 900), 200), ((399, 900), 399), ((1700, 1600), 200), ((401, 3207), 201)]
)
def test_a_draft_keeps_twice_what_the_views_need(
    size_px: tuple[int, int], least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = saved(gradient(*size_px), "JPEG", quality=95)
    seen: list[int] = []

    def strip_seen(image: Image.Image, views: Views) -> Image.Image:
        seen.append(min(image.size))
        return strip_of(image, views)

    monkeypatch.setattr("fakescan.intake.decode.strip_of", strip_seen)
    drafted = decoded(data, limits=Limits(draft=True), views=VIEWS)
    assert seen == [least]
    assert (drafted.width_px, drafted.height_px) == size_px
    assert (DRAFTED in drafted.notes) == (least < min(size_px))
    whole = decoded(data, views=VIEWS)
    assert DRAFTED not in whole.notes
    histogram = ImageChops.difference(drafted.image, whole.image).convert("L").histogram()
    assert sum(histogram[8:]) == 0


def opened(data: bytes, kind: str) -> Image.Image:
    found = Image.open(BytesIO(data), formats=[kind])
    found.load()
    return found


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("views", [None, VIEWS], ids=["whole", "views"])
def test_a_picture_that_was_decoded_already_is_not_decoded_again(
    kind: str, views: Views | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(gradient(300, 200), kind, exif=exif)
    anew = decoded(data, views=views)
    given = opened(data, kind)
    monkeypatch.setattr(Image, "open", lambda *_args, **_options: pytest.fail("opened again"))
    found = decoded(data, views=views, picture=given)
    assert found.image.tobytes() == anew.image.tobytes()
    assert replace(found, image=anew.image) == anew


def test_a_picture_that_was_decoded_already_keeps_the_limits() -> None:
    data = saved(gradient(800, 1000), "JPEG")
    given = opened(data, "JPEG")
    for limits in (Limits(draft=True), Limits(max_pixels=300_000)):
        found = decoded(data, limits=limits, views=VIEWS, picture=given)
        anew = decoded(data, limits=limits, views=VIEWS)
        assert found.notes == anew.notes != ()
        assert found.image.tobytes() == anew.image.tobytes()
    large = saved(gradient(800, 1000))
    assert failed(large, limits=Limits(max_pixels=300_000), picture=opened(large, "PNG")).code == "too-many-pixels"


def test_a_draft_turns_the_picture_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = decoded(saved(gradient(800, 600), "JPEG", exif=exif), limits=Limits(draft=True), views=VIEWS)
    assert (found.width_px, found.height_px) == (600, 800)
    assert DRAFTED in found.notes


@pytest.mark.parametrize(
    ("kind", "views", "draft"),
    [
        ("PNG", VIEWS, True),
        ("JPEG", None, True),
        ("JPEG", VIEWS, False),
        ("JPEG", Views(("square", "native"), 100, (0, 0, 0)), True),
    ],
    ids=["no JPEG", "whole picture", "not asked for", "native"],
)
def test_what_is_never_drafted(kind: str, views: Views | None, draft: bool) -> None:
    data = saved(gradient(800, 600), kind)
    asked, plain = decoded(data, limits=Limits(draft=draft), views=views), decoded(data, views=views)
    assert asked.image.tobytes() == plain.image.tobytes()
    assert asked == replace(plain, image=asked.image)


def test_a_draft_of_a_huge_jpeg_is_within_the_limits_too() -> None:
    limits = Limits(draft=True, max_pixels=150_000)
    found = decoded(saved(gradient(800, 600), "JPEG"), limits=limits, views=VIEWS)
    assert DRAFTED in found.notes
    narrow = decoded(saved(gradient(1600, 200), "JPEG"), limits=limits, views=VIEWS)
    assert HUGE in narrow.notes


def test_heic() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    out = BytesIO()
    pillow_heif.from_pillow(gradient(160, 120)).save(out, quality=90)
    found = decoded(out.getvalue(), name="a.heic")
    assert found.image.size == (160, 120)
    difference = ImageChops.difference(found.image, gradient(160, 120)).convert("L").histogram()
    assert sum(difference[24:]) == 0
    assert failed(out.getvalue(), limits=Limits(max_pixels=10_000)).code == "too-many-pixels"
    assert failed(out.getvalue()[:-400]).hint


def test_without_its_extra_heic_is_said_to_be_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakescan.intake.identify.heif_is_there", lambda: False)
    failure = failed(b"\0\0\0\x18ftypheic\0\0\0\0heic", name="a.heic")
    assert failure.code == "unsupported-format"
    assert "fakescan-forensics[heic]" in failure.hint


@pytest.mark.parametrize("container", [False, True])
@pytest.mark.parametrize("size", [(160, 120), (157, 111), (8, 256), (300, 200)])
def test_jpeg_xl(size: tuple[int, int], container: bool) -> None:
    codecs = pytest.importorskip("imagecodecs")
    picture = gradient(*size)
    data = codecs.jpegxl_encode(np.asarray(picture), lossless=True, usecontainer=container)
    found = decoded(data, name="a.jxl")
    assert found.image.tobytes() == picture.tobytes()
    assert (found.width_px, found.height_px) == size
    assert found.notes == (JXL_NOTE,)
    assert failed(data, limits=Limits(max_pixels=1000)).code == "too-many-pixels"
    assert failed(data[: len(data) // 2]).code in ("damaged", "truncated")
    assert failed(data[:13] if container else data[:4]).code == "damaged"


def test_a_deep_animated_or_transparent_jpeg_xl() -> None:
    codecs = pytest.importorskip("imagecodecs")
    grey = np.linspace(0, 65535, 60 * 40).reshape(40, 60).astype(np.uint16)
    deep = decoded(codecs.jpegxl_encode(grey, lossless=True), name="a.jxl")
    assert DEEP in deep.notes
    assert np.array_equal(np.asarray(deep.image)[..., 0], grey >> 8)
    shades = np.stack([np.full((20, 30, 3), shade, np.uint8) for shade in (40, 200)])
    assert decoded(codecs.jpegxl_encode(shades, lossless=True), name="a.jxl").image.getpixel((0, 0)) == (40, 40, 40)
    clear = np.dstack([np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30), np.uint8)])
    shown = decoded(codecs.jpegxl_encode(clear, lossless=True), name="a.jxl")
    assert shown.image.getpixel((0, 0)) == (255, 255, 255)
    assert TRANSPARENT in shown.notes


def test_without_its_extra_jpeg_xl_is_said_to_be_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakescan.intake.identify.jxl_is_there", lambda: False)
    failure = failed(b"\xff\x0a\x00\x00", name="a.jxl")
    assert failure.code == "unsupported-format"
    assert "fakescan-forensics[jxl]" in failure.hint


def test_text_that_unpacks_without_end_is_an_error() -> None:
    bomb = with_chunk(saved(gradient()), b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80_000_000), 9))
    assert failed(bomb).code == "metadata-bomb"


def test_scaled_down_never_up() -> None:
    picture = gradient(400, 300)
    small = decoded(saved(picture), limits=Limits(max_short_side_px=100))
    assert small.image.size == (133, 100)
    assert (small.width_px, small.height_px) == (400, 300)
    assert decoded(saved(picture), limits=Limits(max_short_side_px=301)).image.size == (400, 300)


def test_a_camera_raw_file_is_not_decoded_as_its_preview() -> None:
    assert failed(saved(gradient(), "TIFF"), name="a.nef").code == "unsupported-format"


def test_random_damage_never_raises() -> None:
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"):
        data = saved(Image.effect_noise((40, 30), 60).convert("RGB"), kind)
        for seed in range(40):
            digest = hashlib.sha256(f"{kind}{seed}".encode()).digest()
            broken = bytearray(data)
            for at in range(0, 24, 3):
                broken[int.from_bytes(digest[at : at + 2], "big") % len(broken)] = digest[at + 2]
            assert isinstance(decode(bytes(broken)), DecodedImage | Failure)


@pytest.mark.parametrize("values", [{"max_pixels": 0}, {"max_file_bytes": -1}, {"timeout_s": 0.0}, {"memory_bytes": 0}])
def test_limits_that_nothing_satisfies(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="above zero"):
        Limits(**values)


def test_memory_follows_the_pixels() -> None:
    assert Limits().address_space_bytes < 2 * 2**30
    assert Limits(max_pixels=500_000_000).address_space_bytes > 6_000_000_000
    assert Limits(memory_bytes=5).address_space_bytes == 5


def test_reference_files(shared: Path) -> None:
    """Hostile and odd files decode or fail with a clear reason, as plain Pillow would; bombs fail."""
    bombs = {"bomb_16000x11000.webp", "bomb_65535x65535.gif", "bomb_header_only_2e31.png"}
    for path in sorted((shared / "corpus").glob("*/*")):
        if path.parent.name in ("hostile", "formats") and path.name != "bomb_apng_300x2000x2000.png":
            result = decode(path.read_bytes(), name=path.name)
            assert isinstance(result, DecodedImage | Failure)
            if path.name in bombs:
                assert isinstance(result, Failure)
                assert result.code == "too-many-pixels"
