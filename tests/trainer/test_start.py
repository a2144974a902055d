"""Training that goes on from a checkpoint: what must fit, what is kept, and what is told of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from fakescan.core.records import ScoreKind
from fakescan.errors import DataError, ModelError
from fakescan.model.checkpoints.merging import merge_model
from fakescan.model.checkpoints.ours import ADAPTER, read_info, write_info
from fakescan.model.prompt import AnswerForm
from fakescan_trainer import facts as facts_module
from fakescan_trainer import kernel, loop, memory
from fakescan_trainer.ablations import ABLATIONS, ablated
from fakescan_trainer.config import StageConfig, TrainConfig
from fakescan_trainer.dry_run import describe_samples
from fakescan_trainer.loading import contradictions
from fakescan_trainer.loop import Trainer, train
from fakescan_trainer.materials import gather
from fakescan_trainer.state import Position
from fakescan_trainer.watch import TrainObserver
from tests.tiny import make_base
from tests.trainer.conftest import build

KERNEL = StageConfig("kernel", "kernel", weight_decay=0.03)
CARD = {"Trained on": "9 drawings"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "STEPS", 20)


@pytest.fixture
def config(recipe: dict[str, Any], tmp_path: Path) -> TrainConfig:
    """A recipe that fits a kernel on what ``start`` holds."""
    plain = build(recipe)
    return replace(
        plain,
        model=replace(plain.model, start=str(tmp_path / "start"), projector_probe_units=8),
        data=replace(plain.data, captions=(), features=(str(tmp_path / "features"),), fill=True),
        stages=(KERNEL,),
    )


def export(config: TrainConfig, folder: Path, **changes: Any) -> Path:
    """A checkpoint as a run of the recipe leaves it, with other facts in its manifest."""
    fresh = replace(
        config, model=replace(config.model, start="", **changes), data=replace(config.data, features=(), fill=False)
    )
    Trainer(fresh).export(folder)
    write_info(folder, replace(read_info(folder), card=CARD))
    return folder


@pytest.fixture
def start(config: TrainConfig, tmp_path: Path) -> Path:
    return export(config, tmp_path / "start", projector_probe_units=0)


def test_what_differs_is_told_before_features_are_made(config: TrainConfig, start: Path, tmp_path: Path) -> None:
    def but(**model: Any) -> TrainConfig:
        return replace(config, model=replace(config.model, **model))

    lora = config.model.lora
    for other, told in (
        (but(template="vicuna_v1"), 'model.template="chatml", the recipe "vicuna_v1"'),
        (but(views=("pad",)), r'model.views=\["square"\], the recipe \["pad"\]'),
        (but(projector_pooling=4), "model.projector_pooling=2, the recipe 4"),
        (but(lora=replace(lora, vision_blocks=(1,))), r"model.lora.vision_blocks=\[\], the recipe \[1\]"),
        (but(lora=replace(lora, rank=8)), "rank 4 and alpha 8, the recipe says 8 and 8"),
    ):
        for fill in (True, False):
            with pytest.raises(ModelError, match=told):
                gather(other, fill=fill)
    assert not (tmp_path / "features").exists()
    fitting = gather(config, fill=False).start
    assert fitting is not None
    assert fitting.card == CARD


def test_another_preparation_of_pictures_is_told(config: TrainConfig, start: Path) -> None:
    info = read_info(start)
    write_info(start, replace(info, preprocessing=replace(info.preprocessing, mean=(0.5, 0.5, 0.5))))
    with pytest.raises(ModelError, match="with mean"):
        gather(config, fill=False)


def test_another_base_is_told_wherever_the_start_has_its_own(
    config: TrainConfig, start: Path, tiny_base: Path, tmp_path: Path
) -> None:
    other = make_base(tmp_path / "other", seed=5)
    moved = replace(config, model=replace(config.model, base=str(other)))
    with pytest.raises(ModelError, match=r"the base of .* is another"):
        gather(moved, fill=False)
    copied = Path(shutil.copytree(tiny_base, tmp_path / "copy"))
    assert gather(replace(config, model=replace(config.model, base=str(copied))), fill=False).start
    shutil.copytree(tiny_base, start / "base")
    write_info(start, replace(read_info(start), base="base"))
    assert gather(config, fill=False).start
    with pytest.raises(ModelError, match=r"the base of .* is another"):
        gather(moved, fill=False)
    shutil.rmtree(start / "base")
    write_info(start, replace(read_info(start), base="base"))
    with pytest.raises(ModelError, match="is not there"):
        gather(config, fill=False)


def test_the_probe_s_units_must_be_the_start_s_or_be_filled(config: TrainConfig, start: Path, tmp_path: Path) -> None:
    steps = (StageConfig("on", "joint", steps=1, full=0, short=2),)
    with pytest.raises(ModelError, match=r"has no probe.*=8") as unfilled:
        gather(replace(config, stages=steps), fill=False)
    assert "projector_probe_units=0" in unfilled.value.hint
    filled = export(config, tmp_path / "filled", projector_probe_units=5)
    on = replace(config.model, start=str(filled))
    for units in (0, 8):
        with pytest.raises(ModelError, match="a probe of 5 units") as other:
            gather(replace(config, model=replace(on, projector_probe_units=units)), fill=False)
        assert other.value.hint == "set model.projector_probe_units=5"
    same = replace(config, model=replace(on, projector_probe_units=5), stages=steps)
    network = Trainer(same).network
    held = network.llava.model.multi_modal_projector.probe.linear_1.weight
    stored = load_file(filled / ADAPTER)["model.multi_modal_projector.probe.linear_1.weight"]
    torch.testing.assert_close(held, stored.float())


def test_a_merged_checkpoint_is_told_to_be_one(config: TrainConfig, start: Path, tmp_path: Path) -> None:
    merge_model(start, tmp_path / "merged")
    merged = replace(config.model, start=str(tmp_path / "merged"))
    with pytest.raises(ModelError, match="holds no adapters to go on from: it was merged"):
        gather(replace(config, model=merged), fill=False)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("model.multi_modal_projector.linear_2.bias", None, "linear_2.bias is missing"),
        ("self_attn.q_proj.lora_B", None, "lora_B.default.weight is missing"),
        ("model.multi_modal_projector.linear_2.bias", lambda t: t * float("nan"), "what is no number"),
    ],
)
def test_a_start_that_lacks_a_weight_is_refused(
    config: TrainConfig, start: Path, name: str, change: Callable[[torch.Tensor], torch.Tensor] | None, told: str
) -> None:
    weights = load_file(start / ADAPTER)
    key = next(key for key in weights if name in key)
    weight = weights.pop(key)
    if change:
        weights[key] = change(weight)
    save_file(weights, start / ADAPTER)
    write_info(start, read_info(start))
    with pytest.raises(ModelError, match=told):
        Trainer(config)


def test_a_probe_with_a_hole_is_refused(config: TrainConfig, tmp_path: Path) -> None:
    folder = export(config, tmp_path / "start")
    weights = load_file(folder / ADAPTER)
    del weights["model.multi_modal_projector.probe.direction"]
    save_file(weights, folder / ADAPTER)
    write_info(folder, read_info(folder))
    with pytest.raises(ModelError, match=r"probe\.direction is missing"):
        Trainer(config)


def test_the_form_of_its_answers_and_the_score_that_decides_stay(
    config: TrainConfig, start: Path, tmp_path: Path
) -> None:
    form = AnswerForm("short", " ")
    write_info(start, replace(read_info(start), answer=form, decides=ScoreKind.AFTER))
    materials = gather(config)
    usual = replace(materials.data.full[0], reasoning="Much red.")
    text = materials.tokenizer.decode(materials.encoder.full(usual, steered=False).ids)
    assert form.conclusion_start in text
    train(config)
    for name in ("checkpoint", "best"):
        exported = read_info(tmp_path / "run" / name)
        assert (exported.answer, exported.decides) == (form, ScoreKind.AFTER)


def test_a_run_is_gone_on_with_where_its_start_is_gone(config: TrainConfig, start: Path, tmp_path: Path) -> None:
    write_info(start, replace(read_info(start), answer=AnswerForm("short", " ")))
    two = replace(config, stages=(KERNEL, StageConfig("on", "joint", steps=1, full=0, short=2)))
    digest = read_info(start).weights_sha256
    train(config)
    shutil.rmtree(start)
    train(two, resume=True)
    assert read_info(tmp_path / "run" / "checkpoint").answer == AnswerForm("short", " ")
    assert json.loads((tmp_path / "run" / "start.json").read_text("utf-8"))["weights_sha256"] == digest
    (tmp_path / "run" / "start.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match=r"start\.json cannot be read"):
        train(two, resume=True)


def test_a_kernel_stage_comes_after_a_probe_or_a_start_and_after_all_that_follows_the_probe(
    config: TrainConfig,
) -> None:
    probe, joint = StageConfig("probe", "probe"), StageConfig("joint", "joint", full=0, short=2)
    assert contradictions(config) == []
    alone = replace(config, model=replace(config.model, start=""))
    assert any("needs a probe stage before it, or model.start" in fault for fault in contradictions(alone))
    assert contradictions(replace(alone, stages=(probe, KERNEL))) == []
    shown = replace(alone, data=replace(alone.data, out_of_fold=True))
    assert contradictions(replace(shown, stages=(probe, joint, KERNEL))) == []
    assert contradictions(replace(alone, stages=(probe, KERNEL, joint))) == []
    for after in (joint, replace(joint, read=0.5)):
        faults = contradictions(replace(shown, stages=(probe, KERNEL, after)))
        assert any("put kernel after such stages" in fault for fault in faults)


def test_ablations_leave_the_kernel_stage_out(config: TrainConfig) -> None:
    joint = StageConfig("joint", "joint", full=1)
    whole = replace(config, stages=(StageConfig("probe", "probe"), joint, KERNEL))
    fresh = replace(whole, model=replace(whole.model, start=""))
    for name in ABLATIONS:
        assert all(stage.task != "kernel" for stage in ablated(fresh, name).stages)
        assert ablated(fresh, name).model.projector_probe_units == 0
        assert ablated(whole, name).model.projector_probe_units == 8
    bare = replace(fresh, stages=fresh.stages[:2])
    assert ablated(bare, "no-leak").stages == bare.stages


def test_steps_leave_the_probe_alone_and_the_estimate_knows(config: TrainConfig) -> None:
    fresh = replace(
        config,
        model=replace(config.model, start="", train=("projector", "language")),
        data=replace(config.data, features=(), fill=False),
        stages=(StageConfig("joint", "joint", steps=1, full=0, short=2),),
    )
    bare = replace(fresh, model=replace(fresh.model, projector_probe_units=0))
    network = Trainer(fresh).network
    network.parts(("projector",))
    assert {n.split("multi_modal_projector.")[-1] for n, p in network.named_parameters() if p.requires_grad} == {
        "linear_1.weight", "linear_1.bias", "linear_2.weight", "linear_2.bias",
        "mapper.log_tau", "contrast.log_temperature",
    }  # fmt: skip
    with_probe, without = (memory.estimate(each, gather(each)) for each in (fresh, bare))
    assert with_probe.trained == without.trained
    assert with_probe.activations == without.activations
    probe = sum(value.numel() for value in network.llava.model.multi_modal_projector.probe.state_dict().values())
    assert with_probe.weights - without.weights == 4 * probe


def test_a_kernel_stage_is_in_the_estimate(config: TrainConfig, start: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = replace(
        config, data=replace(config.data, features=(), fill=False, variants=(0, 1)),
        model=replace(config.model, views=("square",)),
    )  # fmt: skip
    found = memory.estimate(two, gather(two))
    rows, channels = 2 * 16, 2 * 32
    assert found.kernel == 16 * rows**2 + 12 * rows * channels
    assert found.total == found.program + found.weights + found.kernel
    assert "kernel stage" in found.sentence()
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1))
    assert "data.variants" in found.warning()
    steps = replace(two, stages=(StageConfig("joint", "joint", steps=1, full=0, short=2), KERNEL))
    both = memory.estimate(steps, gather(steps))
    assert both.total == both.program + both.weights + both.steps
    assert "activations" in both.sentence()


def test_a_dry_run_says_what_is_fitted_and_shows_no_row_that_nothing_is_trained_on(
    config: TrainConfig, start: Path
) -> None:
    told = "\n".join(describe_samples(config, gather(config, fill=False)))
    assert f"goes on from tiny in {start}" in told
    assert "fitted on 16 labelled images (8 AI-generated) of 4 sources, 16 class tokens" in told
    assert "short" not in told
    steps = replace(config, stages=(KERNEL, StageConfig("on", "joint", steps=1, full=0, short=2)))
    assert "== short" in "\n".join(describe_samples(steps, gather(steps, fill=False)))


class Told(TrainObserver):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def message(self, text: str) -> None:
        self.said.append(text)


def test_figures_of_a_stage_without_steps_are_kept_and_a_lower_ranking_is_told(
    config: TrainConfig, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    falling = iter([0.9, 0.8])
    monkeypatch.setattr(loop, "evaluate", lambda *_: {"auc": next(falling)})
    watch = Told()
    train(config, watch=watch)
    assert any("lowered the AUC on held-out images from 0.900 to 0.800" in said for said in watch.said)
    rows = (tmp_path / "run" / "metrics.csv").read_text("utf-8")
    assert "1,kernel,out_of_fold_auc," in rows
    assert "1,kernel,kernel_likeness," in rows
    monkeypatch.undo()
    monkeypatch.setattr(kernel, "STEPS", 20)
    watch = Told()
    onward = replace(config, stages=(KERNEL, StageConfig("on", "joint", steps=1, full=0, short=2)))
    train(onward, watch=watch, resume=True)
    assert not any("lowered" in said for said in watch.said)
    facts = json.loads((tmp_path / "run" / "facts.json").read_text("utf-8"))
    assert facts["training"]["stages"][0]["figures"]["out_of_fold_auc"] > 0  # of before it was gone on with
    assert "1,kernel,out_of_fold_auc," in (tmp_path / "run" / "metrics.csv").read_text("utf-8")


def test_facts_and_card_tell_the_start_and_only_what_was_done(config: TrainConfig, start: Path, tmp_path: Path) -> None:
    trainer = Trainer(config)
    trainer.run()
    facts = json.loads((tmp_path / "run" / "facts.json").read_text("utf-8"))
    digest = read_info(start).weights_sha256
    assert facts["start"] == {"name": "tiny", "weights_sha256": digest, "card": CARD, "its_text": True}
    training = facts["training"]
    probe = trainer.network.llava.model.multi_modal_projector.probe
    assert training["trained_values"] == sum(value.numel() for value in probe.parameters())
    assert (training["modules"], training["losses"]) == (["probe"], {})
    assert trainer.position.elapsed_s > 0
    [stage] = training["stages"]
    assert {"penalty": 0.03, "gamma": 0.4, "components": 512, "units": 8}.items() <= stage.items()
    assert stage["figures"]["kernel_taken"] == 1
    card = (tmp_path / "run" / "checkpoint" / "MODEL_CARD.md").read_text("utf-8")
    for told in ("## Goes on from", digest, "9 drawings", "no stage of this run trained it", "penalty 0.03, gamma 0.4"):
        assert told in card, told
    assert "lr " not in card
    assert "Weights of the losses" not in card


def test_what_steps_trained_is_told_as_before_and_text_is_no_longer_the_start_s(
    config: TrainConfig, start: Path, tmp_path: Path
) -> None:
    joint = StageConfig("on", "joint", steps=1, full=0, short=2)
    trainer = Trainer(replace(config, stages=(KERNEL, joint)))
    trainer.run()
    facts = json.loads((tmp_path / "run" / "facts.json").read_text("utf-8"))
    assert facts["start"]["its_text"] is False
    assert facts["training"]["modules"] == ["projector", "language", "probe"]
    counted = sum(
        value.numel() for name, value in trainer.network.named_parameters() if "lora_" in name or "projector" in name
    )
    assert facts["training"]["trained_values"] == counted
    card = (tmp_path / "run" / "checkpoint" / "MODEL_CARD.md").read_text("utf-8")
    assert "lr 0.0002" in card
    assert "Weights of the losses" in card
    assert "no stage of this run trained it" not in card


def test_a_detector_that_was_not_taken_trained_nothing(config: TrainConfig) -> None:
    assert facts_module._changed(config, Position(figures={"kernel": {"kernel_taken": 0.0}})) == []
    assert facts_module._changed(config, Position(figures={"kernel": {"kernel_taken": 1.0}})) == ["probe"]
