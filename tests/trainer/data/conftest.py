"""A small folder of drawn images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fakescan.cli import app
from fakescan.intake.pool import DecodePool

Run = Callable[..., tuple[int, str, str]]


def draw(path: Path, seed: int, size: tuple[int, int] = (96, 72), **how: Any) -> Path:
    """A picture of soft spots; another seed, quite another picture."""
    grid = np.random.default_rng(seed).integers(0, 256, (9, 9, 3)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC).save(path, **how)
    return path


@pytest.fixture(autouse=True)
def decode_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode in this process; starting others takes longer than these tests."""

    def here(processes: int, limits: Any) -> DecodePool:
        return DecodePool(processes, limits, in_process=True)

    monkeypatch.setattr("fakescan_trainer.data.facts.DecodePool", here)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve images of two real and two fake sources."""
    root = tmp_path / "photos"
    for number in range(12):
        side, source = (("real", "press"), ("real", "phones"), ("fake", "alpha"), ("fake", "beta"))[number % 4]
        draw(root / side / source / f"{number:02}.png", number)
    return root


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command: exit code, stdout, stderr."""
    return partial(_run, capsys)


def _run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    capsys.readouterr()
    code = app.run(["data", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err
