"""What the scope gate says of pictures whose kind is known because they were made: screens, pages, drawings, collages.

    python benchmarks/kinds_drawn.py DATA [--split dev-test] [--each 20]

DATA is a folder with a ``manifest.jsonl`` (fields path, split, label, content): its real photographs are what collages,
scaled-up and tiny pictures and the pictures in windows are made of. Everything goes through the codec that such
pictures come in: JPEG of several qualities, or PNG. The companion of ``kinds.py``, whose data has none of these.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from fakescan.core.records import ImageKind
from fakescan.intake.scope import TINY_PX, kind_of

TEXT = (
    "the of and to in is was for on that with as his they at be this from have by not are one all were we when your "
    "can said there use an each which she do how their if will up other about out many then them write would like so "
    "picture source camera newspaper editor verify image evidence report model threshold quality measure"
)
THEMES = (
    ("#ffffff", "#202020", "#f0f0f0", "#0b57d0"),
    ("#1e1e1e", "#d4d4d4", "#252526", "#569cd6"),
    ("#fafafa", "#1c1e21", "#3b5998", "#1877f2"),
    ("#0d1117", "#c9d1d9", "#161b22", "#58a6ff"),
    ("#fdf6e3", "#586e75", "#eee8d5", "#268bd2"),
)
"""Ground, ink, bar and link of a window."""
SCREENS = ((1280, 800), (1920, 1080), (828, 1792), (1080, 2340), (1440, 900))
Maker = Callable[[random.Random, list[Path]], Image.Image]


def main() -> None:
    """Make, ask, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="dev-test", help="photographs of this split")
    parser.add_argument("--each", type=int, default=20, help="pictures of each sort")
    args = parser.parse_args()
    photos = list(real_photos(args.data, args.split))
    kinds = list(ImageKind)
    print("| made | should be | right | " + " | ".join(kinds) + " |\n|" + "---|" * (3 + len(kinds)))
    for name, (wanted, make) in MAKERS.items():
        chance = random.Random(name)  # noqa: S311 -- pictures, no secret
        counts = Counter(kind_of(make(chance, photos)) for _ in range(args.each))
        right = sum(counts[kind] for kind in wanted)
        cells = " | ".join(str(counts[kind]) for kind in kinds)
        print(f"| {name} | {' or '.join(wanted)} | {100 * right / args.each:.0f} % | {cells} |", flush=True)


