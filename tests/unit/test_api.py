"""The Python API: typed, lazy, silent."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import fakescan
from fakescan.core.records import Label
from fakescan.intake.pool import DecodePool
from tests.support.pictures import folder
from tests.support.weightless import WeightlessEngine


@pytest.fixture(autouse=True)
def decode_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakescan.pipeline.sources.DecodePool", partial(DecodePool, in_process=True))


@pytest.mark.parametrize("name", fakescan.__all__)
def test_every_exported_name_is_there(name: str) -> None:
    assert getattr(fakescan, name) is not None


def test_the_list_is_sorted_and_complete() -> None:
    assert sorted(fakescan.__all__, key=lambda name: (name[0].islower() or name[0] == "_", name)) == fakescan.__all__
    assert dir(fakescan) == sorted(fakescan.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = fakescan.nothing


def test_scan_yields_typed_results_and_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = folder(tmp_path / "in", a=Label.FAKE, b=Label.REAL)
    engine = WeightlessEngine()
    labels = {}
    for result in fakescan.scan(pictures, engine=engine, reasoning="none"):
        assert isinstance(result.outcome, fakescan.Assessed)
        labels[result.record.file.path] = result.outcome.verdict.label
    assert labels == {"a.png": Label.FAKE, "b.png": Label.REAL}
    assert {wanted for _, wanted in engine.batches} == {False}
    assert capsys.readouterr() == ("", "")


def test_several_paths_of_any_sort(tmp_path: Path) -> None:
    pictures = folder(tmp_path / "in", a=Label.FAKE, b=Label.REAL)
    paths: list[str | Path] = [str(pictures / "a.png"), pictures / "b.png"]
    assert len(list(fakescan.scan(paths, engine=WeightlessEngine()))) == 2
    assert len(list(fakescan.scan(iter(paths), engine=WeightlessEngine()))) == 2


def test_run_scan_gives_everything_at_once(tmp_path: Path) -> None:
    pictures = folder(tmp_path / "in", b=Label.REAL, a=Label.FAKE)
    scan = fakescan.run_scan(pictures, engine=WeightlessEngine(), run_dir=tmp_path / "run", limit=5)
    assert scan.summary["images"] == 2
    assert scan.command == "python"
    assert (tmp_path / "run" / "scan.json").is_file()


def test_wrong_settings_are_told_at_once_and_before_anything_else(tmp_path: Path) -> None:
    wrong: dict[str, Any] = {"reasoning": "some", "thresold": 0.5}
    with pytest.raises(fakescan.ConfigError) as caught:
        fakescan.scan(tmp_path, **wrong)
    assert len(caught.value.faults) == 2


def test_settings_from_outside_are_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKESCAN_LIMIT", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fakescan.toml").write_text("limit = 1")
    pictures = folder(tmp_path / "in", a=Label.FAKE, b=Label.REAL)
    assert len(list(fakescan.scan(pictures, engine=WeightlessEngine()))) == 2


def test_nothing_to_scan_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(fakescan.InputError):
        list(fakescan.scan(tmp_path, engine=WeightlessEngine()))


def test_load_engine_passes_on_what_concerns_the_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Any] = []

    def load(name: str, **values: Any) -> WeightlessEngine:
        asked.append((name, values))
        return WeightlessEngine()

    monkeypatch.setattr("fakescan.engines.load", load)
    engine = fakescan.load_engine(model=tmp_path, dtype="int8", engine_name="plain", batch_size=4)
    assert isinstance(engine, fakescan.Engine)
    [(name, values)] = asked
    assert (name, values["model"], values["dtype"], values["batch_size"]) == ("plain", str(tmp_path), "int8", 4)


def test_no_progress_bars_of_others_while_a_model_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, str | None]] = []
    bars = SimpleNamespace(on=True)
    logging = SimpleNamespace(
        is_progress_bar_enabled=lambda: bars.on,
        disable_progress_bar=lambda: setattr(bars, "on", False),
        enable_progress_bar=lambda: setattr(bars, "on", True),
    )

    def load(name: str, **values: Any) -> WeightlessEngine:
        seen.append((bars.on, os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS")))
        return WeightlessEngine()

    monkeypatch.setitem(sys.modules, "transformers.utils.logging", logging)
    monkeypatch.setattr("fakescan.engines.load", load)
    fakescan.load_engine()
    assert seen == [(False, "1")]
    assert bars.on
    assert "HF_HUB_DISABLE_PROGRESS_BARS" not in os.environ
