"""The commands of docs/own-model.md are run as they stand, one after the other: a tiny base in the place of nano's."""

from __future__ import annotations

import json
import re
import shlex
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakescan.cli import app
from fakescan.intake.pool import DecodePool
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
    monkeypatch.setattr("fakescan_trainer.loading.model_folder", lambda name: tmp_path / "nano")
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


def test_the_whole_way_is_run_as_it_stands(place: Path, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (repository / "docs" / "own-model.md").read_text(encoding="utf-8")
    lines = [
        line for block in re.findall(r"^```console$\n(.*?)^```$", page, re.M | re.S) for line in block.splitlines()
    ]
    assert len(lines) == 9
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "fakescan"
        code = app.run(words[1:])
        told = capsys.readouterr()
        assert code == 0, f"{line}: {told.out[-800:]} {told.err[-800:]}"
    figures = json.loads((place / "figures.json").read_text("utf-8"))
    assert figures["overall"]["n"] >= 8
    assert figures["overall"]["auroc"] > 0.9  # red against blue, of sources that it never saw
    assert "on test" in (place / "runs/own/checkpoint/MODEL_CARD.md").read_text("utf-8")
    assert "of your own photographs" in told.err
    for name in ("figures.html", "report.html", "runs/own/report.html"):
        assert (place / name).is_file(), name
