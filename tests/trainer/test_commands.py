"""``fakescan train`` from the command line: dry run, a whole run, resume, and faults that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakescan.cli.app import run

RECIPE = """
[model]
base = "{base}"
name = "tiny"
template = "chatml"
views = ["square"]
projector_pooling = 2
lora = {{rank = 4, alpha = 8, dropout = 0.0}}
[data]
root = "{root}"
validation = ["validation.json"]
captions = ["captions.json"]
steer = 1.0
[mapper]
locate = "target"
[facl]
queue = 4
[run]
out = "{out}"
log_every = 1
eval_rows = 4
threads = 1
[[stages]]
name = "align"
task = "caption"
captions = 2
steps = 1
[[stages]]
name = "joint"
task = "joint"
full = 1
short = 2
steps = 2
"""


@pytest.fixture
def recipe_file(tiny_base: Path, mmfr: Path, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    text = RECIPE.format(base=tiny_base.as_posix(), root=mmfr.as_posix(), out=(tmp_path / "run").as_posix())
    path.write_text(text, "utf-8")
    return path


def test_a_dry_run_shows_text_ids_and_mask_and_writes_nothing(
    recipe_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", str(recipe_file), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    for part in (
        "== full, steered:",
        "== short:",
        "== caption:",
        "[loss   ]",
        "[no loss]",
        "5 visual tokens",
        "Explain why it looks",
    ):
        assert part in shown, part
    assert "ids [" in shown
    assert "classification index" in shown
    assert not (recipe_file.parent / "run").exists()


def test_a_run_says_what_it_needs_and_where_it_lies(recipe_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", str(recipe_file)]) == 0
    out, err = capsys.readouterr()
    assert "GiB of memory will be needed" in err
    assert "validation: auc" in err
    assert "joint 2/2" in err
    assert Path(out.strip()) == recipe_file.parent / "run" / "checkpoint"
    assert run(["train", str(recipe_file)]) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert run(["train", str(recipe_file), "--resume"]) == 0  # nothing left to do is no fault


def test_faults_leave_with_two(recipe_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", str(recipe_file), "stages.0.lr=fast", "nonsense"]) == 2
    err = capsys.readouterr().err
    assert "stages[0].lr" in err
    assert "nonsense" in err
    assert run(["train", "no-such-recipe"]) == 2
    assert "paper-v1" in capsys.readouterr().err
    assert run(["train", str(recipe_file), "data.root=nowhere"]) == 2
    assert "forgery_reasoning_cot.json" in capsys.readouterr().err
