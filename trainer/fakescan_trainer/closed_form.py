"""Stages without steps: the projector starts from a regression on the words of captions, or on the label."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from fakescan.errors import ConfigError, DataError
from fakescan.model.mapper import Anchors
from fakescan.model.projector import PooledProjector
from fakescan.model.prompt import Tokenizer
from fakescan_trainer import probe, words
from fakescan_trainer.config import StageConfig, TrainConfig
from fakescan_trainer.data.mmfr import Record
from fakescan_trainer.data.source import TrainingData
from fakescan_trainer.network import ForensicNetwork
from fakescan_trainer.places import is_first_process
from fakescan_trainer.sampling import source_weights

CLOSED_FORM = ("words", "probe")
"""Tasks of a stage that are done here."""
_SOFT_TARGETS = "soft_targets.json"


class SoftTargets:
    """What the mapper of short rows aims at: label and out-of-fold probability mixed, by image."""

    def __init__(self, share: float, out: Path) -> None:
        """Nothing is known yet.

        Args:
            share: of the probability; 0 for labels alone.
            out: the run's folder, where they are kept for a run that is resumed.
        """
        self.share = share
        self.p_fake: dict[str, float] = {}
        self._file = out / _SOFT_TARGETS

    def load(self) -> None:
        """Those of the run so far, if it has any."""
        if self._file.is_file():
            self.p_fake = json.loads(self._file.read_text("utf-8"))

    def keep(self, records: list[Record], p_fake: torch.Tensor) -> None:
        """Take (M,) probabilities of M records and write them to the run's folder."""
        self.p_fake = {record.image: round(float(p), 6) for record, p in zip(records, p_fake, strict=True)}
        if is_first_process():
            self._file.write_text(json.dumps(self.p_fake), "utf-8")

    def aim(self, record: Record) -> float | None:
        """P(fake) for the loss of a short row; None for the label."""
        if not self.share or record.image not in self.p_fake:
            return None
        return (1 - self.share) * float(record.label == "fake") + self.share * self.p_fake[record.image]


def run_closed_form(
    stage: StageConfig,
    config: TrainConfig,
    network: ForensicNetwork,
    tokenizer: Tokenizer,
    data: TrainingData,
    soft: SoftTargets,
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
    return _probe(stage, config, network, projector, network.anchors, data, soft)


def _probe(
    stage: StageConfig,
    config: TrainConfig,
    network: ForensicNetwork,
    projector: PooledProjector,
    anchors: Anchors,
    data: TrainingData,
    soft: SoftTargets,
) -> dict[str, float]:
    """Fit the probe on every labelled training image and write it into the projector."""
    records = data.labelled
    tokens = probe.class_tokens(projector, data, records, np.random.default_rng(config.run.seed))
    labels = torch.tensor([float(record.label == "fake") for record in records])
    weights = torch.from_numpy(source_weights(records)).float()
    weight, bias = probe.fit_probe(tokens, labels, weights, stage.weight_decay)
    probe.start_from_probe(network.llava, anchors, weight.to(tokens), bias.to(tokens))
    if soft.share:
        sources = [record.source for record in records]
        soft.keep(records, probe.out_of_fold(tokens, labels, weights, sources, stage.weight_decay))
    return {"probe_logit_spread": float((tokens @ weight).std())}
