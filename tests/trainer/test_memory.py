"""The memory estimate: each part against numbers worked by hand, and what makes it grow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fakescan_trainer import memory
from fakescan_trainer.activations import MicroBatch, kept_bytes, micro_batches
from fakescan_trainer.encode import collate
from fakescan_trainer.loop import Trainer
from fakescan_trainer.materials import gather
from tests.trainer.conftest import build


def estimated(table: dict[str, Any]) -> memory.MemoryEstimate:
    config = build(table)
    return memory.estimate(config, gather(config))


def test_weights_and_moments_are_those_of_the_network_that_is_trained(recipe: dict[str, Any]) -> None:
    found = estimated(recipe)
    trainer = Trainer(build(recipe))
    statistics = sum(buffer.numel() for buffer in trainer.network.llava.model.multi_modal_projector.buffers())
    scalars = 2  # tau and the contrastive temperature
    everything = sum(p.numel() for p in trainer.network.parameters())
    groups = trainer.network.parts(("projector", "language"))
    trained = sum(p.numel() for parameters in groups.values() for p in parameters)
    assert found.weights == 4 * (everything - scalars + statistics)
    assert found.trained == 12 * (trained - scalars)


def test_one_layer_by_hand(recipe: dict[str, Any], mmfr: Path) -> None:
    """Width 32, MLP 64, two layers; with adapters and without dropout 8 widths and 4 MLP widths a token and layer."""
    recipe["model"]["lora"]["dropout"] = 0.0
    recipe["stages"] = [{"name": "joint", "task": "joint", "full": 0, "short": 3, "steps": 1}]
    config = build(recipe)
    materials = gather(config)
    row = materials.encoder.short(materials.data.labelled[0])
    tokens = 3 * len(row.ids)
    layers = 2 * tokens * (8 * 32 + 4 * 64 + 7 * 4 + len(row.ids))
    projector = 3 * 5 * (materials.llava.vision_config.hidden_size * vision_layers(materials.llava) + 2 * 32)
    logits = 3 * 3 * sum(row.supervised) * len(materials.tokenizer)
    assert memory.estimate(config, materials).activations == 4 * (layers + projector + logits)


def vision_layers(llava: Any) -> int:
    chosen = llava.vision_feature_layer
    return len(chosen) if isinstance(chosen, list) else 1


@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("modules", [["projector", "language"], ["projector"]])
def test_what_layers_keep_is_what_torch_keeps(recipe: dict[str, Any], dropout: float, modules: list[str]) -> None:
    """The tensors that torch saves for the backward pass, each storage once, against the estimate, to a twentieth."""
    recipe["model"]["lora"]["dropout"] = dropout
    recipe["model"]["train"] = modules
    recipe["stages"] = [{"name": "joint", "task": "joint", "full": 3, "short": 0, "steps": 1}]
    recipe["loss"] = {"facl": 0.0}
    config = build(recipe)
    trainer = Trainer(config)
    trainer.network.rest_idle_adapters(tuple(modules))
    trainer.network.parts(tuple(modules))
    rows = [trainer.encoder.full(record, steered=False) for record in trainer.data.full[:3]]
    batch = collate(rows, trainer.encoder.prompt.end_id)
    vision = trainer.data.vision(trainer.data.full[:3], np.random.default_rng(0))
    fixed = {t.untyped_storage().data_ptr() for t in (*trainer.network.parameters(), *trainer.network.buffers())}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in fixed:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        trainer.network.train()(batch, vision, "full")
    counted = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    one = MicroBatch(3, batch.ids.shape[1], sum(sum(row.supervised) for row in rows) / 3, full=True)
    estimated = kept_bytes(config, modules, trainer.network.llava, one)
    gradients = 2 * 4 * 3 * one.learnt * len(trainer.tokenizer)  # of logits and logarithms: not there yet
    assert estimated - gradients == pytest.approx(counted, rel=0.05)


def test_a_longest_row_is_expected_where_many_are_drawn(recipe: dict[str, Any]) -> None:
    recipe["stages"] = [{"name": "joint", "task": "joint", "full": 1, "short": 0, "steps": 1}]
    config = build(recipe)
    materials = gather(config)
    for number, record in enumerate(materials.data.full):
        materials.data.full[number] = replace(record, reasoning="Much red. " * (1 + number))
    many = replace(config.stages[0], steps=100)
    [few], [all_] = (micro_batches(stage, materials) for stage in (config.stages[0], many))
    lengths = sorted(len(materials.encoder.full(record, steered=False).ids) for record in materials.data.full)
    assert all_.length == lengths[-1] > few.length
    assert few.length == lengths[len(lengths) // 2]


@pytest.mark.parametrize(
    ("section", "change", "larger"),
    [
        ("lora", {"dropout": 0.0}, False),
        ("run", {"gradient_checkpointing": True}, False),
        ("mapper", {"locate": "predicted"}, True),
        ("stage", {"full": 8}, True),
    ],
)
def test_what_needs_more_and_what_less(
    recipe: dict[str, Any], section: str, change: dict[str, Any], larger: bool
) -> None:
    before = estimated(recipe).activations
    tables = recipe | {"lora": recipe["model"]["lora"], "stage": recipe["stages"][1]}
    tables[section].update(change)
    after = estimated(recipe).activations
    assert (after > before) is larger
    assert after != before


def test_the_sentence_adds_up_and_a_small_machine_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    found = memory.MemoryEstimate(2**30, 2**30, 2**30, 2**31)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "about 5.0 GiB" in found.sentence()

    class Machine:
        available = 5 * 2**30

    monkeypatch.setattr("psutil.virtual_memory", lambda: Machine)
    assert found.warning() == ""
    Machine.available = 3 * 2**30
    assert "only 3.0 GiB" in found.warning()
    assert "accumulate" in found.warning()
