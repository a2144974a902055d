from __future__ import annotations

import random
from io import BytesIO

import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from fakescan.core.records import ImageKind
from fakescan.intake.scope import Look, kind_of
from fakescan.intake.scope_weights import ART_WEIGHTS


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


def document() -> Image.Image:
    """A page of print, scanned: grain, no colour."""
    page = Image.new("RGB", (1000, 1400), (236, 234, 230))
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(22)
    for line in range(60, 1340, 30):
        pen.text(
            (60, line), "The quick brown fox jumps over the lazy dog and runs away from it all", (30, 30, 34), font
        )
    return Image.blend(page, Image.effect_noise(page.size, 25).convert("RGB"), 0.08)


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    out = BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(out).convert("RGB")


def side_by_side(*pictures: Image.Image, gap_px: int = 0) -> Image.Image:
    width = sum(picture.width for picture in pictures) + gap_px * (len(pictures) - 1)
    sheet = Image.new("RGB", (width, pictures[0].height), "white")
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + gap_px
    return sheet


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


@pytest.mark.parametrize("dark", [False, True])
def test_screens_that_went_through_a_messenger(dark: bool) -> None:
    assert kind_of(as_jpeg(screen(dark, line_px=20), 75)) is not ImageKind.PHOTO


def test_line_art() -> None:
    strokes = Image.new("RGB", (800, 800), "white")
    pen = ImageDraw.Draw(strokes)
    chance = random.Random(1)  # noqa: S311 -- drawn pictures
    for _ in range(90):
        x, y, r = chance.randrange(800), chance.randrange(800), chance.randrange(20, 200)
        pen.arc((x - r, y - r, x + r, y + r), chance.randrange(180), 180 + chance.randrange(180), "black", 3)
    assert kind_of(strokes) in (ImageKind.ART, ImageKind.SCREENSHOT, ImageKind.DOCUMENT)


def test_a_thing_on_a_plain_ground_is_a_photo() -> None:
    """Flat for the most part, but nothing else about it is drawn."""
    grey = Image.new("RGB", (600, 600), (196, 194, 190))
    ImageDraw.Draw(grey).ellipse((260, 200, 340, 420), (150, 140, 132))
    soft = grey.filter(ImageFilter.GaussianBlur(6))
    assert kind_of(soft) is not ImageKind.SCREENSHOT


def test_a_horizon_is_no_seam() -> None:
    """A level edge from border to border, soft, or not quite level."""
    view = photo(4).point([120 + value // 2 for value in range(256)] * 3)
    view.paste(photo(5).point([value // 3 for value in range(256)] * 3), (0, 300))
    assert Look(view).has_seam
    assert not Look(view.filter(ImageFilter.GaussianBlur(8))).has_seam
    tilted = view.resize((1000, 700)).rotate(0.7, Image.Resampling.BICUBIC).crop((50, 50, 950, 650))
    assert not Look(tilted).has_seam


def test_documents() -> None:
    assert kind_of(document()) is ImageKind.DOCUMENT
    assert kind_of(document().rotate(90, expand=True)) is ImageKind.DOCUMENT


@pytest.mark.parametrize("gap_px", [0, 12])
def test_several_photos_in_one(gap_px: int) -> None:
    dark = photo(2).point([value // 8 for value in range(256)] * 3)
    both = side_by_side(photo(1), dark, gap_px=gap_px)
    assert kind_of(both) is ImageKind.COMPOSITE
    assert kind_of(both.rotate(90, expand=True)) is ImageKind.COMPOSITE


def test_what_was_scaled_up() -> None:
    small = Image.effect_noise((300, 200), 60).convert("RGB")
    assert kind_of(small) is ImageKind.PHOTO
    for factor in (4, 6):
        large = small.resize((300 * factor, 200 * factor), Image.Resampling.BICUBIC)
        assert kind_of(large) is ImageKind.UPSCALED


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
    look = Look(Image.new("RGB", size, "navy"))
    assert look.traits.same == 1.0
    assert look.traits.drawn_same == 0.0
    assert len(look.shares) == len(ART_WEIGHTS)
    assert all(0 <= share <= 1 for share in look.shares)
    assert isinstance(look.kind, ImageKind)


def test_nothing_depends_on_chance() -> None:
    picture = photo(2)
    assert Look(picture).shares == Look(picture.copy()).shares
