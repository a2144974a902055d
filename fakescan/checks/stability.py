"""Does a score hold when the picture is encoded anew? Every encoding gets one pass before any text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fakescan.checks.scoring import triage
from fakescan.core.calibration import DECIMALS
from fakescan.core.checked import Rescored
from fakescan.core.policy import Judge
from fakescan.protocols import Engine, RgbImage


def rescored(
    engine: Engine, judge: Judge, pictures: Sequence[Iterable[tuple[str, RgbImage]]]
) -> list[tuple[Rescored, ...]]:
    """The other encodings of several pictures, scored in batches across them.

    Args:
        engine: the loaded model.
        judge: turns logits into numbers and labels.
        pictures: of each picture, what was done to it in words and what came out; taken as batches need them.

    Returns:
        For each picture its other encodings; one that could not be scored is left out.
    """
    told: list[tuple[int, str]] = []

    def images() -> Iterable[RgbImage]:
        for number, others in enumerate(pictures):
            for words, image in others:
                told.append((number, words))
                yield image

    found: list[list[Rescored]] = [[] for _ in pictures]
    for place, prediction in enumerate(triage(engine, images())):
        number, words = told[place]
        p_fake = None if prediction is None else judge.triaged(prediction)
        if p_fake is not None:
            found[number].append(judge.rescored(words, round(p_fake, DECIMALS)))
    return [tuple(items) for items in found]
