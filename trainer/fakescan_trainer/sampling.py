"""Which records a step sees: a pure function of seed, stage and step, so that resuming needs no state."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from fakescan.errors import DataError
from fakescan_trainer.config import StageConfig
from fakescan_trainer.data.mmfr import Record
from fakescan_trainer.data.source import TrainingData


def source_weights(records: Sequence[Record]) -> np.ndarray:
    """Probability of each record: labels alike, sources of a label by the square root of their size."""
    sizes = Counter((record.label, record.source) for record in records)
    raw = np.array([1 / math.sqrt(sizes[record.label, record.source]) for record in records])
    labels = [record.label for record in records]
    for label in set(labels):
        rows = np.array([each == label for each in labels])
        raw[rows] /= raw[rows].sum()
    return np.asarray(raw / raw.sum())


class Sampler:
    """Draws record numbers step by step.

    Balanced: with replacement by ``source_weights``. Otherwise: whole epochs, each in its own random order.
    """

    def __init__(self, records: Sequence[Record], seed: int, *, balance: bool) -> None:
        """Fix the order.

        Raises:
            ValueError: there is nothing to draw from.
        """
        if not records:
            raise ValueError("no records to draw from")
        self.count = len(records)
        self.seed = seed
        self.weights = source_weights(records) if balance else None

    def draw(self, step: int, size: int) -> list[int]:
        """Numbers of the records of one micro-batch.

        Args:
            step: number of the micro-batch within the stage.
            size: rows a micro-batch, the same in every call.
        """
        if self.weights is not None:
            rng = np.random.default_rng([self.seed, step])
            return [int(i) for i in rng.choice(self.count, size, p=self.weights)]
        return [self._in_epoch(position) for position in range(step * size, (step + 1) * size)]

    def _in_epoch(self, position: int) -> int:
        epoch, offset = divmod(position, self.count)
        if getattr(self, "_epoch", None) != epoch:
            self._epoch, self._order = epoch, np.random.default_rng([self.seed, epoch]).permutation(self.count)
        return int(self._order[offset])


def samplers_of(
    stage: StageConfig, data: TrainingData, seed: int, *, balance: bool
) -> dict[str, tuple[Sampler, list[Record], int]]:
    """Kind of row to its sampler, its records and its rows a micro-batch.

    Raises:
        DataError: the stage wants rows of a kind that the data does not hold.
    """
    pools = {
        "full": (data.full, stage.full),
        "short": (data.labelled, stage.short),
        "caption": (data.captions, stage.captions),
    }
    samplers = {}
    for offset, (kind, (records, size)) in enumerate(pools.items()):
        if size and (stage.task == "joint" or kind == "caption"):
            if not records:
                raise DataError(f"stage {stage.name} wants {kind} rows and there are none", "check the data files")
            own = seed * 1000 + offset * 100 + len(stage.name)
            samplers[kind] = (Sampler(records, own, balance=balance and kind != "caption"), records, size)
    return samplers
