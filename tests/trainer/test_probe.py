"""The linear probe: out-of-fold probabilities know nothing of their own group, and reach the rows that aim at them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fakescan.core.answer import short_answer
from fakescan.core.records import Label
from fakescan.model.build import load_base
from fakescan.model.images import Preprocessing
from fakescan.model.prompt import QUESTION
from fakescan_trainer.closed_form import LEAST_AUC
from fakescan_trainer.config import DataConfig, StageConfig
from fakescan_trainer.data.features import extend_cache
from fakescan_trainer.data.mmfr import Record
from fakescan_trainer.encode import collate
from fakescan_trainer.evaluate.detection import auc
from fakescan_trainer.loading import contradictions
from fakescan_trainer.loop import Trainer
from fakescan_trainer.out_of_fold import FeatureShift, OutOfFold, shift_between
from fakescan_trainer.probe import deal, fit_probe, out_of_fold
from fakescan_trainer.watch import TrainObserver
from tests.trainer.conftest import build, draw, record


def grouped(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
    """Forty images of eight groups: channel 0 carries the label, channel 1 the group alone."""
    generator = torch.Generator().manual_seed(seed)
    features = 0.1 * torch.randn(40, 6, generator=generator)
    labels = torch.tensor([float(number % 8 in (0, 3, 5, 6)) for number in range(40)])
    groups = [f"g{number % 8}" for number in range(40)]
    features[:, 0] += 2 * labels - 1
    for number in range(40):
        features[number, 1] += 0.2 * (number % 8 - 3.5)
    return features, labels, groups


def test_out_of_fold_probabilities_order_the_labels_and_are_calibrated_as_a_whole() -> None:
    features, labels, groups = grouped()
    _, p = out_of_fold(features, labels, torch.full((40,), 1 / 40), groups, 0.01, folds=4)
    assert bool(((p > 0) & (p < 1)).all())
    assert float(p[labels == 1].min()) > float(p[labels == 0].max())
    assert float(p.mean()) == pytest.approx(0.5, abs=0.05)


def test_out_of_fold_probability_of_a_group_does_not_depend_on_its_own_labels() -> None:
    """A wrongly labelled group would be fitted by a probe that sees it; out of fold it is called what it looks like."""
    features, labels, groups = grouped()
    wrong = labels.clone()
    odd = torch.tensor([group == "g3" for group in groups])
    wrong[odd] = 0.0
    features[odd, 2] = 5.0  # a channel by which a probe that saw this group could learn its label
    _, p = out_of_fold(features, wrong, torch.full((40,), 1 / 40), groups, 0.001, folds=4)
    assert float(p[odd].min()) > 0.5


def test_a_label_of_one_source_is_dealt_by_image_and_not_called_the_other_label() -> None:
    features, labels, _ = grouped()
    groups = ["studio" if label else f"camera{number % 4}" for number, label in enumerate(labels.tolist())]
    parts = deal(groups, labels, 5)
    for number in range(5):
        left = parts != number
        assert set(labels[left].tolist()) == {0.0, 1.0}
    cameras: dict[str, set[int]] = {group: set() for group in groups}
    for group, part in zip(groups, parts.tolist(), strict=True):
        cameras[group].add(part)
    assert len(cameras.pop("studio")) == 5
    assert all(len(found) == 1 for found in cameras.values())
    logits, p = out_of_fold(features, labels, torch.full((40,), 1 / 40), groups, 0.01)
    assert float(logits[labels == 1].min()) > float(logits[labels == 0].max())
    assert float(p[labels == 1].min()) > 0.5 > float(p[labels == 0].max())


def test_an_order_that_is_upside_down_gives_no_targets() -> None:
    """Two sources a label, and what tells the labels apart in one is turned round in the other."""
    labels = torch.tensor([float(number % 2) for number in range(24)])
    groups = [f"s{number // 12}" for number in range(24)]
    features = (2 * labels - 1)[:, None].repeat(1, 3)
    features[12:] *= -1
    features += 0.01 * torch.randn(24, 3, generator=torch.Generator().manual_seed(0))
    logits, p = out_of_fold(features, labels, torch.full((24,), 1 / 24), groups, 0.01)
    assert float(logits[labels == 1].max()) < float(logits[labels == 0].min())
    assert p.tolist() == pytest.approx([0.5] * 24)


def test_one_image_of_a_label_has_no_opinion_out_of_fold() -> None:
    features, labels, groups = grouped()
    kept = (labels == 0) | (torch.arange(40) == 0)
    logits, _ = out_of_fold(
        features[kept],
        labels[kept],
        torch.full((21,), 1 / 21),
        [g for g, k in zip(groups, kept, strict=True) if k],
        0.01,
    )
    assert float(logits[labels[kept] == 1]) == 0.0


@pytest.mark.parametrize("turned", [False, True])
def test_the_language_model_is_never_shown_logits_that_are_upside_down(
    turned: bool, tiny_base: Path, tmp_path: Path, recipe: dict[str, Any]
) -> None:
    """Two sources a label whose colours are swapped: by source the probe is wrong, so folds are by image, or none."""
    rows = []
    for number in range(32):
        fake, second = number % 2 == 1, number >= 16
        draw(tmp_path / "tree" / f"{number}.png", number, fake=fake != (turned and second))
        answer = short_answer(Label.FAKE if fake else Label.REAL)
        rows.append(record(f"{number}.png", QUESTION, answer, f"{'b' if second else 'a'}"))
    (tmp_path / "tree" / "train.json").write_text(json.dumps(rows), "utf-8")
    config = build(recipe)
    config = replace(
        config,
        model=replace(config.model, projector_pooling=2, views=("square",)),
        data=DataConfig(
            root=str(tmp_path / "tree"), train=("train.json",), features=(str(tmp_path / "f"),), fill=True,
            out_of_fold=True, balance=True,
        ),
        stages=(StageConfig("probe", "probe", weight_decay=0.1),),
        run=replace(config.run, out=str(tmp_path / "run")),
    )  # fmt: skip
    assert contradictions(config) == []
    said: list[str] = []
    trainer = Trainer(config, Told(said))
    trainer.run()
    assert len(said) == 1
    assert ("warning" in said[0]) is turned
    logits = np.array([trainer.unseen.p_fake[r.image] for r in trainer.data.labelled])
    labels = np.array([float(r.label is Label.FAKE) for r in trainer.data.labelled])
    shown = trainer.data.shift is not None
    assert shown or turned
    assert not shown or auc(labels, logits) >= LEAST_AUC


class Told(TrainObserver):
    """Keeps what was said."""

    def __init__(self, said: list[str]) -> None:
        self.said = said

    def message(self, text: str) -> None:
        self.said.append(text)


def test_soft_targets_reach_the_mapper_s_rows_and_a_resumed_run(
    tiny_base: Path, mmfr: Path, recipe: dict[str, Any], tmp_path: Path
) -> None:
    pooled = load_base(tiny_base, projector_pooling=2)
    prep = Preprocessing(pooled.config.vision_config.image_size, ("square",))
    names = [row["image"] for name in ("forgery_reasoning_cot", "validation", "captions")
             for row in json.loads((mmfr / f"{name}.json").read_text("utf-8"))]  # fmt: skip
    list(extend_cache(tmp_path / "cache", pooled, prep, mmfr, [(name, 0) for name in names]))
    config = build(recipe)
    soft = replace(
        config,
        model=replace(config.model, projector_pooling=2, views=("square",)),
        data=replace(config.data, features=(str(tmp_path / "cache"),), variants=(0,), out_of_fold=True),
        loss=replace(config.loss, soft_targets=0.5),
        stages=(
            StageConfig("probe", "probe", weight_decay=0.1),
            StageConfig("joint", "joint", steps=1, full=1, short=4, read=1.0),
        ),
        run=replace(config.run, out=str(tmp_path / "run")),
    )
    assert contradictions(soft) == []
    trainer = Trainer(soft)
    trainer.run()
    saved = json.loads((tmp_path / "run" / "out_of_fold.json").read_text("utf-8"))["p_fake"]
    assert set(saved) == {record.image for record in trainer.data.labelled}
    first = trainer.data.labelled[0]
    label = float(first.label == "fake")
    row = trainer.encoder.short(first, trainer.unseen.aim(first))
    assert collate([row], 0).aim.tolist() == pytest.approx([0.5 * label + 0.5 * saved[first.image]])
    again = Trainer(soft)
    again.run(resume=True)
    assert again.data.shift is not None
    assert trainer.data.shift is not None
    assert again.data.shift.steps == pytest.approx(trainer.data.shift.steps)
    assert again.data.shift.logits == pytest.approx(trainer.data.shift.logits)
    assert again.unseen.p_fake == saved


def test_shifted_features_have_the_logit_out_of_fold_and_change_nowhere_else() -> None:
    features, labels, groups = grouped()
    weights = torch.full((40,), 1 / 40)
    mean, std = torch.randn(6), torch.rand(6) + 0.5
    weight, bias = fit_probe(features, labels, weights, 0.001)
    seen = features @ weight + bias
    unseen, _ = out_of_fold(features, labels, weights, groups, 0.001, folds=4)
    records = [
        Record(f"{number}.png", Label.FAKE if label else Label.REAL, "", "", "s") for number, label in enumerate(labels)
    ]
    shift = shift_between(records, seen, unseen, weight, std)
    cached = torch.randn(2, 3, 6)
    for number, one in enumerate(records):
        cached[:, 0] = features[number] * std + mean
        moved = shift.apply(one, cached)
        logits = (moved[:, 0] - mean) / std @ weight + bias
        assert logits.tolist() == pytest.approx([float(unseen[number])] * 2, abs=1e-4)
        assert torch.equal(moved[:, 1:], cached[:, 1:])
    assert shift.apply(Record("other.png", Label.FAKE, "", "", "s"), cached) is cached


def test_an_exchanged_image_has_the_logit_label_and_aim_of_the_other(tmp_path: Path) -> None:
    direction = torch.tensor([0.5, 0.0])
    shift = FeatureShift(direction, {"a.png": 1.0, "b.png": -2.0}, {"a.png": 3.0, "b.png": -4.0})
    unseen = OutOfFold(0.5, tmp_path, {"a.png": 0.9, "b.png": 0.2}, shift)
    one = Record("a.png", Label.FAKE, "a cat", "soft fur", "s")
    other = Record("b.png", Label.REAL, "a dog", "sharp fur", "s")
    changed = unseen.exchange(one, other)
    assert (changed.image, changed.label, changed.reasoning) == ("a.png", Label.REAL, "")
    assert unseen.aim(changed) == pytest.approx(0.5 * 0 + 0.5 * 0.2)
    features = torch.zeros(1, 2, 2)
    # what "a" was seen with is 3 - 1 = 2; the step to -4 is -6
    assert shift.apply(changed, features)[0, 0].tolist() == [-3.0, 0.0]
    assert unseen.exchange(one, Record("unknown.png", Label.REAL, "", "", "s")) is one


def test_reading_exchanged_logits_needs_a_probe_before(recipe: dict[str, Any]) -> None:
    config = build(recipe)
    stages = (StageConfig("read", "joint", full=0, short=4, read=1.0), StageConfig("probe", "probe"))
    wanted = replace(config, stages=stages, data=replace(config.data, out_of_fold=True))
    assert any("read needs" in fault for fault in contradictions(wanted))
    many = replace(wanted, stages=(stages[1], replace(stages[0], read=2.0)))
    assert any("read is a share" in fault for fault in contradictions(many))


def test_soft_targets_without_a_probe_are_refused(recipe: dict[str, Any]) -> None:
    config = build(recipe)
    faults = contradictions(
        replace(config, loss=replace(config.loss, soft_targets=0.5), data=replace(config.data, out_of_fold=True))
    )
    assert any("soft_targets" in fault for fault in faults)
    assert any("data.out_of_fold" in fault for fault in faults)
