"""``fakescan train`` from the command line: dry run, a whole run, resume, and faults that say what to do."""

from __future__ import annotations

import csv
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest

from fakescan.cli.app import run
from fakescan.cli.train import _stoppable
from fakescan_trainer.ablations import ABLATIONS
from fakescan_trainer.loading import load_config


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
    assert "GiB of memory will be needed" in shown
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
    assert run(["train", str(recipe_file), "model.base=nowhere"]) == 2
    err = capsys.readouterr().err
    assert "there is no base model in nowhere" in err
    assert "model.base=FOLDER, or use the recipe own" in err
    assert run(["train", str(recipe_file), "data.root=nowhere"]) == 2
    assert "forgery_reasoning_cot.json" in capsys.readouterr().err


def test_the_first_ctrl_c_asks_and_the_second_ends() -> None:
    usual = signal.getsignal(signal.SIGINT)
    with _stoppable() as asked:
        assert not asked()
        signal.raise_signal(signal.SIGINT)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is usual


def test_interrupted_and_resumed_from_the_command_line(
    recipe_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def at_once() -> Iterator[Callable[[], bool]]:
        yield lambda: True

    with monkeypatch.context() as patched:
        patched.setattr("fakescan.cli.train._stoppable", at_once)
        assert run(["train", str(recipe_file)]) == 130
    assert "the same command with --resume goes on" in capsys.readouterr().err
    assert run(["train", str(recipe_file), "--resume"]) == 0
    assert "3 steps done" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_loaded(
    recipe_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = recipe_file.parent / "file"
    taken.write_text("")
    assert run(["train", str(recipe_file), f"run.out={taken.as_posix()}", "model.base=nowhere"]) == 2
    err = capsys.readouterr().err
    assert "cannot write to" in err
    assert "run.out" in err


def test_a_recipe_is_told_all_its_faults_at_once(recipe_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ["run.log_every=0", "stages.0.captions=-1", "stages.1.lr=0", "model.views=[]", "model.lora.dropout=1.0",
             "data.variants=[]", "stages.0.warmup=1.5", "facl.queue=-1", "run.speed=3"]  # fmt: skip
    for faults in (wrong[:-1], wrong[-1:]):
        assert run(["train", str(recipe_file), "--dry-run", *faults]) == 2
        err = capsys.readouterr().err
        for fault in faults:
            assert fault.split("=")[0].split(".")[-1] in err, fault


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[model", b"x = " + b"[" * 100_000])
def test_a_recipe_that_is_none(tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.toml").write_bytes(content)
    assert run(["train", str(tmp_path / "r.toml")]) == 2
    assert "internal error" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_is_one_command(recipe_file: Path, name: str) -> None:
    assert run(["train", str(recipe_file), "--ablation", name]) == 0
    folder = recipe_file.parent / f"run-{name}"
    assert (folder / "checkpoint" / "adapter.safetensors").is_file()
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["stage"] == "joint"]
    there = {row["name"] for row in rows}
    assert ("facl" in there) is (name not in {"no-reasoning", "no-facl", "lm-only"})
    # The mapper's loss is told even where nothing is trained by it.
    loss = json.loads((folder / "config.json").read_text("utf-8"))["loss"]
    assert (loss["cpm"] > 0 and loss["cpm_short"] > 0) is (name not in {"no-cpm", "lm-only"})
    assert ("lm_full" in there) is (name != "no-reasoning")


def test_an_ablation_changes_only_what_it_says(recipe_file: Path) -> None:
    whole = asdict(load_config(recipe_file))
    alone = asdict(load_config(recipe_file, ablation="projector-only"))
    assert alone["model"].pop("train") == ("projector",)
    assert whole["model"].pop("train") == ("projector", "language")
    assert alone["run"].pop("out") == whole["run"].pop("out") + "-projector-only"
    assert alone == whole


def test_an_unknown_ablation_is_told(recipe_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", str(recipe_file), "--ablation", "no-fcl"]) == 2
    assert "did you mean no-facl" in capsys.readouterr().err
