"""Stages without steps: regressions on the words of captions, or on the label, that are written into the projector."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch

from fakescan.errors import ConfigError, DataError
from fakescan.model.mapper import Anchors
from fakescan.model.projector import PooledProjector
from fakescan.model.prompt import Tokenizer
from fakescan_trainer import kernel, probe, words
from fakescan_trainer.config import StageConfig, TrainConfig
from fakescan_trainer.data.source import TrainingData
from fakescan_trainer.evaluate.detection import auc
from fakescan_trainer.network import ForensicNetwork
from fakescan_trainer.out_of_fold import OutOfFold, shift_between
from fakescan_trainer.sampling import source_weights

LEAST_AUC = 0.6
"""Of out-of-fold logits that training images are shown with. Below it the language model would learn that the probe
is wrong, and turn it round: with few sources the order of those held out is often upside down."""
FOLDS = 5
"""Parts that the training sources are dealt to, out of fold."""
LINEAR_PENALTY = 0.03
"""Of the linear probe whose logits the kernel's are spread like: that of the recipes in which the language model learns
to read one."""
LEAST_LIKENESS = 0.95
"""Correlation of the small network's values with the kernel machine's, on held-out images where there are any, below
which whoever trains is told."""
POOR_AUC = 0.75
"""Below it whoever trains is told."""


def run_closed_form(
    stage: StageConfig,
    config: TrainConfig,
    network: ForensicNetwork,
    tokenizer: Tokenizer,
    data: TrainingData,
    unseen: OutOfFold,
) -> dict[str, float]:
    """Do one stage, in place.

    Returns:
        Figures for the log.

    Raises:
        ConfigError: the projector does not pool.
        DataError: there is nothing to fit on.
    """
    projector = network.llava.model.multi_modal_projector
    if not isinstance(projector, PooledProjector):
        raise ConfigError([f"stages: {stage.name} needs model.projector_pooling above 1"], "remove the stage")
    if stage.task == "words":
        if not data.captions:
            raise DataError(f"stage {stage.name} wants captions and there are none", "check data.captions")
        return words.start_from_words(network.llava, tokenizer, data, stage.weight_decay, config.run.seed)
    if stage.task == "kernel":
        return _kernel(stage, config, network, projector, data)
    return _probe(stage, config, network, projector, network.anchors, data, unseen)


def _probe(
    stage: StageConfig,
    config: TrainConfig,
    network: ForensicNetwork,
    projector: PooledProjector,
    anchors: Anchors,
    data: TrainingData,
    unseen: OutOfFold,
) -> dict[str, float]:
    """Fit the probe on every labelled training image, write it into the projector, keep what others say out of fold."""
    records = data.labelled
    tokens = probe.class_tokens(projector, data, records, np.random.default_rng(config.run.seed))
    labels = torch.tensor([float(record.label == "fake") for record in records])
    weights = torch.from_numpy(source_weights(records)).float()
    weight, bias = probe.fit_probe(tokens, labels, weights, stage.weight_decay)
    probe.start_from_probe(network.llava, anchors, weight.to(tokens), bias.to(tokens))
    figures = {"probe_logit_spread": float((tokens @ weight).std())}
    if unseen.share or config.data.out_of_fold:
        sources, images = [record.source for record in records], [record.image for record in records]
        logits, p_fake = probe.out_of_fold(tokens, labels, weights, sources, stage.weight_decay)
        order = figures["out_of_fold_auc"] = _order(labels, logits)
        if not order >= LEAST_AUC:
            logits, p_fake = probe.out_of_fold(tokens, labels, weights, images, stage.weight_decay)
            order = figures["out_of_fold_by_image_auc"] = _order(labels, logits)
        shift = None
        if config.data.out_of_fold and order >= LEAST_AUC:
            shift = shift_between(records, tokens @ weight + bias, logits, weight, projector.feature_std[0])
        unseen.keep({r.image: round(float(p), 6) for r, p in zip(records, p_fake, strict=True)}, shift)
        data.shift = shift
        figures["out_of_fold_logit_spread"] = float(logits.std())
    return figures


def _kernel(
    stage: StageConfig, config: TrainConfig, network: ForensicNetwork, projector: PooledProjector, data: TrainingData
) -> dict[str, float]:
    """Fit the kernel machine on every variant of every labelled training image, and put what learnt from it in place.

    Where it ranks sources that it has not seen hardly better than chance, everything stays as it was (``remark``).

    Raises:
        DataError: there are not images of both labels.
    """
    records = data.labelled
    if len({record.label for record in records}) < 2:
        raise DataError(f"stage {stage.name} wants images of both labels", "check data.train and data.features")
    tokens, owners = kernel.all_class_tokens(projector, data, records)
    marks = torch.tensor([float(record.label == "fake") for record in records])
    folds = probe.deal([record.source for record in records], marks, FOLDS)[owners]
    labels = marks[owners]
    weights = torch.from_numpy(source_weights([records[owner] for owner in owners])).float()
    form = (stage.weight_decay, stage.gamma, stage.components)
    scores = kernel.out_of_fold(tokens, labels, weights, folds, *form)
    figures = {"kernel_images": float(len(records)), "out_of_fold_auc": _order(labels, scores), "kernel_taken": 0.0}
    if not figures["out_of_fold_auc"] >= LEAST_AUC:
        return figures
    once = [row for row, owner in enumerate(owners) if not row or owner != owners[row - 1]]  # one row a picture
    sources = [record.source for record in records]
    lines, _ = probe.out_of_fold(tokens[once], marks, weights[once], sources, LINEAR_PENALTY, FOLDS)
    factor, shift = kernel.as_read(scores, weights, lines, weights[once])
    teacher = kernel.fit_kernel(tokens, labels, weights, *form)
    pupil = kernel.distil(teacher, weights, config.model.projector_probe_units, config.run.seed, stage.steps)
    asked = kernel.all_class_tokens(projector, data, data.validation)[0] if data.validation else tokens
    figures["kernel_likeness"] = float(torch.corrcoef(torch.stack([pupil.logit(asked), teacher(asked)]))[0, 1])
    kernel.rescale(pupil, factor, shift)
    kernel.write_probe(network.llava, network.anchors, pupil)
    data.shift = None  # it followed the linear probe, which is gone
    return figures | {"kernel_taken": 1.0, "kernel_factor": factor, "kernel_shift": shift}


def _order(labels: torch.Tensor, logits: torch.Tensor) -> float:
    return auc(labels.double().numpy(), logits.double().numpy())


def remark(figures: Mapping[str, float]) -> str:
    """What whoever trains should know of a stage's figures; empty when nothing."""
    order = figures.get("out_of_fold_auc", math.nan)
    if math.isnan(order):
        return ""
    told = f"detectors rank images of sources that they had not seen with an AUC of {order:.2f} (0.5 is chance)"
    more = "add sources of both labels that show the same things; more steps do not mend it"
    if figures.get("kernel_taken") == 0:
        return f"warning: kernel {told}: the detector that was there stays; {more}"
    if figures.get("kernel_likeness", 1.0) < LEAST_LIKENESS:
        likeness = figures["kernel_likeness"]
        return f"warning: {told}, but the small network's values correlate with theirs by {likeness:.2f} only"
    return told if order >= POOR_AUC else f"warning: {told}: {more}"
