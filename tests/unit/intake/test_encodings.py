"""Pictures encoded anew, and pictures in numbers."""

from __future__ import annotations

import pytest
from PIL import Image, ImageFilter

from fakescan.core.options import MAX_ENCODINGS
from fakescan.core.views import Views
from fakescan.intake.encodings import ENCODINGS, encoded_anew
from fakescan.intake.measures import measure
from fakescan.intake.prepare import Wanted, prepare
from tests.support.looking import checkerboard, decoded


def noise(size: tuple[int, int] = (200, 120), sigma: float = 60) -> Image.Image:
    return Image.effect_noise(size, sigma).convert("RGB")


def test_every_encoding_changes_the_picture_and_is_named_once() -> None:
    image = noise()
    made = dict(encoded_anew(image, MAX_ENCODINGS))
    assert list(made) == [encoding.words for encoding in ENCODINGS]
    assert len(ENCODINGS) == MAX_ENCODINGS
    assert len({other.tobytes() for other in made.values()} | {image.tobytes()}) == 8
    assert made["half the size, JPEG, quality 85"].size == (107, 64)  # not below 64
    assert made["5 % cropped from each edge"].size == (180, 108)
    assert {other.mode for other in made.values()} == {"RGB"}


def test_the_same_picture_gives_the_same_bytes_and_a_short_list_is_the_start_of_the_long_one() -> None:
    image = noise()
    once = [(words, other.tobytes()) for words, other in encoded_anew(image, 7)]
    assert [(words, other.tobytes()) for words, other in encoded_anew(image, 3)] == once[:3]


def test_stronger_compression_loses_more() -> None:
    image = checkerboard()
    error = {
        words: sum(abs(one - two) for one, two in zip(image.tobytes(), other.tobytes(), strict=True))
        for words, other in encoded_anew(image, 7)
        if other.size == image.size
    }
    assert error["JPEG, quality 50"] > error["JPEG, quality 90"] > 0


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (17_000, 2)])
def test_odd_sizes_break_nothing(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (9, 99, 199))
    made = dict(encoded_anew(image, 7))
    assert len(made) == (6 if max(size) > 16_383 else 7)  # WebP holds no more
    assert measure(image).saturation > 0.5


def test_what_the_model_sees_is_all_that_is_kept() -> None:
    views = Views(("square", "native"), 32, (0, 0, 0))
    image, prepared = prepare(decoded(noise()), Wanted(3, measures=True), views)
    assert image.image.size == (32, 64)
    assert prepared.size_px == (200, 120)
    assert [other.image.size for _, other in prepared.others] == [(32, 64)] * 3
    assert len({other.image.tobytes() for _, other in prepared.others}) == 3
    whole, later = prepare(decoded(noise()), Wanted(3), None)
    assert whole.image.size == (200, 120)
    assert (later.others, later.measures) == ((), None)


def test_blur_noise_colour_and_light_are_measured() -> None:
    full = noise((600, 600))
    assert measure(full.filter(ImageFilter.GaussianBlur(4))).sharpness < 20 < 60 < measure(full).sharpness
    flat = Image.new("RGB", (400, 400), (120, 120, 120))
    grainy = Image.blend(flat, noise((400, 400), 50), 0.1)
    assert measure(flat).noise == 0
    assert measure(grainy).noise == pytest.approx(5, abs=1.5)  # a tenth of 50
    assert measure(Image.new("RGB", (50, 50), (255, 0, 0))).saturation == pytest.approx(1)
    assert measure(flat).saturation == 0
    assert measure(flat).brightness == pytest.approx(120 / 255, abs=0.01)
    assert measure(flat, (4000, 3000)).megapixels == 12
