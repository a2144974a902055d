"""Changed pictures are what they are called, and what is told of them is counted right."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakescan.core.records import ImageResult
from fakescan_trainer.evaluate.answers import Joined
from fakescan_trainer.evaluate.robustness import VARIANTS, Variant, measure, write_variants
from tests.support.builders import assessed
from tests.support.builders import scan as build_scan
from tests.trainer.evaluate.made import answer

BY_NAME = {variant.name: variant for variant in VARIANTS}


def picture() -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 255, (30, 40, 3), dtype=np.uint8)).resize((400, 300))


def opened(variant: Variant) -> Image.Image:
    return Image.open(io.BytesIO(variant.encoded(picture())))


def test_there_is_what_is_promised() -> None:
    qualities = [variant.level for variant in VARIANTS if variant.series == "JPEG quality"]
    assert qualities == [90, 80, 70, 60, 50, 40, 30]
    assert {variant.series for variant in VARIANTS} >= {"WebP quality", "resize", "crop", "blur", "way"}
    assert len(BY_NAME) == len(VARIANTS)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_every_variant_can_be_read_and_is_the_same_each_time(variant: Variant) -> None:
    assert opened(variant).format == variant.codec
    assert variant.encoded(picture()) == variant.encoded(picture())
    assert variant.encoded(Image.new("RGB", (1, 1)))


def test_sizes_are_those_of_the_names() -> None:
    assert opened(BY_NAME["resized to 50%"]).size == (200, 150)
    assert opened(BY_NAME["middle 90% of each side"]).size == (360, 270)
    assert opened(BY_NAME["JPEG, quality 30"]).size == (400, 300)
    screen = opened(BY_NAME["screenshot of a telephone"])
    assert screen.size == (1080, 810 + 320)
    lossy = [len(variant.encoded(picture())) for variant in VARIANTS if variant.series == "JPEG quality"]
    assert lossy == sorted(lossy, reverse=True)
    blurred = [picture(), *(opened(BY_NAME[f"blurred, radius {radius} px"]) for radius in (1, 2))]
    edges = [np.abs(np.diff(np.asarray(image.convert("L"), float))).mean() for image in blurred]
    assert edges == sorted(edges, reverse=True)
    assert edges[2] < 0.9 * edges[0]


def placed(result: ImageResult, place: Path) -> ImageResult:
    file = replace(result.record.file, path=place.as_posix())
    return replace(result, record=replace(result.record, file=file))


def test_flips_and_ranges_are_counted(tmp_path: Path) -> None:
    variants = (BY_NAME["JPEG, quality 90"], BY_NAME["resized to 50%"])
    rows = [answer(0, fake=True, p=0.9), answer(1, fake=False, p=0.1), answer(2, fake=True, p=None)]
    rows = [replace(row, sample=replace(row.sample, file=tmp_path / f"{n}.png")) for n, row in enumerate(rows)]
    for n in range(2):
        picture().save(tmp_path / f"{n}.png")
    joined = Joined(tuple(rows), 0, 0)
    written = write_variants(rows, tmp_path / "changed", variants)
    assert [len(members) for members in written.samples.values()] == [2, 2]
    assert all(sample.file.is_file() for members in written.samples.values() for sample in members)
    # Differences of -6 and 6 are real and fake; 0 gives 0.56, which is inconclusive.
    said = {"JPEG, quality 90": (-6.0, -6.0), "resized to 50%": (0.0, 6.0)}
    results = [
        placed(assessed(f"{name}{n}", value), sample.file)
        for name, values in said.items()
        for n, (sample, value) in enumerate(zip(written.samples[name], values, strict=True))
    ]
    found = measure(joined, written, build_scan(*results), variants)
    assert [row["flips"] for row in found["variants"]] == [1, 1]
    assert [row["accuracy"] for row in found["variants"]] == [0.5, 0.5]
    first, second = found["images"]
    assert (first["flips"], second["flips"]) == (1, 1)
    assert first["range"] == pytest.approx(0.9 - min(first["variants"].values()))
    assert found["share_flipped"] == 1
    assert found["not_changed"] == 0
