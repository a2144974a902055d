"""``benchmarks/ablations.py`` on a tiny model: one start for all rows, resumed row by row, the paper's tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import ablations
from benchmarks.ablation_tables import ORDER, ROWS, tables
from fakescan.model.build import load_base
from fakescan.model.images import Preprocessing
from fakescan_trainer.ablations import ABLATIONS
from fakescan_trainer.data.features import extend_cache
from fakescan_trainer.state import load_position


@pytest.fixture
def short_recipe(short_recipe: dict[str, Any], tiny_base: Path, mmfr: Path, tmp_path: Path) -> dict[str, Any]:
    """With a probe between its stages, which wants features, and none of what the rows change themselves."""
    pooled = load_base(tiny_base, projector_pooling=2)
    prep = Preprocessing(pooled.config.vision_config.image_size, ("square",))
    names = [
        row["image"]
        for name in ("forgery_reasoning_cot", "validation", "captions")
        for row in json.loads((mmfr / f"{name}.json").read_text("utf-8"))
    ]
    list(extend_cache(tmp_path / "cache", pooled, prep, mmfr, [(name, 0) for name in names]))
    features = {"features": [(tmp_path / "cache").as_posix()], "out_of_fold": True}
    short_recipe["data"] |= features | {"leak": False, "steer": 0.0}
    short_recipe["run"]["eval_rows"] = 0
    short_recipe["stages"].insert(1, {"name": "probe", "task": "probe", "weight_decay": 0.1})
    return short_recipe


def test_rows_start_alike_are_kept_and_make_the_paper_s_tables(
    recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    line = [str(recipe_file), str(work), "--held", "4", "--sentences", "4"]
    assert ablations.main([*line, "--only", "zero-shot", "all", "projector-only"]) == 0
    kept = json.loads((work / "rows.json").read_text("utf-8"))
    assert list(kept) == ["zero-shot", "all", "projector-only"]
    assert load_position(work / "start" / "last").stage == 2  # the probe is the start's last stage
    assert load_position(work / "rows" / "all" / "last").total_steps == 1 + 1 + 2
    assert kept["all"]["parameters"] > kept["projector-only"]["parameters"] > 0
    assert 0 <= kept["all"]["follows"] <= 1
    assert "follows" not in kept["projector-only"]
    kept["all"]["auc"] = 0.123
    (work / "rows.json").write_text(json.dumps(kept), "utf-8")
    capsys.readouterr()
    assert ablations.main([*line, "--only", "all", "leak"]) == 0
    told = capsys.readouterr().out
    assert "0.123" in told  # a finished row is not run again
    assert told.count("not run") == 6
    assert json.loads((work / "rows" / "leak" / "config.json").read_text("utf-8"))["data"]["leak"] is True
    assert ablations.main([*line, "--table"]) == 0
    assert capsys.readouterr().out in told


def test_every_row_is_an_ablation_and_stands_in_its_tables() -> None:
    names = {row.name for row in ROWS}
    assert names - {"all", "zero-shot"} == ABLATIONS.keys() - {"no-leak"}  # which the recipe is itself
    for table, order in ORDER.items():
        assert set(order) == {row.name for row in ROWS if table in row.cells}
    lines = tables({row.name: {"auc": 0.5, "accuracy": 0.25, "parameters": 2e6} for row in ROWS})
    assert any(line.startswith("| ✓ | - | 2.0M | 0.500 | - | - | 25.0 |") for line in lines)
    for start in (line for line in lines if set(line) == set("|-")):
        width = start.count("|")
        assert lines[lines.index(start) - 1].count("|") == width


def test_time_that_is_over_begins_no_row(recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ablations.main([str(recipe_file), str(tmp_path / "work"), "--minutes", "1e-9"]) == 0
    told = capsys.readouterr().out
    assert "time is over before zero-shot" in told
    assert not (tmp_path / "work" / "rows.json").exists()


def test_a_fault_of_the_recipe_is_told(recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ablations.main([str(recipe_file), str(tmp_path / "work"), "data.leek=true"]) == 2
    assert "data.leek" in capsys.readouterr().out
