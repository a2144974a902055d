"""Real training runs on a tiny model: they learn, they resume exactly, and what they write can be scanned with."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fakescan.core.records import Prediction
from fakescan.engines.device import choose_placement
from fakescan.engines.plain import EngineOptions, PlainEngine
from fakescan.errors import ConfigError, DataError, ModelError, ReportError
from fakescan.model.checkpoints.ours import load_checkpoint
from fakescan_trainer.data.features import open_rgb
from fakescan_trainer.loop import Trainer, train
from fakescan_trainer.watch import TrainObserver
from tests.trainer.conftest import build


def metrics(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "metrics.csv").read_text("utf-8").splitlines()))


class Stop(Exception):
    """Stands for a pulled plug."""


class StopAfter(TrainObserver):
    """Pulls the plug after so many saved checkpoints."""

    def __init__(self, saves: int) -> None:
        self.left = saves

    def saved(self, folder: Path) -> None:
        self.left -= 1
        if self.left == 0:
            raise Stop


def test_interrupted_and_resumed_equals_uninterrupted(recipe: dict[str, Any], tmp_path: Path) -> None:
    whole = train(build(recipe | {"run": recipe["run"] | {"out": str(tmp_path / "whole")}}))
    for saves in (1, 2, 3):  # in the middle of a stage, between stages, in the middle of the next
        parts = build(recipe | {"run": recipe["run"] | {"out": str(tmp_path / f"parts{saves}")}})
        first = Trainer(parts, StopAfter(saves))
        with pytest.raises(Stop):
            first.run()
        rest = train(parts, resume=True)
        assert first.losses + rest.losses == whole.losses
        assert rest.steps == whole.steps
        one, two = (load_checkpoint(report.folder).llava.state_dict() for report in (whole, rest))
        assert all(torch.equal(one[name], two[name]) for name in one)


def test_one_batch_is_learnt_by_heart(recipe: dict[str, Any]) -> None:
    recipe["stages"] = [{"name": "joint", "task": "joint", "full": 8, "short": 8, "steps": 60, "lr": 2e-2}]
    recipe["model"]["lora"]["dropout"] = 0.0
    recipe["run"]["save_every"] = 0
    report = train(build(recipe))
    assert np.mean(report.losses[-5:]) < 0.75 * np.mean(report.losses[:3])
    assert report.metrics["auc"] > 0.9  # red against blue, on held-out pictures


def test_training_and_inference_give_the_same_logits(recipe: dict[str, Any], mmfr: Path) -> None:
    trainer = Trainer(build(recipe))
    report = trainer.run()
    loaded = load_checkpoint(report.folder)
    engine = PlainEngine(loaded, choose_placement("cpu", "float32"), EngineOptions(batch_size=3))

    class Picture:
        views = None

        def __init__(self, path: Path) -> None:
            self.image, self.sha256 = open_rgb(path), path.name

    from fakescan_trainer.evaluate.validation import triage_scores

    trainer.network.eval()
    scores = triage_scores(trainer.network, trainer.encoder, trainer.data, trainer.data.validation, torch.device("cpu"))
    predictions = engine.infer([Picture(mmfr / record.image) for record in trainer.data.validation], reasoning=False)
    for score, prediction in zip(scores, predictions, strict=True):
        assert isinstance(prediction, Prediction)
        assert prediction.before is not None
        # the export rounds to float16 and merges the adapters
        assert prediction.before.fake - prediction.before.real == pytest.approx(score, abs=5e-3)


def test_a_run_leaves_metrics_config_and_checkpoints(recipe: dict[str, Any], tmp_path: Path) -> None:
    report = train(build(recipe))
    out = tmp_path / "run"
    rows = metrics(out)
    names = {row["name"] for row in rows}
    assert {
        "lm_caption",
        "lm_full",
        "cpm_full",
        "cpm_short",
        "facl",
        "tau",
        "validation_auc",
        "validation_caption_shuffled",
    } <= names
    assert any(row["step"] == "0" and row["name"] == "validation_auc" for row in rows)
    assert json.loads((out / "config.json").read_text("utf-8"))["model"]["name"] == "tiny"
    assert (out / "best" / "adapter.safetensors").is_file()
    assert report.folder == out / "checkpoint"
    assert list((out / "tensorboard").iterdir())


@pytest.mark.parametrize(
    ("loss", "missing"),
    [({"facl": 0.0}, "facl"), ({"cpm": 0.0, "cpm_short": 0.0}, None)],
)
def test_terms_can_be_switched_off(
    recipe: dict[str, Any], tmp_path: Path, loss: dict[str, float], missing: str | None
) -> None:
    recipe["loss"] = loss
    report = train(build(recipe))
    names = {row["name"] for row in metrics(tmp_path / "run")}
    assert np.isfinite(report.losses).all()
    if missing:
        assert missing not in names


def test_the_projector_alone_or_the_language_model_alone(recipe: dict[str, Any]) -> None:
    for chosen, frozen in ((["projector"], "lora_"), (["language"], "multi_modal_projector")):
        recipe["model"]["train"] = chosen
        recipe["stages"] = [{"name": "joint", "task": "joint", "full": 2, "steps": 2, "lr": 1e-2}]
        recipe["run"]["out"] += "x"
        trainer = Trainer(build(recipe))
        before = {n: p.detach().clone() for n, p in trainer.network.named_parameters()}
        trainer.run()
        changed = {n for n, p in trainer.network.named_parameters() if not torch.equal(before[n], p.detach())}
        assert changed
        assert not any(frozen in name for name in changed)
        assert not any("vision_tower" in name for name in changed)


def test_adapters_on_the_vision_tower_are_trained_and_exported(recipe: dict[str, Any]) -> None:
    recipe["model"]["train"] = ["projector", "language", "vision"]
    recipe["model"]["lora"]["vision_blocks"] = [1]
    recipe["stages"] = [{"name": "joint", "task": "joint", "short": 4, "full": 0, "steps": 3, "lr": 1e-2}]
    report = train(build(recipe))
    from safetensors.torch import load_file

    tower = {
        n: t
        for n, t in load_file(report.folder / "adapter.safetensors").items()
        if "vision_tower" in n and "lora_B" in n
    }
    assert tower
    assert any(float(t.abs().max()) > 0 for t in tower.values())
    assert load_checkpoint(report.folder).info.lora is not None


def test_the_paper_s_index_search_runs(recipe: dict[str, Any]) -> None:
    recipe["mapper"] = {"locate": "predicted"}
    assert np.isfinite(train(build(recipe)).losses).all()


def test_a_taken_folder_and_nothing_to_resume(recipe: dict[str, Any]) -> None:
    config = build(recipe)
    with pytest.raises(DataError, match="nothing to resume"):
        train(config, resume=True)
    train(config)
    with pytest.raises(ConfigError, match="holds a run already"):
        train(config)


def test_a_missing_base_is_one_clear_error(recipe: dict[str, Any], tmp_path: Path) -> None:
    recipe["model"]["base"] = str(tmp_path / "nothing")
    with pytest.raises(ModelError, match="there is no base model"):
        train(build(recipe))


class Asked(TrainObserver):
    """Wants an end after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def stop_wanted(self) -> bool:
        self.left -= 1
        return self.left == 0


