"""Hidden marks, embedded here by plain loops after the published description, not by the code that reads them."""

from __future__ import annotations

import gzip
import json
import math
import random
from collections.abc import Sequence
from io import BytesIO

import pytest
from PIL import Image

from fakescan.core.records import Evidence, EvidenceStatus, Strength, Supports
from fakescan.evidence import dwtdct
from fakescan.evidence.dwtdct import MESSAGES, Message
from fakescan.evidence.pixels import PixelsReader
from tests.unit.evidence.files import JPEG, PARAMETERS, PNG, WEBP, plain, source

FAKE = (Supports.FAKE, Strength.UNSIGNED)
SIZE = 192


def read(data: bytes, kind: str = PNG) -> list[Evidence]:
    return PixelsReader().read(source(data, kind), data)


def speaks(data: bytes, kind: str = PNG) -> set[tuple[Supports, Strength]]:
    return {(item.supports, item.strength) for item in read(data, kind) if item.supports is not Supports.NONE}


def scene(size: int = SIZE) -> Image.Image:
    """Soft colours with texture: on smooth pictures the method fails, for the changed value is then not the largest."""
    chance = random.Random(5)  # noqa: S311
    image = Image.new("RGB", (size, size))
    for y in range(size):
        for x in range(size):
            soft = [110 + 50 * math.sin((x * a + y * b) / 40) for a, b in ((1, 2), (2, 1), (1, 1))]
            image.putpixel((x, y), tuple(round(value + chance.uniform(-35, 35)) for value in soft))
    return image


