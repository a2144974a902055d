from __future__ import annotations

import random

import pytest
from PIL import Image, ImageDraw, ImageFilter

from fakescan.core.records import ImageKind
from fakescan.intake.scope import kind_of, traits_of


def photo(seed: int, size: tuple[int, int] = (900, 600)) -> Image.Image:
    """Soft shapes under a fine grain, as a camera sees the world."""
    chance = random.Random(seed)  # noqa: S311 -- drawn pictures
    picture = Image.new("RGB", size, (120, 130, 140))
    pen = ImageDraw.Draw(picture)
    for _ in range(60):
        x, y, r = chance.randrange(size[0]), chance.randrange(size[1]), chance.randrange(20, 160)
        shade = chance.randrange(40, 200)
        pen.ellipse(
            (x - r, y - r, x + r, y + r), fill=(shade, shade - chance.randrange(30), shade - chance.randrange(30))
        )
    soft = picture.filter(ImageFilter.GaussianBlur(4))
    grain = Image.effect_noise(size, 14).convert("RGB")
    return Image.blend(soft, grain, 0.15)


def screen(dark: bool, line_px: int = 30) -> Image.Image:
    ground, ink = ("#202124", "#e8eaed") if dark else ("white", "#222222")
    picture = Image.new("RGB", (1280, 800), ground)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, 1280, 48), fill="#3b5998")
    for line in range(60, 780, line_px):
        pen.text((40, line), "The quick brown fox jumps over the lazy dog and runs away. " * 3, fill=ink)
    return picture


def drawing() -> Image.Image:
    """Flat colours in hard outlines."""
    picture = Image.new("RGB", (800, 800), "#fff4d0")
    pen = ImageDraw.Draw(picture)
    for step in range(9):
        colour = ("#d82030", "#2050c8", "#20a040")[step % 3]
        pen.ellipse((60 * step, 50 * step, 60 * step + 260, 50 * step + 260), fill=colour, outline="black", width=6)
    return picture


def busy_drawing() -> Image.Image:
    """Vivid colours and black lines everywhere, printed and scanned: no flat areas left."""
    picture = Image.new("RGB", (900, 900), "#f0c000")
    pen = ImageDraw.Draw(picture)
    chance = random.Random(4)  # noqa: S311 -- drawn pictures
    for _ in range(700):
        x, y = chance.randrange(900), chance.randrange(900)
        pen.rectangle(
            (x, y, x + 34, y + 24),
            fill=chance.choice(["#e01020", "#1040d0", "#10a030", "white"]),
            outline="black",
            width=4,
        )
    return Image.blend(picture, Image.effect_noise((900, 900), 40).convert("RGB"), 0.06)


@pytest.mark.parametrize("seed", range(8))
def test_photos(seed: int) -> None:
    assert kind_of(photo(seed)) is ImageKind.PHOTO


@pytest.mark.parametrize("dark", [False, True])
def test_screens(dark: bool) -> None:
    assert kind_of(screen(dark)) is ImageKind.SCREENSHOT
    assert kind_of(screen(dark, line_px=14)) is ImageKind.SCREENSHOT


@pytest.mark.parametrize("picture", [drawing(), busy_drawing()], ids=["flat", "busy"])
def test_drawings(picture: Image.Image) -> None:
    assert kind_of(picture) is ImageKind.ART


def test_a_photo_cut_out_on_white_is_a_photo() -> None:
    page = Image.new("RGB", (900, 900), "white")
    page.paste(photo(3, (500, 500)), (200, 200))
    assert kind_of(page) is ImageKind.PHOTO


def test_tiny() -> None:
    assert kind_of(photo(1, (900, 127))) is ImageKind.TINY
    assert kind_of(photo(1, (128, 128))) is ImageKind.PHOTO
    assert kind_of(Image.new("RGB", (1, 1))) is ImageKind.TINY


@pytest.mark.parametrize("size", [(128, 128), (20_000, 128), (128, 9_000), (5_000, 4_000)])
def test_any_shape(size: tuple[int, int]) -> None:
    traits = traits_of(Image.new("RGB", size, "navy"))
    assert traits.same == 1.0
    assert traits.outlines == traits.drawn_same == 0.0
    assert kind_of(Image.new("RGB", size, "navy")) is ImageKind.PHOTO


def test_nothing_depends_on_chance() -> None:
    picture = photo(2)
    assert traits_of(picture) == traits_of(picture.copy())
