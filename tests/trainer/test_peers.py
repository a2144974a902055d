"""The rivals of ``benchmarks/peers.py`` on drawn pictures: they learn what is there, and their scores fit ``eval``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import ResNetConfig

from benchmarks import peer_crops, peers
from benchmarks.peer_cnn import PlainPixels, blurred_or_compressed
from benchmarks.peer_crops import CROP
from benchmarks.peer_data import Item, cut, manifest_items, read_scores, squares
from benchmarks.peer_hand import COUNT, hand_features
from benchmarks.peer_npr import SIZES, NeighbouringPixels, residual
from fakescan.cli.app import run
from fakescan.core.answer import short_answer
from fakescan.core.records import Label
from fakescan.errors import DataError
from fakescan.model.build import load_base
from fakescan.model.images import Preprocessing
from fakescan.model.prompt import QUESTION
from fakescan_trainer.data.features import extend_cache
from tests.trainer.conftest import draw, record


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Twelve test pictures, eight of them in a matched group, and one row of another split."""
    rows: list[dict[str, Any]] = []
    for number in range(13):
        fake = number % 2 == 1
        path = tmp_path / "pack" / "images" / f"{number}.png"
        draw(path, 500 + number, fake=fake)
        rows.append(
            {"path": f"images/{number}.png", "split": "train" if number == 12 else "dev-test", "source": "s",
             "label": "fake" if fake else "real", "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
             **({"matched": "pair"} if number < 8 else {})}
        )  # fmt: skip
    place = tmp_path / "pack" / "manifest.jsonl"
    place.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return place


