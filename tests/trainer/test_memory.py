"""The memory estimate: each part against numbers worked by hand, and what makes it grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fakescan_trainer import memory
from fakescan_trainer.loop import Trainer
from fakescan_trainer.materials import gather
from tests.trainer.conftest import build


def estimated(table: dict[str, Any]) -> memory.MemoryEstimate:
    config = build(table)
    return memory.estimate(config, gather(config))


def test_weights_and_moments_are_those_of_the_network_that_is_trained(recipe: dict[str, Any]) -> None:
    found = estimated(recipe)
    trainer = Trainer(build(recipe))
    scalars = 2  # tau and the contrastive temperature
    everything = sum(p.numel() for p in trainer.network.parameters())
    groups = trainer.network.parts(("projector", "language"))
    trained = sum(p.numel() for parameters in groups.values() for p in parameters)
    assert found.weights == 4 * (everything - scalars)
    assert found.trained == 12 * (trained - scalars)


def test_one_layer_by_hand(recipe: dict[str, Any], mmfr: Path) -> None:
    """Width 32, MLP 64, two layers; with adapters and without dropout 9 widths and 4 MLP widths a token and layer."""
    recipe["model"]["lora"]["dropout"] = 0.0
    recipe["stages"] = [{"name": "joint", "task": "joint", "full": 0, "short": 3, "steps": 1}]
    config = build(recipe)
    materials = gather(config)
    row = materials.encoder.short(materials.data.labelled[0])
    layers = 3 * len(row.ids) * 2 * (9 * 32 + 4 * 64)
    logits = 4 * 3 * sum(row.supervised) * len(materials.tokenizer)
    assert memory.estimate(config, materials).activations == 4 * (layers + logits)


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
    assert f"about {1 + 4 * memory.ALLOCATOR_SHARE:.1f} GiB" in found.sentence()

    class Machine:
        available = 6 * 2**30

    monkeypatch.setattr("psutil.virtual_memory", lambda: Machine)
    assert found.warning() == ""
    Machine.available = 4 * 2**30
    assert "only 4.0 GiB" in found.warning()
    assert "accumulate" in found.warning()
