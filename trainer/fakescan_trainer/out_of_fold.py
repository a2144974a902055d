"""What a probe that saw no image of a source says of that source's images, kept for the stages after it.

A linear probe on thousands of channels tells nearly all of its training images apart: its logits there are far larger
than on an image from elsewhere. A language model that reads them learns to trust them too much. So the stages after the
probe may see training images as if the probe had never seen their source (``FeatureShift``), and aim at what it would
say then (``OutOfFold.aim``). A stage may also show an image with the logit of another one and ask for that one's
label (``OutOfFold.exchange``): then the logit alone tells the label, and the language model learns to read it
and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from fakescan_trainer.data.mmfr import Record
from fakescan_trainer.places import is_first_process

_FILE = "out_of_fold.json"


@dataclass(frozen=True)
class FeatureShift:
    """Moves an image's class token along the probe's weight until the probe's logit is the one out of fold."""

    direction: torch.Tensor
    """(C,), in units of the tower's features: it raises the probe's logit by one."""
    steps: dict[str, float]
    """Image to difference of the logits: out of fold less seen."""
    logits: dict[str, float] = field(default_factory=dict)
    """Image to its logit out of fold."""

    def apply(self, record: Record, features: torch.Tensor) -> torch.Tensor:
        """Features (V, P, C) of an image, class token first, moved in every view; unchanged where none is known."""
        step = self.steps.get(record.image)
        if step is None:
            return features
        if record.shown_as:
            step += self.logits[record.shown_as] - self.logits[record.image]
        moved = features.clone()
        moved[:, 0] += step * self.direction
        return moved


def shift_between(
    records: Sequence[Record],
    logits: torch.Tensor,
    out_of_fold: torch.Tensor,
    weight: torch.Tensor,
    feature_std: torch.Tensor,
) -> FeatureShift:
    """The least change of the class token that takes the probe's logit of each image to the one out of fold.

    Args:
        records: M images.
        logits: (M,) of the probe that saw them.
        out_of_fold: (M,) of probes that did not see their sources.
        weight: (C,) of the probe, on standardised features.
        feature_std: (C,) by which the class token is divided before the probe.
    """
    direction = feature_std.cpu() * weight.cpu() / weight.square().sum().clamp_min(1e-12).cpu()
    images = [record.image for record in records]
    steps = dict(zip(images, (out_of_fold - logits).tolist(), strict=True))
    return FeatureShift(direction, steps, dict(zip(images, out_of_fold.tolist(), strict=True)))


@dataclass
class OutOfFold:
    """Probabilities for the mapper's aim, and the shift of features; written to the run's folder to resume from."""

    share: float
    """Of the out-of-fold probability in what a short row aims at; 0 for the label alone."""
    folder: Path
    """The run's folder."""
    p_fake: dict[str, float] = field(default_factory=dict)
    shift: FeatureShift | None = None

    def load(self) -> None:
        """What the run kept so far, if it has come to its probe."""
        path = self.folder / _FILE
        if not path.is_file():
            return
        held = json.loads(path.read_text("utf-8"))
        self.p_fake = held["p_fake"]
        if held["steps"]:
            self.shift = FeatureShift(torch.tensor(held["direction"]), held["steps"], held["logits"])

    def keep(self, p_fake: dict[str, float], shift: FeatureShift | None) -> None:
        """Take both and write them down."""
        self.p_fake, self.shift = p_fake, shift
        direction = shift.direction.tolist() if shift else []
        steps, logits = (shift.steps, shift.logits) if shift else ({}, {})
        held = {"p_fake": p_fake, "direction": direction, "steps": steps, "logits": logits}
        if is_first_process():
            (self.folder / _FILE).write_text(json.dumps(held), "utf-8")

    def aim(self, record: Record) -> float | None:
        """P(fake) for the loss of a short row; None for the label."""
        shown = record.shown_as or record.image
        if not self.share or shown not in self.p_fake:
            return None
        return (1 - self.share) * float(record.label == "fake") + self.share * self.p_fake[shown]

    def exchange(self, record: Record, other: Record) -> Record:
        """The picture of one image with the logit and the label of another; the image as it is where none is known."""
        if self.shift is None or record.image not in self.shift.logits or other.image not in self.shift.logits:
            return record
        return replace(record, label=other.label, caption="", reasoning="", shown_as=other.image)