def marked(image: Image.Image, bits: Sequence[int]) -> Image.Image:
    """The picture with a message, block by block."""
    width, height = image.size

    def yuv(pixel: tuple[int, ...]) -> tuple[float, float, float]:
        luma = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]
        return luma, 0.492 * (pixel[2] - luma) + 128, 0.877 * (pixel[0] - luma) + 128

    planes = {(x, y): yuv(image.getpixel((x, y))) for x in range(width) for y in range(height)}  # type: ignore[arg-type]
    low = {
        (i, j): sum(planes[2 * i + a, 2 * j + b][1] for a in (0, 1) for b in (0, 1)) / 2
        for i in range(width // 2)
        for j in range(height // 2)
    }
    change: dict[tuple[int, int], float] = {}
    number = 0
    for top in range(0, height // 2 - 3, 4):
        for left in range(0, width // 2 - 3, 4):
            cells = [(left + x, top + y) for y in range(4) for x in range(4)][1:]
            strongest = max(cells, key=lambda cell: abs(low[cell]))
            value = low[strongest]
            wanted = (abs(value) // 36 + 0.25 + 0.5 * bits[number % len(bits)]) * 36
            change[strongest] = math.copysign(wanted, value) - value
            number += 1
    out = image.copy()
    for (i, j), by in change.items():
        for x, y in ((2 * i + a, 2 * j + b) for a in (0, 1) for b in (0, 1)):
            luma, u, v = planes[x, y]
            u += by / 2
            blue, red = luma + (u - 128) / 0.492, luma + (v - 128) / 0.877
            green = (luma - 0.299 * red - 0.114 * blue) / 0.587
            out.putpixel((x, y), tuple(min(255, max(0, round(part))) for part in (red, green, blue)))
    return out


def stored(image: Image.Image, kind: str = "PNG", **how: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.tool)
def test_the_watermark_of_each_tool(message: Message) -> None:
    (item,) = read(stored(marked(scene(), message.bits)))
    assert (item.supports, item.strength) == FAKE
    assert item.value.startswith(message.tool)


def test_lossless_webp_keeps_it_and_jpeg_with_halved_colour_is_not_even_asked() -> None:
    image = marked(scene(), MESSAGES[0].bits)
    assert speaks(stored(image, "WEBP", lossless=True), WEBP) == {FAKE}
    (item,) = read(stored(image, "JPEG", quality=95), JPEG)
    assert item.status is EvidenceStatus.NOT_RUN


def test_nothing_is_found_where_nothing_is() -> None:
    chance = random.Random(7)  # noqa: S311
    noise = Image.frombytes("RGB", (256, 256), chance.randbytes(256 * 256 * 3))
    flat = [Image.new("RGB", (256, 256), colour) for colour in ("black", "white", "red", "blue", (90, 120, 200))]
    stripes = Image.linear_gradient("L").convert("RGB")
    for image in (scene(), noise, *flat, stripes, Image.new("RGB", (3, 3)), Image.new("RGB", (256, 1))):
        assert speaks(stored(image)) == set()


def test_a_wrong_message_is_none() -> None:
    bits = [1 - bit for bit in MESSAGES[0].bits]
    assert speaks(stored(marked(scene(), bits))) == set()


def votes_by_loops(image: Image.Image) -> list[bool]:
    """What each block says, straight from the description and in floating point."""
    width, height = (side // 8 for side in image.size)
    said = []
    for top in range(height):
        for left in range(width):
            values = []
            for row in range(4):
                for column in range(4):
                    x, y = 8 * left + 2 * column, 8 * top + 2 * row
                    four = [image.getpixel((x + a, y + b)) for a in (0, 1) for b in (0, 1)]
                    values.append(sum(rounded_u(pixel) for pixel in four) / 2)  # type: ignore[arg-type, misc]
            said.append(max(values[1:]) % 36 > 18)
    return said


def rounded_u(pixel: tuple[int, int, int]) -> int:
    luma = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]
    return min(255, max(0, round(0.492 * (pixel[2] - luma) + 128)))


@pytest.mark.parametrize("size_px", [(64, 64), (71, 50), (16, 200)])
def test_whole_numbers_say_what_the_description_says(size_px: tuple[int, int]) -> None:
    chance = random.Random(size_px[0])  # noqa: S311
    noise = Image.frombytes("RGB", size_px, chance.randbytes(size_px[0] * size_px[1] * 3))
    for image in (noise, noise.resize((9, 9)).resize(size_px), scene(200).crop((0, 0, *size_px))):
        assert [bool(vote) for vote in dwtdct.votes(image)] == votes_by_loops(image)


def test_so_many_right_bits_are_no_accident() -> None:
    for message in MESSAGES:
        length = len(message.bits)
        chance = sum(math.comb(length, equal) for equal in range(message.needed, length + 1)) / 2**length
        assert chance <= 1e-8


# ---------------------------------------------------------------- text in the lowest bits


def hiding(text: bytes, word: bytes, planes: str, size: tuple[int, int] = (96, 80)) -> bytes:
    image = Image.new("RGBA", size, (40, 80, 120, 254))
    bits = [
        byte >> shift & 1 for byte in word + (8 * len(text)).to_bytes(4, "big") + text for shift in range(7, -1, -1)
    ]
    places = [(x, y, plane) for x in range(size[0]) for y in range(size[1]) for plane in planes]
    assert len(bits) <= len(places)
    for bit, (x, y, plane) in zip(bits, places, strict=False):
        pixel = list(image.getpixel((x, y)))  # type: ignore[arg-type]
        at = "RGBA".index(plane)
        pixel[at] = pixel[at] & 254 | bit
        image.putpixel((x, y), tuple(pixel))
    return stored(image)


NOVELAI = json.dumps(
    {"Software": "NovelAI", "Source": "SDXL", "Comment": json.dumps({"sampler": "k", "prompt": "fox"})}
)


@pytest.mark.parametrize(
    ("word", "planes", "packed"),
    [
        (b"stealth_pnginfo", "A", False),
        (b"stealth_pngcomp", "A", True),
        (b"stealth_rgbinfo", "RGB", False),
        (b"stealth_rgbcomp", "RGB", True),
    ],
)
@pytest.mark.parametrize("text", [NOVELAI, PARAMETERS])
def test_hidden_text(word: bytes, planes: str, packed: bool, text: str) -> None:
    raw = gzip.compress(text.encode()) if packed else text.encode()
    evidence = read(hiding(raw, word, planes))
    assert {(item.supports, item.strength) for item in evidence if item.supports is not Supports.NONE} == {FAKE}
    assert {"hidden text", "Prompt"} <= {item.name for item in evidence}


def test_hidden_text_that_is_no_generators_is_only_told() -> None:
    evidence = read(hiding(b"meet me at noon", b"stealth_pnginfo", "A"))
    assert [(item.name, item.supports) for item in evidence] == [("hidden text", Supports.NONE)]


@pytest.mark.parametrize("raw", [b"", b"not gzip", gzip.compress(bytes(50_000_000))[:700]])
def test_a_bomb_or_damage_in_the_hidden_text_is_survived(raw: bytes) -> None:
    assert speaks(hiding(raw, b"stealth_pngcomp", "A")) == set()


def test_damaged_and_other_files() -> None:
    assert read(plain("PNG")[:45])[0].status is EvidenceStatus.FAILED
    assert read(plain("GIF"), "image/gif")[0].status is EvidenceStatus.NOT_RUN
    assert read(stored(Image.new("P", (9, 9))))[0].status is EvidenceStatus.SILENT


def test_the_picture_is_kept_for_others_only_where_all_of_it_was_decoded() -> None:
    reader, data = PixelsReader(), plain("PNG")
    reader.read(source(data, PNG), data)
    assert reader.picture is not None
    with Image.open(BytesIO(data)) as anew:
        assert reader.picture.tobytes() == anew.tobytes()
    cut = data[: len(data) * 2 // 3]
    (found,) = reader.read(source(cut, PNG), cut)
    assert found.status is EvidenceStatus.FAILED
    assert reader.picture is None
    soft = plain("JPEG")
    reader.read(source(soft, JPEG), soft)
    assert reader.picture is None