def test_the_probes_score_a_manifest_and_the_table_tells_them(
    tiny_base: Path, mmfr: Path, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pooled = load_base(tiny_base, projector_pooling=2)
    prep = Preprocessing(pooled.config.vision_config.image_size, ("square",))
    names = {"forgery_reasoning_cot": 1, "validation": 0}
    wanted = [
        (row["image"], variant)
        for name, variant in names.items()
        for row in json.loads((mmfr / f"{name}.json").read_text("utf-8"))
    ]
    list(extend_cache(tmp_path / "cache", pooled, prep, mmfr, wanted))
    work = tmp_path / "work"
    common = ["--data", str(mmfr), "--base", str(manifest), "--work", str(work)]
    tower = ["--tower", str(tiny_base), "--cache", str(tmp_path / "cache"), "--pooling", "2"]
    assert peers.main(["probe", *common, *tower]) == 0
    scores = read_scores(work / "probe.base.csv")
    assert set(scores) == {f"images/{number}.png" for number in range(12)}
    report = {
        "results": [
            {"sha256": item.sha256, "verdict": {"p_fake": 0.9 if item.fake else 0.6}}
            for item in manifest_items(manifest, "dev-test")[:11]
        ]
    }
    (tmp_path / "report.json").write_text(json.dumps(report), "utf-8")
    capsys.readouterr()
    assert peers.main(["table", *common, "--reports", str(tmp_path / "report.json"), "--matched", "pair"]) == 0
    told = capsys.readouterr().out
    assert "base: 6 AI-generated, 6 real" in told
    assert "base, pair: 4 AI-generated, 4 real" in told
    # ranked rightly and never below one half: five of twelve right, one without a score
    assert "| fakescan, embedded model | 1.000 | 1.000 | 1.000 | 0.417 | 1 |" in told
    assert told.count(peers.PEERS["unifd"]) == 2
    line = ["eval", str(manifest), "--split", "dev-test", "--scores", str(work / "probe.base.csv"), "--name", "probe"]
    assert run([*line, "-o", str(tmp_path / "probe.json")]) == 0
    figures = json.loads((tmp_path / "probe.json").read_text("utf-8"))["overall"]
    assert f"{peers.PEERS['probe']} | {figures['auroc']:.3f} | {figures['tpr_at_fpr_0.05']:.3f}" in told
    assert figures["auroc"] > 0.9  # red against blue


def test_the_boosting_learns_colours(manifest: Path, tmp_path: Path) -> None:
    for name, numbers in (("forgery_reasoning_cot", range(48)), ("validation", range(48, 56))):
        rows = []
        for number in numbers:
            fake = number % 2 == 1
            draw(tmp_path / "tree" / f"{number}.png", number, fake=fake)
            answer = short_answer(Label.FAKE if fake else Label.REAL)
            rows.append(record(f"{number}.png", QUESTION, answer, f"{name}{number % 4}"))
        (tmp_path / "tree" / f"{name}.json").write_text(json.dumps(rows), "utf-8")
    work = tmp_path / "work"
    common = ["--data", str(tmp_path / "tree"), "--base", str(manifest), "--work", str(work), "--jobs", "1"]
    assert peers.main(["boosting", *common, "--trees", "10"]) == 0
    scores = read_scores(work / "boosting.base.csv")
    fakes = [scores[f"images/{number}.png"] for number in range(1, 12, 2)]
    reals = [scores[f"images/{number}.png"] for number in range(0, 12, 2)]
    assert min(fakes) > 0.5 > max(reals)


def test_hand_features_are_finite_and_see_what_they_are_named_after() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    soft = np.asarray(Image.fromarray(noise[:32, :32]).resize((64, 64), Image.Resampling.NEAREST))
    flat = np.full((64, 64, 3), 7, np.uint8)
    found = [hand_features(one) for one in (noise, soft, flat)]
    assert all(one.shape == (COUNT,) and np.isfinite(one).all() for one in found)
    pairs = COUNT - 4 - 2
    assert found[1][pairs] < 0.05 < 0.9 < found[0][pairs]  # doubled pixels are alike in pairs
    blocky = np.kron(rng.integers(0, 256, (8, 8)), np.ones((8, 8)))[..., None].repeat(3, 2).astype(np.uint8)
    assert hand_features(blocky)[-4] > 100 > found[0][-4]


def test_the_residual_is_what_shrinking_by_two_loses() -> None:
    pixels = torch.rand(2, 3, 8, 6)
    shrunk = torch.nn.functional.interpolate(pixels, scale_factor=0.5, mode="nearest")
    again = torch.nn.functional.interpolate(shrunk, scale_factor=2.0, mode="nearest")
    assert torch.equal(residual(pixels), pixels - again)


def test_the_residual_network_learns_doubled_pixels() -> None:
    """Fakes are enlarged by two: their residuals are nothing."""
    rng = np.random.default_rng(0)
    tall = rng.integers(0, 256, (8, CROP, CROP, 3)).astype(np.uint8)
    tall[::2] = tall[::2, ::2, ::2].repeat(2, 1).repeat(2, 2)
    labels = np.array([1.0, 0.0] * 4)
    torch.manual_seed(0)
    network = NeighbouringPixels(64, (16, 16), (1, 1))
    peer_crops.train(network, tall, labels, np.full(8, 1 / 8), steps=12, batch=4, lr=5e-3)
    scores = peer_crops.scores(network, tall, batch=3)
    assert scores[::2].min() > scores[1::2].max()


def test_the_published_network_has_its_published_size() -> None:
    assert sum(p.numel() for p in NeighbouringPixels(*SIZES["paper"]).parameters()) == pytest.approx(1.44e6, rel=0.02)


class Drawn:
    """What a generator would draw: first numbers below one, then strengths; the quality is always 30."""

    def __init__(self, values: Iterable[float]) -> None:
        """Take the values."""
        self.values = iter(values)

    def random(self) -> float:
        """The next."""
        return next(self.values)

    def uniform(self, low: float, high: float) -> float:
        """The next."""
        return next(self.values)

    def integers(self, low: int, high: int) -> int:
        """The lowest."""
        return low


def test_the_network_on_pixels_learns_brightness_under_blur_and_compression() -> None:
    rng = np.random.default_rng(0)
    tall = rng.integers(0, 120, (8, CROP, CROP, 3)).astype(np.uint8)
    tall[::2] += 120
    torch.manual_seed(0)
    network = PlainPixels(ResNetConfig(embedding_size=8, hidden_sizes=[16], depths=[1]))
    labels = np.array([1.0, 0.0] * 4)
    peer_crops.train(network, tall, labels, np.full(8, 1 / 8), steps=12, batch=4, lr=1e-2, alter=blurred_or_compressed)
    scores = peer_crops.scores(network, tall, batch=3)
    assert scores[::2].min() > scores[1::2].max()
    noise = rng.integers(0, 256, (CROP, CROP, 3)).astype(np.uint8)

    def sharpness(*draws: float) -> float:
        drawn = blurred_or_compressed(noise, Drawn(draws)).astype(float)  # type: ignore[arg-type]
        return float(np.abs(np.diff(drawn, axis=1)).mean())

    alone, blurred, compressed, both = (sharpness(*draws) for draws in ((1, 1), (0, 3, 1), (1, 0), (0, 3, 0)))
    assert alone == sharpness(1, 1)
    assert alone > compressed > both
    assert blurred < alone / 4
    whole = sum(p.numel() for p in PlainPixels().parameters())
    assert whole == pytest.approx(23.5e6, rel=0.01)  # a ResNet-50 with one output


def test_squares_are_cut_on_the_grid_mirrored_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = np.arange(40 * 50 * 3, dtype=np.uint32).reshape(40, 50, 3).astype(np.uint8)
    square = cut(Image.fromarray(pixels), 32)
    assert np.array_equal(square, pixels[0:32, 8:40])  # from (4, 9), on the grid of 8
    small = cut(Image.fromarray(pixels[:4, :5]), 32)
    assert small.shape == (32, 32, 3)
    assert np.array_equal(small[4:8], small[3::-1])
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    items = [Item(tmp_path, name, fake=False) for name in ("b.png", "a.png")]
    rows, opened = squares(tmp_path / "kept", "set", items, 0, 1)
    assert opened == [1]
    assert "left out b.png" in capsys.readouterr().out
    (tmp_path / "a.png").unlink()
    again, _ = squares(tmp_path / "kept", "set", items, 0, 1)
    assert np.array_equal(again, rows)
    with pytest.raises(DataError, match="holds other images"):
        squares(tmp_path / "kept", "set", items[1:], 0, 1)


def test_a_draw_takes_the_same_images_of_each_label_whatever_their_order(manifest: Path) -> None:
    drawn = manifest_items(manifest, "dev-test", 2)
    assert [item.fake for item in drawn].count(True) == 2
    assert len(drawn) == 4
    lines = manifest.read_text("utf-8").splitlines()
    manifest.write_text("\n".join(reversed(lines)), "utf-8")
    assert set(manifest_items(manifest, "dev-test", 2)) == set(drawn)
    assert len(manifest_items(manifest, "dev-test", 100)) == 12


def test_a_table_of_nothing_and_a_manifest_of_nothing_are_told(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["table", "--base", str(manifest), "--work", str(tmp_path / "none")]
    assert peers.main(words) == 2
    assert "no peer has scores" in capsys.readouterr().out
    assert peers.main([*words, "--split", "test"]) == 2
    assert "no row of the split 'test'" in capsys.readouterr().out
