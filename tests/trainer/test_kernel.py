"""The kernel machine sees what no line divides, the small network has its values, and training goes on from both."""

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
from fakescan.errors import DataError, ModelError
from fakescan.model.build import load_base
from fakescan.model.checkpoints.ours import load_checkpoint
from fakescan.model.images import Preprocessing
from fakescan.model.projector import ClassTokenProbe, PooledProjector
from fakescan.model.prompt import QUESTION
from fakescan_trainer import kernel
from fakescan_trainer.config import StageConfig, TrainConfig
from fakescan_trainer.data.features import extend_cache
from fakescan_trainer.evaluate.detection import auc
from fakescan_trainer.loading import contradictions
from fakescan_trainer.loop import Trainer
from fakescan_trainer.probe import deal, fit_probe
from tests.trainer.conftest import build, draw, record
from tests.trainer.test_probe import Told

FORM = (0.03, 0.8, 4)


def crossed(count: int = 240, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Fakes in two opposite corners of channels 0 and 1, reals in the others; channels 2 and 3 are noise."""
    draw = torch.Generator().manual_seed(seed)
    corner = torch.arange(count) % 4
    features = 0.3 * torch.randn(count, 4, generator=draw)
    features[:, 0] += torch.tensor([1.0, -1.0, 1.0, -1.0])[corner]
    features[:, 1] += torch.tensor([1.0, -1.0, -1.0, 1.0])[corner]
    return features, (corner < 2).float(), torch.full((count,), 1 / count)


def order(labels: torch.Tensor, scores: torch.Tensor) -> float:
    return auc(labels.double().numpy(), scores.detach().double().numpy())


def test_it_tells_apart_what_no_line_divides_and_has_no_opinion_far_away() -> None:
    features, labels, weights = crossed()
    unseen, truth, _ = crossed(seed=1)
    line, bias = fit_probe(features, labels, weights, 0.001)
    machine = kernel.fit_kernel(features, labels, weights, *FORM)
    assert order(truth, unseen @ line + bias) < 0.7
    assert order(truth, machine(unseen)) > 0.99
    far = machine(torch.tensor([[30.0, 30.0, 0.0, 0.0]]))
    assert abs(float(far)) < 1e-3 < float(machine(features[:1])) - 0.5


def test_weights_count() -> None:
    """Where both labels lie on one place, the heavier one has its way."""
    features, labels = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.1]]), torch.tensor([1.0, 0, 0, 1.0])
    heavy = torch.tensor([0.7, 0.1, 0.1, 0.1])
    machine = kernel.fit_kernel(features, labels, heavy, 0.1, 0.8, 2)
    assert float(machine(features[:1])) > 0.3


@pytest.mark.parametrize("count", [3, 240])
def test_more_axes_than_there_are_change_nothing(count: int) -> None:
    """Fewer images than channels, and more: either Gram matrix, and the mean squared norm of the points is 1."""
    features, labels, _ = crossed(count)
    weights = torch.full((count,), 1 / count)
    machine = kernel.fit_kernel(features, labels, weights, 0.03, 0.8, 512)
    assert float(machine.points.square().sum(1).mean()) == pytest.approx(1, rel=1e-3)
    assert bool(machine(features).isfinite().all())


def test_out_of_fold_scores_do_not_depend_on_the_group_s_own_labels() -> None:
    features, labels, weights = crossed()
    groups = [f"{int(label)}{number // 4 % 5}" for number, label in enumerate(labels)]
    folds = deal(groups, labels, 5)
    scores = kernel.out_of_fold(features, labels, weights, folds, *FORM)
    assert order(labels, scores) > 0.98
    odd = torch.tensor([group == "03" for group in groups])
    wrong = labels.clone()
    wrong[odd] = 1.0
    again = kernel.out_of_fold(features, wrong, weights, folds, *FORM)
    assert float(again[odd].max()) < 0.3  # called what they look like


def test_the_small_network_has_the_machine_s_values_and_its_seed_fixes_it() -> None:
    features, labels, weights = crossed()
    machine = kernel.fit_kernel(features, labels, weights, *FORM)
    pupil = kernel.distil(machine, weights, 32, seed=3, steps=1500)
    unseen, _, _ = crossed(seed=2)
    assert float(torch.corrcoef(torch.stack([pupil.logit(unseen), machine(unseen)]))[0, 1]) > 0.96
    again = kernel.distil(machine, weights, 32, seed=3, steps=1500)
    assert all(torch.equal(a, b) for a, b in zip(pupil.parameters(), again.parameters(), strict=True))


def test_the_small_network_is_nowhere_surer_than_the_machine_on_its_own_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Told of points farther out it grows less, and it stops at the surest training point."""
    features, labels, weights = crossed()
    machine = kernel.fit_kernel(features, labels, weights, *FORM)
    surest = float(machine(features).abs().max())
    unseen, _, _ = crossed(seed=2)
    grown = {}
    for share in (0.0, 0.3):
        monkeypatch.setattr(kernel, "FAR_SHARE", share)
        pupil = kernel.distil(machine, weights, 64, seed=0, steps=1000)
        assert float(pupil.logit(10 * unseen).abs().max()) == pytest.approx(surest, rel=1e-5)
        pupil.bounds.copy_(torch.tensor([-1e4, 1e4]))
        grown[share] = float(pupil.logit(2 * unseen).abs().mean())
    assert grown[0.3] < 0.8 * grown[0.0]
    kernel.rescale(pupil, 3.0, -1.0)
    assert pupil.bounds.tolist() == [-30_001.0, 29_999.0]


def test_unseen_images_do_not_hang_on_axes_of_rounding() -> None:
    """Repeated images and fewer images than channels leave axes that hold nothing but rounding."""
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(40, 300, generator=draw) * torch.linspace(3, 0.1, 300)
    features = torch.cat([features, features[:20]])
    labels, weights = (features[:, 0] > 0).float(), torch.full((60,), 1 / 60)
    unseen = torch.randn(80, 300, generator=draw) * torch.linspace(3, 0.1, 300)
    single = kernel.fit_kernel(features, labels, weights, 0.03, 0.4, 512)
    double = kernel.fit_kernel(features.double(), labels, weights, 0.03, 0.4, 512)
    exact = replace(double, coefficients=double.coefficients.double())
    assert single.points.shape == double.points.shape
    torch.testing.assert_close(single(unseen), exact(unseen.double()).float(), rtol=1e-2, atol=1e-3)


def test_scores_get_the_weighted_mean_and_deviation_of_the_logits() -> None:
    draw = torch.Generator().manual_seed(0)
    scores, weights = torch.randn(500, generator=draw) * 0.2 + 0.1, torch.rand(500, generator=draw)
    logits = torch.cat([torch.full((30,), -4.0), torch.full((10,), 8.0)])
    theirs = torch.cat([torch.full((30,), 1.0), torch.full((10,), 3.0)])  # mean 2, deviation 6
    factor, shift = kernel.as_read(scores, weights, logits, theirs)
    read, share = factor * scores + shift, weights / weights.sum()
    mean = float((share * read).sum())
    assert mean == pytest.approx(2.0, abs=1e-3)
    assert float((share * (read - mean).square()).sum()) == pytest.approx(36.0, rel=1e-3)
    probe = ClassTokenProbe(1, 1, 0).requires_grad_(False)
    before = float(probe.logit(torch.ones(1, 1)))
    kernel.rescale(probe, factor, shift)
    assert float(probe.logit(torch.ones(1, 1))) == pytest.approx(before * factor + shift, rel=1e-4)


def wanted(recipe: dict[str, Any], tmp_path: Path) -> TrainConfig:
    config = build(recipe)
    return replace(
        config,
        model=replace(config.model, projector_probe_units=8),
        data=replace(config.data, captions=(), features=(str(tmp_path / "features"),), fill=True, variants=(0,)),
        stages=(
            StageConfig("probe", "probe", weight_decay=0.1),
            StageConfig("read", "joint", steps=2, full=0, short=4, train=("language",)),
            StageConfig("kernel", "kernel", weight_decay=0.03, steps=200),
        ),
        run=replace(config.run, out=str(tmp_path / "first")),
    )


def test_a_run_puts_it_into_the_projector_and_another_goes_on_from_there(
    recipe: dict[str, Any], tmp_path: Path
) -> None:
    config = wanted(recipe, tmp_path)
    assert contradictions(config) == []
    trainer = Trainer(config)
    trainer.run()
    projector = trainer.network.llava.model.multi_modal_projector
    assert isinstance(projector, PooledProjector)
    tokens, owners = kernel.all_class_tokens(projector, trainer.data, trainer.data.labelled)
    assert owners == list(range(len(trainer.data.labelled)))
    labels = torch.tensor([float(record.label == "fake") for record in trainer.data.labelled])
    assert projector.probe is not None
    assert order(labels, projector.probe.logit(tokens)) == 1.0
    assert not projector.linear_1.weight[:2].any()  # the linear probe made room
    assert float(projector.probe.direction.norm()) > 0

    loaded = load_checkpoint(tmp_path / "first" / "checkpoint")
    assert loaded.info.projector_probe_units == 8
    stored = loaded.llava.model.multi_modal_projector
    torch.testing.assert_close(stored.probe.logit(tokens), projector.probe.logit(tokens), rtol=0.01, atol=0.01)

    onward = replace(
        config,
        model=replace(config.model, start=str(tmp_path / "first" / "checkpoint")),
        stages=(StageConfig("on", "joint", steps=1, full=0, short=4, lr=1e-9),),
        run=replace(config.run, out=str(tmp_path / "second")),
    )
    second = Trainer(onward)
    vision = trainer.data.vision(trainer.data.labelled[:4], np.random.default_rng(0))
    torch.testing.assert_close(second.network.embed(vision, 4), trainer.network.embed(vision, 4), rtol=0.02, atol=0.02)
    assert float(second.network.mapper.tau.detach()) == pytest.approx(
        float(trainer.network.mapper.tau.detach()), rel=1e-5
    )
    second.run()


def test_a_start_without_a_probe_gets_one_and_one_that_does_not_fit_is_refused(
    recipe: dict[str, Any], tmp_path: Path
) -> None:
    config = wanted(recipe, tmp_path)
    plain = replace(config, model=replace(config.model, projector_probe_units=0), stages=config.stages[:2])
    Trainer(plain).run()
    start = str(tmp_path / "first" / "checkpoint")
    assert load_checkpoint(Path(start)).info.projector_probe_units == 0
    added = replace(
        config, model=replace(config.model, start=start), stages=config.stages[2:],
        run=replace(config.run, out=str(tmp_path / "second")),
    )  # fmt: skip
    Trainer(added).run()
    assert load_checkpoint(tmp_path / "second" / "checkpoint").info.projector_probe_units == 8
    other = replace(added.model, lora=replace(added.model.lora, alpha=3.0))
    with pytest.raises(ModelError, match="rank 4 and alpha 8, the recipe says 4 and 3"):
        Trainer(replace(added, model=other))
    with pytest.raises(ModelError, match=r"holds no fakescan\.json"):
        Trainer(replace(added, model=replace(added.model, start=str(tmp_path))))


def test_a_kernel_stage_needs_units_features_and_a_penalty(recipe: dict[str, Any]) -> None:
    config = build(recipe)
    faults = contradictions(replace(config, stages=(StageConfig("kernel", "kernel", gamma=0.0),)))
    for told in ("projector_probe_units above 0", "needs data.features", "penalty", "gamma"):
        assert any(told in fault for fault in faults), told
    unpooled = replace(config.model, projector_pooling=1, projector_probe_units=4)
    assert any("projector_pooling above 1" in f for f in contradictions(replace(config, model=unpooled)))


def test_a_new_probe_moves_nothing_and_a_filled_one_the_first_token_alone(tiny_base: Path) -> None:
    projector = load_base(tiny_base, projector_pooling=2, projector_probe_units=5).model.multi_modal_projector
    channels = projector.linear_1.in_features
    features = torch.randn(2, 1 + (projector.side // 2) ** 2, channels)
    with torch.no_grad():
        before = projector(features)
        probe, projector.probe = projector.probe, None
        assert torch.equal(projector(features), before)
        projector.probe = probe
        probe.direction[3] = 2.0
        moved = projector(features) - before
    assert torch.equal(moved[:, 1:], torch.zeros_like(moved[:, 1:]))
    torch.testing.assert_close(moved[:, 0, 3], 2 * probe.logit(features[:, 0]), rtol=1e-4, atol=1e-5)
    assert not moved[:, 0, :3].any()


def test_where_it_is_no_better_than_chance_the_detector_that_was_there_stays(
    recipe: dict[str, Any], tmp_path: Path
) -> None:
    """Two sources a label whose colours are swapped: out of fold the order is upside down."""
    rows = []
    for number in range(32):
        fake, second = number % 2 == 1, number >= 16
        draw(tmp_path / "tree" / f"{number}.png", number, fake=fake != second)
        answer = short_answer(Label.FAKE if fake else Label.REAL)
        rows.append(record(f"{number}.png", QUESTION, answer, f"{'b' if second else 'a'}"))
    (tmp_path / "tree" / "train.json").write_text(json.dumps(rows), "utf-8")
    (tmp_path / "tree" / "real.json").write_text(json.dumps(rows[::2]), "utf-8")
    config = wanted(recipe, tmp_path)
    config = replace(
        config,
        data=replace(config.data, root=str(tmp_path / "tree"), train=("train.json",), validation=()),
        stages=(config.stages[0], config.stages[2]),
    )
    said: list[str] = []
    trainer = Trainer(config, Told(said))
    trainer.run()
    assert "the detector that was there stays" in said[-1]
    projector = trainer.network.llava.model.multi_modal_projector
    assert projector.linear_1.weight[:2].any()
    assert not projector.probe.direction.any()
    lone = replace(config, data=replace(config.data, train=("real.json",)), stages=config.stages[1:])
    lone = replace(lone, model=replace(lone.model, start=str(tmp_path / "first" / "checkpoint")))
    with pytest.raises(DataError, match="images of both labels"):
        Trainer(replace(lone, run=replace(lone.run, out=str(tmp_path / "third")))).run()


def test_variants_of_a_picture_share_a_fold(recipe: dict[str, Any], tmp_path: Path) -> None:
    """One source a label, and labels that nothing tells: a picture's other variant would give its label away."""
    rows = []
    for number in range(60):
        draw(tmp_path / "tree" / f"{number}.png", number, fake=False)
        label = Label.FAKE if number % 2 else Label.REAL
        rows.append(record(f"{number}.png", QUESTION, short_answer(label), str(label)))
    (tmp_path / "tree" / "train.json").write_text(json.dumps(rows), "utf-8")
    base = load_base(recipe["model"]["base"], projector_pooling=2)
    prep = Preprocessing(base.config.vision_config.image_size, ("square",))
    names = [(row["image"], variant) for row in rows for variant in (1, 2)]
    list(extend_cache(tmp_path / "features", base, prep, tmp_path / "tree", names))
    config = wanted(recipe, tmp_path)
    data = replace(
        config.data, root=str(tmp_path / "tree"), train=("train.json",), validation=(), fill=False, variants=(1, 2)
    )
    said: list[str] = []
    trainer = Trainer(replace(config, data=data, stages=(config.stages[0], config.stages[2])), Told(said))
    projector = trainer.network.llava.model.multi_modal_projector
    tokens, owners = kernel.all_class_tokens(projector, trainer.data, trainer.data.labelled)
    assert owners == [number for number in range(60) for _ in range(2)]
    assert len(tokens) == 120
    trainer.run()
    figure = float(said[-1].partition("AUC of ")[2].split()[0])
    assert figure < 0.8