def real_photos(root: Path, split: str) -> Iterator[Path]:
    """Photographs with a short side of 320 pixels or more."""
    for line in (root / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if (row["split"], row["label"], row["content"]) == (split, "real", "photo"):
            path = root / row["path"]
            with Image.open(path) as image:
                if min(image.size) >= 320:
                    yield path


def photo(chance: random.Random, photos: list[Path]) -> Image.Image:
    """A photograph as it is."""
    with Image.open(chance.choice(photos)) as image:
        return image.convert("RGB")


def through_jpeg(chance: random.Random, image: Image.Image) -> Image.Image:
    """The picture as a JPEG of a common quality."""
    out = BytesIO()
    image.save(out, "JPEG", quality=chance.choice((75, 85, 92, 95)), subsampling=chance.choice((0, 2)))
    with Image.open(out) as opened:
        return opened.convert("RGB")


def sentence(chance: random.Random, words: int) -> str:
    """Words in a row."""
    known = TEXT.split()
    return " ".join(chance.choice(known) for _ in range(words)).capitalize() + "."


def paragraph(
    pen: ImageDraw.ImageDraw, chance: random.Random, box: tuple[int, int, int, int], size_px: int, ink: str
) -> None:
    """Lines of text that fill a box."""
    font = ImageFont.load_default(size_px)
    left, top, right, bottom = box
    for y in range(top, bottom - size_px, round(size_px * 1.5)):
        if chance.random() < 0.12:
            continue
        line = sentence(chance, max(2, (right - left) // (size_px * 3)))
        pen.text((left, y), line[: round((right - left) / (size_px * 0.55))], ink, font)


def window(chance: random.Random, photos: list[Path]) -> Image.Image:
    """A screen full of text, with bars and buttons."""
    ground, ink, bar, link = chance.choice(THEMES)
    width, height = chance.choice(SCREENS)
    image = Image.new("RGB", (width, height), ground)
    pen = ImageDraw.Draw(image)
    size_px = chance.choice((13, 15, 18)) * (2 if height > width else 1)
    pen.rectangle((0, 0, width, 3 * size_px), bar)
    pen.text((size_px, size_px), sentence(chance, 3), ink, ImageFont.load_default(size_px))
    left = 0
    if width > height:
        left = width // 5
        pen.rectangle((0, 3 * size_px, left, height), bar)
        paragraph(pen, chance, (size_px, 4 * size_px, left - size_px, height), size_px, link)
    paragraph(pen, chance, (left + size_px, 5 * size_px, width - size_px, height - 4 * size_px), size_px, ink)
    pen.rounded_rectangle(
        (width - 10 * size_px, height - 4 * size_px, width - size_px, height - size_px), size_px // 2, link
    )
    return image


def window_as_jpeg(chance: random.Random, photos: list[Path]) -> Image.Image:
    """The same after a messenger."""
    return through_jpeg(chance, window(chance, photos))


def window_with_photo(chance: random.Random, photos: list[Path]) -> Image.Image:
    """A page that shows a photograph in about a third of it."""
    image = window(chance, photos)
    shown = photo(chance, photos)
    width = round(image.width * chance.uniform(0.45, 0.6))
    shown = shown.resize((width, width * shown.height // shown.width), Image.Resampling.LANCZOS)
    image.paste(shown, ((image.width - width) // 2, image.height // 6))
    return image


def page(chance: random.Random, photos: list[Path]) -> Image.Image:
    """A page of print as a program draws it."""
    image = Image.new("RGB", (1240, 1754), "white")
    pen = ImageDraw.Draw(image)
    size_px = chance.choice((20, 24, 28))
    pen.text((120, 110), sentence(chance, 4), "black", ImageFont.load_default(2 * size_px))
    columns = chance.choice((1, 2))
    wide = (1000 - 40 * (columns - 1)) // columns
    for column in range(columns):
        left = 120 + column * (wide + 40)
        paragraph(pen, chance, (left, 220, left + wide, 1640), size_px, "black")
    return image


def scanned_page(chance: random.Random, photos: list[Path]) -> Image.Image:
    """The same from a scanner: a little askew, grey and noisy paper, JPEG."""
    tone = chance.randrange(225, 250)
    askew = page(chance, photos).rotate(chance.uniform(-1, 1), Image.Resampling.BICUBIC, fillcolor="white")
    grey = (
        askew.convert("L")
        .filter(ImageFilter.GaussianBlur(0.7))
        .point([30 + value * (tone - 30) // 255 for value in range(256)])
    )
    noisy = Image.blend(grey.convert("RGB"), Image.effect_noise(grey.size, 40).convert("RGB"), 0.05)
    return through_jpeg(chance, noisy)


def line_art(chance: random.Random, photos: list[Path]) -> Image.Image:
    """Black strokes on white."""
    image = Image.new("RGB", (900, chance.choice((700, 900, 1200))), "white")
    pen = ImageDraw.Draw(image)
    for _ in range(chance.randrange(40, 160)):
        x, y, r = chance.randrange(900), chance.randrange(image.height), chance.randrange(15, 220)
        begin = chance.randrange(360)
        pen.arc((x - r, y - r, x + r, y + r), begin, begin + chance.randrange(30, 300), "black", chance.randrange(2, 6))
    return chance.choice((image, through_jpeg(chance, image)))


def cartoon(chance: random.Random, photos: list[Path]) -> Image.Image:
    """Flat colours with hard outlines."""
    image = Image.new("RGB", (1000, 800), f"hsl({chance.randrange(360)},60%,80%)")
    pen = ImageDraw.Draw(image)
    for _ in range(chance.randrange(15, 60)):
        x, y, r = chance.randrange(1000), chance.randrange(800), chance.randrange(20, 160)
        colour = f"hsl({chance.randrange(360)},{chance.randrange(50, 100)}%,{chance.randrange(35, 75)}%)"
        draw = chance.choice((pen.ellipse, pen.rectangle))
        draw((x - r, y - r * 0.8, x + r, y + r * 0.8), colour, "black", 4)
    return chance.choice((image, through_jpeg(chance, image)))


def thumbnail(chance: random.Random, photos: list[Path]) -> Image.Image:
    """A photograph of a few pixels."""
    image = photo(chance, photos)
    image.thumbnail((TINY_PX - 1, 10_000) if image.width < image.height else (10_000, TINY_PX - 1))
    return through_jpeg(chance, image)


def enlarged(method: Image.Resampling, *, as_jpeg: bool) -> Maker:
    """A photograph at a quarter of its size, scaled up by four."""

    def make(chance: random.Random, photos: list[Path]) -> Image.Image:
        image = photo(chance, photos)
        small = image.resize((image.width // 4, image.height // 4), Image.Resampling.LANCZOS)
        large = small.resize((small.width * 4, small.height * 4), method)
        return through_jpeg(chance, large) if as_jpeg else large

    return make


def collage(rows: int, columns: int, gap_px: int) -> Maker:
    """Photographs cut to the same shape, beside and below each other."""

    def make(chance: random.Random, photos: list[Path]) -> Image.Image:
        wide, high = chance.choice(((400, 300), (320, 320), (300, 400)))
        size = (columns * (wide + gap_px) - gap_px, rows * (high + gap_px) - gap_px)
        sheet = Image.new("RGB", size, chance.choice(("white", "black")))
        for number in range(rows * columns):
            picture = photo(chance, photos)
            scale = max(wide / picture.width, high / picture.height)
            picture = picture.resize((round(picture.width * scale + 1), round(picture.height * scale + 1)))
            at = number % columns * (wide + gap_px), number // columns * (high + gap_px)
            sheet.paste(picture.crop((0, 0, wide, high)), at)
        return through_jpeg(chance, sheet)

    return make


_ART, _PHOTO, _UPSCALED = (ImageKind.ART,), (ImageKind.PHOTO,), (ImageKind.UPSCALED,)
_SCREEN, _PAGE, _COMPOSITE = (ImageKind.SCREENSHOT,), (ImageKind.DOCUMENT,), (ImageKind.COMPOSITE,)
MAKERS: dict[str, tuple[tuple[ImageKind, ...], Maker]] = {
    "photograph": (_PHOTO, photo),
    "window of text": (_SCREEN, window),
    "window of text, JPEG": (_SCREEN, window_as_jpeg),
    "window with a photograph": (_SCREEN, window_with_photo),
    "page": ((*_PAGE, *_SCREEN), page),
    "page, scanned": (_PAGE, scanned_page),
    "line art": ((*_ART, *_PAGE), line_art),
    "cartoon": (_ART, cartoon),
    "thumbnail": ((ImageKind.TINY,), thumbnail),
    "enlarged, bicubic": (_UPSCALED, enlarged(Image.Resampling.BICUBIC, as_jpeg=False)),
    "enlarged, bicubic, JPEG": (_UPSCALED, enlarged(Image.Resampling.BICUBIC, as_jpeg=True)),
    "enlarged, bilinear, JPEG": (_UPSCALED, enlarged(Image.Resampling.BILINEAR, as_jpeg=True)),
    "enlarged, Lanczos": (_UPSCALED, enlarged(Image.Resampling.LANCZOS, as_jpeg=False)),
    "enlarged, nearest": (_UPSCALED, enlarged(Image.Resampling.NEAREST, as_jpeg=False)),
    "two side by side": (_COMPOSITE, collage(1, 2, 0)),
    "two with a gap": (_COMPOSITE, collage(1, 2, 10)),
    "four": (_COMPOSITE, collage(2, 2, 0)),
    "four with gaps": (_COMPOSITE, collage(2, 2, 8)),
    "nine with gaps": (_COMPOSITE, collage(3, 3, 8)),
}


if __name__ == "__main__":
    main()
