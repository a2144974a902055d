"""A quantised base: what is refused, and, where bitsandbytes is installed, that it trains and exports."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from fakescan.errors import ConfigError
from fakescan.model.build import load_base
from fakescan.model.checkpoints.ours import load_checkpoint
from fakescan_trainer import loading, qlora
from fakescan_trainer.config import TrainConfig
from fakescan_trainer.loop import Trainer
from tests.trainer.conftest import build


def test_without_a_graphics_card_it_is_refused(recipe: dict[str, Any]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    recipe["model"]["quantise"] = "4bit"
    with pytest.raises(ConfigError, match="graphics card"):
        Trainer(build(recipe))


def test_without_bitsandbytes_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="bitsandbytes") as fault:
        qlora.refuse_quantised("8bit", torch.device("cuda"))
    assert "fakescan-forensics[qlora]" in str(fault.value.hint)


def test_without_adapters_it_makes_no_sense(recipe: dict[str, Any]) -> None:
    recipe["model"] |= {"quantise": "8bit", "lora": {"rank": 0}}
    faults: list[str] = []
    config: TrainConfig = loading.build(TrainConfig, recipe, "", faults)
    assert any("model.quantise" in fault for fault in loading.contradictions(config))


@pytest.mark.filterwarnings("ignore")
def test_a_base_in_four_bits_trains_and_its_adapters_fit_the_whole_one(
    recipe: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """bitsandbytes has 4-bit layers for CPUs as well, slow ones: enough to see that everything fits together."""
    bitsandbytes = pytest.importorskip("bitsandbytes")
    monkeypatch.setattr(qlora, "refuse_quantised", lambda bits, device: None)
    recipe["model"]["quantise"] = "4bit"
    recipe["stages"] = [{"name": "joint", "task": "joint", "full": 2, "short": 2, "steps": 6, "lr": 1e-2}]
    trainer = Trainer(build(recipe))
    layers = [m for m in trainer.network.modules() if isinstance(m, bitsandbytes.nn.Linear4bit)]
    assert len(layers) == 2 * 7
    assert all(layer.weight.dtype == torch.uint8 for layer in layers)
    assert not any(
        isinstance(m, bitsandbytes.nn.Linear4bit) for m in trainer.network.llava.model.vision_tower.modules()
    )
    report = trainer.run()
    assert np.isfinite(report.losses).all()
    assert report.losses[-1] < report.losses[0]
    loaded = load_checkpoint(report.folder)
    plain = load_base(recipe["model"]["base"], projector_pooling=2)
    name = "model.language_model.layers.0.self_attn.q_proj.weight"
    assert loaded.llava.state_dict()[name].shape == plain.state_dict()[name].shape
