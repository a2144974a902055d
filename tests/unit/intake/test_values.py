from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageFilter

from fakescan.intake import values

SIZES = [(1, 1), (2, 1), (1, 3), (17, 5), (256, 256), (171, 128)]


def noise(width: int, height: int, planes: int = 3, seed: int = 0) -> Image.Image:
    found = np.random.default_rng(seed).integers(0, 256, (height, width, planes), np.uint8)
    return Image.fromarray(found[:, :, 0] if planes == 1 else found)


def histogram(grey: Image.Image) -> list[int]:
    counts: list[int] = np.bincount(np.frombuffer(grey.tobytes(), np.uint8), minlength=256).tolist()
    return counts


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_mean_is_pillows(size: tuple[int, int]) -> None:
    grey = noise(*size, planes=1)
    assert values.smoothed(values.plane_of(grey)).tobytes() == grey.filter(ImageFilter.BoxBlur(1)).tobytes()


def test_products_and_gaps_are_pillows() -> None:
    one, other = (Image.fromarray(each.astype(np.uint8)) for each in np.indices((256, 256)))
    first, second = values.plane_of(one), values.plane_of(other)
    assert values.products(first, second).tobytes() == ImageChops.multiply(one, other).tobytes()
    assert values.gaps(first, second).tobytes() == ImageChops.difference(one, other).tobytes()


def test_saturation_and_value_are_pillows() -> None:
    picture = noise(300, 200)
    picture.paste(Image.new("RGB", (10, 10)))
    hsv = picture.convert("HSV")
    saturation, value = values.saturation_and_value(values.planes_of(picture))
    assert saturation.tobytes() == hsv.getchannel("S").tobytes()
    assert value.tobytes() == hsv.getchannel("V").tobytes()


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 128, 199, 200, 1023, 4000])
def test_column_shares_are_pillows(rows: int) -> None:
    marked = np.random.default_rng(rows).random((rows, 40)) < np.linspace(0, 1, 40)
    picture = Image.fromarray(marked.astype(np.uint8) * 255)
    assert bytes(values.column_shares(marked)) == picture.resize((40, 1), Image.Resampling.BOX).tobytes()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_steps_are_those_of_neighbours(size: tuple[int, int]) -> None:
    grey = noise(*size, planes=1)
    pixels = np.asarray(grey).astype(int)
    wanted = [*np.abs(np.diff(pixels, axis=1)).reshape(-1), *np.abs(np.diff(pixels, axis=0)).reshape(-1)]
    assert values.steps(values.plane_of(grey)).tolist() == wanted


def test_steps_within_lead_to_a_mark() -> None:
    plane = np.array([[10, 30, 60], [100, 150, 210]], np.uint8)
    where = np.array([[False, False, True], [True, False, False]])
    assert values.steps_within(plane, where).tolist() == [30, 90]


def test_shares_add_up() -> None:
    grey = values.plane_of(noise(90, 70, planes=1))
    bounds = (1, 3, 8, 200, 255)
    counts = histogram(Image.fromarray(grey))
    edges = (0, *bounds, 256)
    wanted = [sum(counts[low:high]) / grey.size for low, high in pairwise(edges)]
    assert values.shares(grey, bounds) == wanted
    assert values.share(grey, 3, 8) == wanted[2]
    assert values.share(grey, 200) == sum(counts[200:]) / grey.size
    assert values.share(grey[:0], 0) == 0
    assert values.shares(grey[:0], (9,)) == [0, 0]


def test_colours_are_counted_by_four_bits_a_plane() -> None:
    picture = noise(30, 20)
    found = picture.point([value >> 4 for value in range(256)] * 3).getcolors(600) or []
    assert values.colours(picture) == (len(found), max(count for count, _ in found), 600)


def test_rises_are_bits_row_by_row() -> None:
    plane = np.array([[1, 2, 3, 3, 1, 9, 0, 5, 6], [7, 6, 5, 5, 4, 3, 2, 1, 2]], np.uint8)
    assert values.rises(plane) == bytes([0b11001011, 0b00000001])


def test_the_total_is_larger_than_a_byte() -> None:
    assert values.total(np.full((70, 90), 255, np.uint8)) == 255 * 70 * 90
