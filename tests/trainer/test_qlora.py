"""A quantised base: what is refused, and, where bitsandbytes is installed, that it trains and exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fakescan.errors import ConfigError
from fakescan.model.build import load_base
from fakescan.model.checkpoints.ours import load_checkpoint
from fakescan_trainer import loading, qlora
from fakescan_trainer.config import TrainConfig
from fakescan_trainer.loop import Trainer, train
from fakescan_trainer.watch import TrainObserver
from tests.trainer.conftest import build


def test_another_device_is_refused() -> None:
    with pytest.raises(ConfigError, match="graphics card or the CPU"):
        qlora.refuse_quantised("4bit", torch.device("mps"))


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


@pytest.mark.parametrize(
    ("bits", "kind", "stored"), [("4bit", "Linear4bit", "uint8"), ("8bit", "Linear8bitLt", "int8")]
)
@pytest.mark.filterwarnings("ignore")
def test_a_quantised_base_trains_like_the_whole_one_and_its_adapters_fit_that(
    recipe: dict[str, Any], tmp_path: Path, bits: str, kind: str, stored: str
) -> None:
    """bitsandbytes has such layers for CPUs as well, slow ones: enough to see that everything fits together."""
    bitsandbytes = pytest.importorskip("bitsandbytes")
    recipe["model"]["lora"]["dropout"] = 0.0
    recipe["run"] |= {"eval_every": 2, "save_every": 0}  # looked at between steps, and trained on after that
    recipe["stages"] = [{"name": "joint", "task": "joint", "full": 2, "short": 2, "steps": 4, "lr": 1e-3}]
    whole = train(build(recipe))
    recipe["model"]["quantise"] = bits
    recipe["run"]["out"] = str(tmp_path / bits)
    trainer = Trainer(build(recipe))
    layer = getattr(bitsandbytes.nn, kind)
    layers = [module for module in trainer.network.modules() if isinstance(module, layer)]
    assert len(layers) == 2 * 7
    assert all(module.weight.dtype == getattr(torch, stored) for module in layers)
    assert not any(isinstance(module, layer) for module in trainer.network.llava.model.vision_tower.modules())
    report = trainer.run()
    np.testing.assert_allclose(report.losses, whole.losses, rtol=0.05)
    assert report.losses != whole.losses
    plain = load_base(recipe["model"]["base"], projector_pooling=2)
    name = "model.language_model.layers.0.self_attn.q_proj.weight"
    adapted = load_checkpoint(report.folder).llava.state_dict()[name]
    assert adapted.shape == plain.state_dict()[name].shape
    assert not torch.equal(adapted, plain.state_dict()[name])


@pytest.mark.parametrize("bits", ["4bit", "8bit"])
@pytest.mark.filterwarnings("ignore")
def test_a_quantised_run_goes_on_where_it_stopped(recipe: dict[str, Any], tmp_path: Path, bits: str) -> None:
    pytest.importorskip("bitsandbytes")
    recipe["model"] |= {"quantise": bits}
    recipe["model"]["lora"]["dropout"] = 0.0
    recipe["run"]["gradient_checkpointing"] = True
    recipe["stages"] = [{"name": "joint", "task": "joint", "full": 2, "short": 2, "steps": 4, "lr": 1e-3}]
    whole = train(build(recipe))
    recipe["run"] |= {"out": str(tmp_path / "parts"), "save_every": 1}

    class Stopping(TrainObserver):
        def stop_wanted(self) -> bool:
            return True

    with pytest.raises(KeyboardInterrupt):
        train(build(recipe), watch=Stopping())
    rest = train(build(recipe), resume=True)
    np.testing.assert_allclose(rest.losses, whole.losses[1:], rtol=1e-5)
