"""The commands of docs/eval.md are run as they stand, one after the other, with the weightless engine."""

from __future__ import annotations

import re
import shlex
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fakescan.cli import app
from fakescan.core.calibration_file import percent
from fakescan.intake.pool import DecodePool
from fakescan_trainer.evaluate.figures import AVERAGED
from fakescan_trainer.promise import photographs_needed
from tests.cli.conftest import weightless_load
from tests.support.pictures import png
from tests.support.weightless import WeightlessEngine


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "eval.md").read_text(encoding="utf-8")


@pytest.fixture
def place(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the page speaks of: samples, a test set, another detector's scores, own photographs."""
    monkeypatch.setattr("fakescan.engines.load", weightless_load(WeightlessEngine()))
    monkeypatch.setattr("fakescan.pipeline.sources.DecodePool", partial(DecodePool, in_process=True))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(repository / "samples", tmp_path / "samples")
    lines = []
    for number in range(8):
        name = f"{'fake' if number % 2 else 'real'}/{number}.png"
        (tmp_path / "testset" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "testset" / name).write_bytes(png(number))
        lines.append(f"{name},{number / 8}\n")
    (tmp_path / "other.csv").write_text("".join(lines), "utf-8")
    (tmp_path / "our-photos").mkdir()
    for seed in range(100, 180):  # some of these drawings are near-duplicates
        (tmp_path / "our-photos" / f"{seed}.png").write_bytes(png(seed))
    return tmp_path


def test_the_commands_run(page: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = [
        line for block in re.findall(r"^```console$\n(.*?)^```$", page, re.M | re.S) for line in block.splitlines()
    ]
    assert len(commands) >= 10
    for line in commands:
        words = shlex.split(line)
        assert words[0] == "fakescan"
        code = app.run(words[1:])
        told: Any = capsys.readouterr()
        assert code == 0, f"{line}: {told.err}"
    assert (place / "figures.html").is_file()
    assert "of your own photographs" in told.err


def test_every_figure_is_explained(page: str) -> None:
    assert [name for name in AVERAGED if f"`{name}`" not in page] == []


def test_the_numbers_needed_are_right(page: str) -> None:
    rows = re.findall(r"^\| (0\.\d+) \| (\d+) \|$", page, re.MULTILINE)
    assert len(rows) == 4
    assert {percent(float(risk)): int(number) for risk, number in rows} == {
        percent(float(risk)): photographs_needed(float(risk), 0.95) for risk, _ in rows
    }
