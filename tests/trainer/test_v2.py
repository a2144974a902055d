"""The authors' v2 in training: adapters, both projectors and the fusion learn; what is exported is what was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fakescan.core.records import Prediction
from fakescan.engines.device import choose_placement
from fakescan.engines.plain import EngineOptions, PlainEngine
from fakescan.model.build import load_base
from fakescan.model.checkpoints.foreign import Places
from fakescan.model.checkpoints.importing import Wishes, import_model
from fakescan.model.checkpoints.ours import load_checkpoint
from fakescan_trainer.data.features import open_rgb
from fakescan_trainer.evaluate.validation import triage_scores
from fakescan_trainer.loop import Trainer
from fakescan_trainer.memory import estimate
from tests.support.foreign import all_weights, write_clip, write_original
from tests.trainer.conftest import build


class Picture:
    views = None

    def __init__(self, path: Path) -> None:
        self.image, self.sha256 = open_rgb(path), path.name


@pytest.fixture
def recipe_v2(recipe: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    write_clip(tmp_path / "clip")
    write_original(tmp_path / "mof", all_weights(dual=True, fused=False), dual=True)
    import_model(Places(tmp_path / "mof", clip=tmp_path / "clip"), tmp_path / "v2-base", Wishes(for_training=True))
    recipe["model"] |= {"base": str(tmp_path / "v2-base"), "template": "vicuna_v1", "views": ["pad"]}
    recipe["model"] |= {"projector_pooling": 1}
    recipe["loss"] = {"facl": 0.0}
    recipe["mapper"] = {"trainable": False, "locate": "predicted"}
    recipe["stages"] = [{"name": "joint", "task": "joint", "full": 4, "short": 4, "steps": 12, "lr": 1e-2}]
    return recipe


def test_v2_is_trained_and_scanned_with(recipe_v2: dict[str, Any], mmfr: Path, tmp_path: Path) -> None:
    trainer = Trainer(build(recipe_v2))
    before = {name: p.detach().clone() for name, p in trainer.network.named_parameters()}
    report = trainer.run()
    assert np.mean(report.losses[-3:]) < np.mean(report.losses[:3])
    changed = {name for name, p in trainer.network.named_parameters() if not torch.equal(before[name], p.detach())}
    for part in ("projector.clip.", "projector.dino.", "fusion.query", "fusion.bias_in", "fusion.norm_feed", "lora_B"):
        assert any(part in name for name in changed), part
    assert not any("vision_tower" in name or "embed_tokens" in name for name in changed)
    loaded = load_checkpoint(report.folder)  # the base's fusion is not trained, this one is
    engine = PlainEngine(loaded, choose_placement("cpu", "float32"), EngineOptions(batch_size=3))
    trainer.network.eval()
    held = trainer.data.validation
    scores = triage_scores(trainer.network, trainer.encoder, trainer.data, held, torch.device("cpu"))
    outcomes = engine.infer([Picture(mmfr / record.image) for record in held], reasoning=False)
    for score, outcome in zip(scores, outcomes, strict=True):
        assert isinstance(outcome, Prediction)
        assert outcome.before is not None
        assert outcome.before.fake - outcome.before.real == pytest.approx(score, abs=2e-2)  # exported in 16 bit


def test_v2_s_memory_is_counted(recipe_v2: dict[str, Any], tmp_path: Path) -> None:
    config = build(recipe_v2)
    trainer = Trainer(config)
    from fakescan_trainer.materials import gather

    weights = sum(p.numel() for p in load_base(tmp_path / "v2-base").parameters())
    adapters = sum(p.numel() for name, p in trainer.network.named_parameters() if "lora_" in name)
    assert estimate(config, gather(config)).weights == 4 * (weights + adapters)
