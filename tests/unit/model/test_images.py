"""Views of a picture, and parity with the authors' preprocessing at real size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from fakescan.intake.views import centre_square, strip_of, view_of
from fakescan.model.images import Preprocessing, pixel_values, stacked, to_tensor, views_of

PREP = Preprocessing(336, ("pad",))


@pytest.mark.parametrize("name", ["a_square", "b_wide", "c_tall", "d_gray"])
def test_parity_of_padding_and_resizing(shared: Path, name: str) -> None:
    parity = shared / "parity"
    ours = view_of(Image.open(parity / f"v2/images/{name}.png").convert("RGB"), "pad", PREP.looks)
    theirs = Image.open(parity / f"preprocess336/{name}_336.png")
    assert np.array_equal(np.asarray(ours), np.asarray(theirs.convert("RGB")))


def test_parity_of_normalised_values(shared: Path) -> None:
    parity = shared / "parity"
    crops = load_file(parity / "preprocess336/pixel_value_crops.safetensors")
    info = json.loads((parity / "preprocess336/info.json").read_text("utf-8"))
    compared = 0
    for name, crop in crops.items():
        stem = next((n for n in ("a_square", "b_wide", "c_tall", "d_gray") if n in name), None)
        if stem is None:
            continue
        ours = to_tensor(view_of(Image.open(parity / f"v2/images/{stem}.png").convert("RGB"), "pad", PREP.looks), PREP)
        assert torch.allclose(ours[:, 136:200, 136:200], crop.squeeze(0).float(), atol=1e-5), info
        compared += 1
    assert compared == 4


def test_parity_of_a_toy_sized_batch(shared: Path) -> None:
    golden = load_file(shared / "parity/v2/inputs.safetensors")["pixel_values"]
    names = ("a_square", "b_wide", "c_tall", "d_gray")
    images = [Image.open(shared / f"parity/v2/images/{name}.png").convert("RGB") for name in names]
    assert torch.allclose(pixel_values(images, Preprocessing(84, ("pad",))), golden, atol=1e-5)


def test_the_square_view_shows_nothing_of_the_aspect_ratio() -> None:
    square = Image.effect_noise((64, 64), 40).convert("RGB")
    wide = Image.new("RGB", (200, 64), (9, 9, 9))
    wide.paste(square, (68, 0))
    prep = Preprocessing(32, ("square",))
    assert torch.equal(pixel_values([square], prep), pixel_values([wide], prep))


def test_the_native_view_does_not_resample() -> None:
    image = Image.effect_noise((300, 200), 40).convert("RGB")
    view = view_of(image, "native", Preprocessing(64, ("native",)).looks)
    assert np.array_equal(np.asarray(view), np.asarray(image.crop((118, 68, 182, 132))))
    small = view_of(image.crop((0, 0, 40, 50)), "native", Preprocessing(64, ("native",)).looks)
    assert small.size == (64, 64)


def test_the_crop_view_resizes_the_shorter_side_and_cuts_the_middle_out() -> None:
    views = Preprocessing(32, ("crop",)).looks
    image = Image.effect_noise((101, 50), 40).convert("RGB")
    whole = image.resize((64, 32), Image.Resampling.BICUBIC)  # int(32 * 101 / 50)
    assert np.array_equal(np.asarray(view_of(image, "crop", views)), np.asarray(whole.crop((16, 0, 48, 32))))
    tall = image.transpose(Image.Transpose.TRANSPOSE)
    turned = view_of(tall, "crop", views).transpose(Image.Transpose.TRANSPOSE)
    assert np.abs(np.asarray(turned, int) - np.asarray(view_of(image, "crop", views), int)).max() <= 1


def test_the_crop_view_of_a_strip_takes_no_memory_for_what_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, int]] = []
    resize = Image.Image.resize

    def watched(self: Image.Image, size: tuple[int, int], *more: object) -> Image.Image:
        sizes.append(size)
        return resize(self, size, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Image.Image, "resize", watched)
    for size in ((3, 60_001), (60_001, 3), (1, 1)):
        assert view_of(Image.new("RGB", size), "crop", Preprocessing(64, ("crop",)).looks).size == (64, 64)
    assert max(max(size) for size in sizes) <= 64 * 17


def test_views_lie_side_by_side() -> None:
    images = [Image.new("RGB", (50, 50), colour) for colour in ("red", "blue")]
    batch = pixel_values(images, Preprocessing(16, ("square", "native")))
    assert batch.shape == (4, 3, 16, 16)
    assert torch.equal(batch[0], batch[1])
    assert not torch.equal(batch[1], batch[2])


def test_a_single_pixel_and_a_thin_strip() -> None:
    for size in ((1, 1), (1, 500), (500, 1)):
        image = Image.new("RGB", size, "white")
        for view in ("pad", "square", "native"):
            assert view_of(image, view, Preprocessing(16, (view,)).looks).size == (16, 16)
    assert centre_square(Image.new("RGB", (5, 9))).size == (5, 5)


def test_unknown_views_are_refused() -> None:
    with pytest.raises(ValueError, match="views are pad, square, native"):
        Preprocessing(16, ("round",))  # type: ignore[arg-type]


def test_views_made_beside_the_decoder_are_those_of_the_model() -> None:
    prep = Preprocessing(16, ("pad", "square", "native"))
    image = Image.effect_noise((70, 41), 90).convert("RGB")
    strip = strip_of(image, prep.looks)
    assert strip.size == (16, 48)
    made = stacked(views_of(strip, prep.looks, prep), prep)
    assert torch.equal(made, pixel_values([image], prep))
    with pytest.raises(ValueError, match="not those"):
        views_of(strip, Preprocessing(16, ("square",)).looks, prep)
