"""The closed-form start from captions: rare shared words count, and the projector then points at them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fakescan.model.build import load_base
from fakescan.model.images import Preprocessing
from fakescan_trainer.config import StageConfig
from fakescan_trainer.data.features import extend_cache
from fakescan_trainer.loading import contradictions
from fakescan_trainer.loop import Trainer
from fakescan_trainer.words import caption_features, fit_words, word_targets
from tests.trainer.conftest import build


def test_targets_leave_out_what_is_everywhere_and_what_is_nearly_nowhere() -> None:
    embeddings = 3 * torch.eye(6)
    captions = [[0, 1, 1], [0, 1], [0, 1], [0, 2], [0, 2], [0, 2], [0, 3], [0], [0], [0], [0], [0]]
    targets = word_targets(captions, embeddings)
    # token 0 is in every caption, token 3 in one: neither counts; 1 and 2 in three of twelve, twice in a caption or not
    expected = torch.zeros(12, 6)
    expected[0:3, 1] = expected[3:6, 2] = float(np.log(12 / 3))
    assert torch.allclose(targets, expected - expected.mean(0), atol=1e-6)


def test_ridge_recovers_a_linear_map_and_shrinks_with_its_penalty() -> None:
    generator = torch.Generator().manual_seed(0)
    features, true = torch.randn(200, 8, generator=generator), torch.randn(8, 3, generator=generator)
    found = fit_words(features, features @ true, 1e-6)
    assert torch.allclose(found, true, atol=1e-3)
    assert float(fit_words(features, features @ true, 100.0).norm()) < 0.5 * float(true.norm())


def test_projector_gives_what_the_regression_predicts_and_leaves_the_probe_its_units(
    tiny_base: Path, mmfr: Path, recipe: dict[str, Any], tmp_path: Path
) -> None:
    rows = json.loads((mmfr / "captions.json").read_text("utf-8"))
    for number, row in enumerate(rows):  # two words, each in four captions of eight: below the share of "everywhere"
        row["conversations"][1]["value"] = "red" if number % 2 else "blue"
    table = json.loads((mmfr / "forgery_reasoning_cot.json").read_text("utf-8"))
    extra = [{**row, "conversations": [rows[0]["conversations"][0], {"from": "gpt", "value": f"number {n}"}]}
             for n, row in enumerate(table[8:])]  # fmt: skip
    (mmfr / "words.json").write_text(json.dumps(rows + extra), "utf-8")
    model = load_base(tiny_base, projector_pooling=2)
    prep = Preprocessing(model.config.vision_config.image_size, ("square",))
    names = [row["image"] for name in ("forgery_reasoning_cot", "validation")
             for row in json.loads((mmfr / f"{name}.json").read_text("utf-8"))]  # fmt: skip
    list(extend_cache(tmp_path / "cache", model, prep, mmfr, [(name, 0) for name in names]))
    base = build(recipe)
    config = replace(
        base,
        data=replace(base.data, features=(str(tmp_path / "cache"),), variants=(0,), captions=("words.json",)),
        stages=(StageConfig("words", "words", weight_decay=0.01),),
        run=replace(base.run, out=str(tmp_path / "run")),
    )
    assert contradictions(config) == []
    trainer = Trainer(config)
    projector = trainer.network.llava.model.multi_modal_projector
    before = projector.linear_1.weight[:2].clone()
    trainer.run()
    assert torch.equal(projector.linear_1.weight[:2], before)
    records = trainer.data.captions
    classes, _ = caption_features(projector, trainer.data, records, np.random.default_rng(0))
    with torch.no_grad():
        vision = trainer.data.vision(records, np.random.default_rng(0))
        projector.linear_2.weight[:, :2] = 0.0  # the probe's units, still at random here
        tokens = projector(vision.flatten(0, 1))[:, 0]
    words = {text: trainer.tokenizer.encode(" " + text, add_special_tokens=False) for text in ("red", "blue")}
    embeddings = trainer.network.llava.get_input_embeddings().weight.detach()
    only = {text: [i for i in ids if i not in words["blue" if text == "red" else "red"]] for text, ids in words.items()}
    direction = embeddings[only["red"]].mean(0) - embeddings[only["blue"]].mean(0)
    along = tokens @ direction
    red = torch.tensor([record.caption == "red" for record in records])
    blue = torch.tensor([record.caption == "blue" for record in records])
    assert float(along[red].mean()) > float(along[blue].mean())
    assert classes.shape[0] == len(records)


def test_words_need_a_penalty_and_a_cache(recipe: dict[str, Any]) -> None:
    config = replace(build(recipe), stages=(StageConfig("words", "words"),))
    faults = contradictions(config)
    assert any("features" in fault for fault in faults)
    assert any("penalty" in fault for fault in faults)


@pytest.mark.parametrize("views", [1, 2])
def test_caption_features_average_over_views(views: int) -> None:
    class Data:
        caption_views = views

        def vision(self, records: list[int], rng: object, views: int) -> torch.Tensor:
            rows = torch.arange(views * 3 * 2, dtype=torch.float32).reshape(1, views, 3, 2)
            return rows.repeat(len(records), 1, 1, 1)

    class Projector:
        feature_mean = torch.zeros(2, 2)

        def standardised(self, pooled: torch.Tensor) -> torch.Tensor:
            return pooled

    classes, patches = caption_features(Projector(), Data(), [0, 1], np.random.default_rng(0))  # type: ignore[arg-type, list-item]
    rows = torch.arange(views * 3 * 2, dtype=torch.float32).reshape(views, 3, 2)
    assert torch.allclose(classes[0], rows[:, 0].mean(0))
    assert torch.allclose(patches[1], rows[:, 1:].mean((0, 1)))
