"""Learning rate and length of a stage, as pure functions of the step."""

from __future__ import annotations

import math

from fakescan_trainer.config import CLOSED_FORM, StageConfig


def cosine_with_warmup(step: int, total: int, warmup: float) -> float:
    """Factor of the learning rate at a step (0-based): linear rise over the warm-up share, then half a cosine to 0."""
    rising = math.ceil(total * warmup)
    if step < rising:
        return (step + 1) / (rising + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, total - rising)))


def steps_of(stage: StageConfig, full: int, labelled: int, captions: int, processes: int = 1) -> int:
    """Optimizer steps of a stage.

    Args:
        stage: the stage.
        full: records with reasoning.
        labelled: records with a label.
        captions: records with a caption.
        processes: how many share the work.
    """
    if stage.task in CLOSED_FORM:
        return 1
    if stage.steps:
        return stage.steps
    rows, size = (captions, stage.captions) if stage.task == "caption" else (full, stage.full)
    if stage.task == "joint" and not stage.full:
        rows, size = labelled, stage.short
    return max(1, math.ceil(stage.epochs * rows / (size * stage.accumulate * processes)))
