"""The commands of docs/own-model.md are run as they stand, one after the other: a tiny model in the place of nano."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from fakescan.cli import app
from fakescan.intake.pool import DecodePool
from fakescan.model.checkpoints.ours import ADAPTER, read_info, write_info
from tests.tiny import make_base

SOURCES = ("press", "phones", "agency", "archive")


def draw(path: Path, seed: int, *, fake: bool) -> None:
    """Soft spots that differ from picture to picture; fakes lean to red, reals to blue."""
    grid = np.random.default_rng(seed).integers(0, 150, (9, 9, 3))
    grid[..., 0 if fake else 2] += 100
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid.astype(np.uint8)).resize((96, 72), Image.Resampling.BICUBIC).save(path)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_base(tmp_path / "nano" / "base", side=56)  # patches to average by sevens
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("fakescan.engines.files", lambda package: tmp_path)
    monkeypatch.setattr("fakescan.pipeline.sources.DecodePool", partial(DecodePool, in_process=True))
    monkeypatch.setattr(
        "fakescan_trainer.data.facts.DecodePool",
        lambda processes, limits: DecodePool(processes, limits, in_process=True),
    )
    for number in range(160):
        fake = number % 2 == 1
        draw(
            here / "photos" / ("fake" if fake else "real") / SOURCES[number // 2 % 4] / f"{number}.png",
            number,
            fake=fake,
        )
    for number in range(40):
        draw(here / "our-photos" / f"{number}.png", 1000 + number, fake=False)
    return here


def lines_of(repository: Path, fence: str) -> list[str]:
    page = (repository / "docs" / "own-model.md").read_text(encoding="utf-8")
    blocks = re.findall(rf"^```{fence}$\n(.*?)^```$", page, re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


def call(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Run a line; what it told on both ways."""
    words = shlex.split(line)
    assert words[0] == "fakescan"
    code = app.run(words[1:])
    told = capsys.readouterr()
    assert code == 0, f"{line}: {told.out[-800:]} {told.err[-800:]}"
    return told.out, told.err


def test_the_whole_way_is_run_as_it_stands(place: Path, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(repository, "console")
    assert len(lines) == 9
    for line in lines:
        _, told = call(line, capsys)
    figures = json.loads((place / "figures.json").read_text("utf-8"))
    assert figures["overall"]["n"] >= 8
    assert figures["overall"]["auroc"] > 0.9  # red against blue, of sources that it never saw
    assert "on test" in (place / "runs/own/checkpoint/MODEL_CARD.md").read_text("utf-8")
    assert "of your own photographs" in told
    for name in ("figures.html", "report.html", "runs/own/report.html"):
        assert (place / name).is_file(), name


def test_another_detector_in_the_embedded_model(
    place: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in lines_of(repository, "console")[1:3]:
        call(line, capsys)
    call("fakescan train own data.root=photos run.out=runs/nano stages.1.steps=4 model.name=tiny-nano", capsys)
    nano = place.parent / "nano"
    shutil.copyfile(place / "runs/nano/checkpoint" / ADAPTER, nano / ADAPTER)
    write_info(nano, replace(read_info(place / "runs/nano/checkpoint"), base="base", card={"Trained on": "drawings"}))

    lines = lines_of(repository, "sh")
    assert len(lines) == 5
    told = [call(line, capsys) for line in lines]
    assert "goes on from tiny-nano" in told[0][0]
    assert "labelled images" in told[0][0]
    assert "== short" not in told[0][0]
    assert "out_of_fold_auc" in told[1][1]
    assert "kernel_likeness" in told[1][1]
    assert json.loads((place / "detector.json").read_text("utf-8"))["overall"]["auroc"] > 0.9
    card = (place / "runs/detector/checkpoint/MODEL_CARD.md").read_text("utf-8")
    assert "tiny-nano" in card
    assert "drawings" in card
    before, after = (load_file(folder / ADAPTER) for folder in (nano, place / "runs/detector/checkpoint"))
    kept = [name for name in before if "lora_" in name]
    assert kept
    assert all(bool((before[name] == after[name]).all()) for name in kept)  # its words stay
    info = read_info(place / "runs/detector/checkpoint")
    assert info.projector_probe_units == 192