def test_asked_to_stop_it_saves_the_step_at_hand_and_resumes_exactly(recipe: dict[str, Any], tmp_path: Path) -> None:
    recipe["run"]["save_every"] = 0
    whole = train(build(recipe | {"run": recipe["run"] | {"out": str(tmp_path / "whole")}}))
    config = build(recipe)
    first = Trainer(config, Asked(5))
    with pytest.raises(KeyboardInterrupt):
        first.run()
    assert len(first.losses) == 5
    rest = train(config, resume=True)
    assert first.losses + rest.losses == whole.losses


def test_steps_that_are_done_again_are_in_the_metrics_once(recipe: dict[str, Any], tmp_path: Path) -> None:
    class PlugPulled(TrainObserver):
        def step(self, done: int, values: Any) -> None:
            if done == 3 and "facl" in values:  # a step after the checkpoint of step 2
                raise Stop

    config = build(recipe)
    with pytest.raises(Stop):
        train(config, watch=PlugPulled())
    train(config, resume=True)
    rows = [(row["step"], row["name"]) for row in metrics(tmp_path / "run") if row["name"] == "facl"]
    assert rows == [("4", "facl"), ("5", "facl"), ("6", "facl"), ("7", "facl")]


def test_a_checkpoint_that_was_cut_in_two_by_a_kill_is_found(recipe: dict[str, Any], tmp_path: Path) -> None:
    config = build(recipe)
    with pytest.raises(Stop):
        train(config, watch=StopAfter(1))
    (tmp_path / "run" / "last").rename(tmp_path / "run" / "last.old")  # killed between the two renames of a save
    with pytest.raises(ConfigError, match="holds a run already"):
        train(config)
    assert train(config, resume=True).steps == 7


@pytest.mark.parametrize("name", ["trained.safetensors", "state.pt", "position.json"])
def test_a_damaged_checkpoint_is_one_clear_error(recipe: dict[str, Any], tmp_path: Path, name: str) -> None:
    config = build(recipe)
    with pytest.raises(Stop):
        train(config, watch=StopAfter(1))
    path = tmp_path / "run" / "last" / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="last"):
        train(config, resume=True)


def test_a_full_disk_keeps_the_checkpoint_before(
    recipe: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")

    class FullAfter(TrainObserver):
        def saved(self, folder: Path) -> None:
            monkeypatch.setattr("fakescan_trainer.state.torch.save", full)

    config = build(recipe)
    with pytest.raises(ReportError, match="cannot save"):
        train(config, watch=FullAfter())
    assert not (tmp_path / "run" / "last.new").exists()
    monkeypatch.undo()
    assert train(config, resume=True).steps == 7


def test_a_picture_that_broke_after_the_check_is_named(recipe: dict[str, Any], mmfr: Path, tmp_path: Path) -> None:
    import shutil

    root = Path(shutil.copytree(mmfr, tmp_path / "data"))
    for path in root.rglob("*.png"):
        path.write_bytes(path.read_bytes()[:60])
    recipe["data"] |= {"root": str(root), "validation": []}
    with pytest.raises(DataError, match=r"\.png cannot be read"):
        train(build(recipe))


def test_a_resumed_run_with_other_settings_says_so(recipe: dict[str, Any]) -> None:
    class Listening(TrainObserver):
        heard: str = ""

        def message(self, text: str) -> None:
            self.heard += text

    config = build(recipe)
    with pytest.raises(Stop):
        train(config, watch=StopAfter(1))
    recipe["loss"] = {"facl": 0.5}
    listening = Listening()
    train(build(recipe), resume=True, watch=listening)
    assert "other settings" in listening.heard
    assert "loss" in listening.heard


def test_bfloat16_is_tried_elsewhere_before_it_can_kill(
    recipe: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fakescan_trainer.processes.bfloat16_works_on_cpu", lambda: False)
    recipe["run"]["precision"] = "bf16"
    if torch.cuda.is_available():
        pytest.skip("bfloat16 is only refused on CPUs")
    with pytest.raises(ConfigError, match="bf16"):
        Trainer(build(recipe))
