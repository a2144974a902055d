"""The checks that a scan was asked for, between the model's answer and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

from fakescan.checks.audit import Auditor
from fakescan.checks.hiding import Frame
from fakescan.checks.stability import rescored
from fakescan.core.policy import Judge
from fakescan.core.records import Prediction
from fakescan.intake.decode import DecodedImage
from fakescan.intake.prepare import others_of
from fakescan.pipeline.waiting import Group
from fakescan.protocols import Engine


def check_stability(groups: Sequence[Group], engine: Engine, judge: Judge, count: int) -> None:
    """Score other encodings of pictures in batches across them, and let go of them.

    Args:
        groups: pictures with a score of their own; each is told the outcome.
        engine: the loaded model.
        judge: turns logits into numbers and labels.
        count: how many encodings.
    """
    started = perf_counter()
    pictures = [
        # A picture that is whole still is encoded when its turn comes, so that few are held.
        others_of(group.image, count, None) if group.image.views is None else _taken(group)
        for group in groups
    ]
    for group, others in zip(groups, rescored(engine, judge, pictures), strict=True):
        group.stability = others
        if group.prepared is not None:
            group.prepared = replace(group.prepared, others=())
        group.checks_s["stability"] = (perf_counter() - started) / len(groups)


def check_text(group: Group, prediction: Prediction, engine: Engine, judge: Judge) -> None:
    """Check the sentences of the model's text about a picture.

    Args:
        group: the picture; it is told the outcome.
        prediction: what the model said.
        engine: the loaded model.
        judge: turns logits into numbers and labels.
    """
    prepared, first, started = group.prepared, group.files[0], perf_counter()
    if prepared is None or not prediction.stages:
        return
    verdict = judge.assess(prediction, first.evidence, first.record.kind, group.stability).verdict
    frame = Frame(group.image, prepared.size_px)
    group.claims = Auditor(engine, judge).audit(frame, prediction, verdict, prepared.measures).claims
    group.checks_s["audit"] = perf_counter() - started


def _taken(group: Group) -> tuple[tuple[str, DecodedImage], ...]:
    return () if group.prepared is None else group.prepared.others
