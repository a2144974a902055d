"""The command line with the weightless engine in the place of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fakescan.cli import app
from fakescan.core.calibration_file import applied, binding_of, read_own
from fakescan.intake.pool import DecodePool
from tests.support.weightless import WeightlessEngine


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def decode_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode in this process; starting others takes longer than these tests."""
    monkeypatch.setattr("fakescan.pipeline.sources.DecodePool", partial(DecodePool, in_process=True))


Cli = Callable[..., Outcome]


def weightless_load(chosen: WeightlessEngine) -> Callable[..., WeightlessEngine]:
    """What stands in for ``engines.load``: gives out one engine, with a calibration of the user's own where asked."""

    def load(name: str = "auto", *, calibration: str | None = None, **asked: Any) -> WeightlessEngine:
        if calibration is None:
            return chosen
        model = chosen.identity
        binding = binding_of(
            model.weights_sha256,
            model.prompt_version,
            model.dtype,
            asked["score"] or model.decides,
            asked["decode"],
            draft=asked["draft"],
        )
        return replace(chosen, calibration=applied(read_own(Path(calibration)), binding, chosen.calibration))

    return load


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> WeightlessEngine:
    """The engine that ``load`` gives out, whatever is asked for."""
    chosen = WeightlessEngine()
    monkeypatch.setattr("fakescan.engines.load", weightless_load(chosen))
    return chosen


@pytest.fixture
def cli(
    engine: WeightlessEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cli:
    """Run a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def run(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        code = app.run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return run
