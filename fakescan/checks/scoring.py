"""Many small looks at pictures through an engine, in batches of its size, so that few pictures are held at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from fakescan.core.calibration import is_sound, rounded
from fakescan.core.checked import GivenText, Reread
from fakescan.core.records import Failure, Prediction
from fakescan.errors import ModelError
from fakescan.protocols import Engine, ReadsAgain, RgbImage

Given = TypeVar("Given")
Answer = TypeVar("Answer")


def triage(engine: Engine, images: Iterable[RgbImage]) -> Iterator[Prediction | None]:
    """The score before any text of each picture; None where there is none.

    Args:
        engine: the loaded model.
        images: taken a batch at a time.
    """
    for outcome in _in_batches(engine, images, lambda batch: engine.infer(batch, reasoning=False)):
        sound = isinstance(outcome, Prediction) and outcome.before is not None and is_sound(outcome)
        yield rounded(outcome) if sound and isinstance(outcome, Prediction) else None


def reread(engine: ReadsAgain, size: Engine, pairs: Iterable[tuple[RgbImage, GivenText]]) -> Iterator[Reread | None]:
    """Each picture beside the text that is given for it; None where that failed.

    Args:
        engine: the loaded model.
        size: the same, for the size of its batches.
        pairs: taken a batch at a time.
    """

    def ask(batch: list[tuple[RgbImage, GivenText]]) -> list[Reread | Failure]:
        return engine.reread([image for image, _ in batch], [text for _, text in batch])

    for outcome in _in_batches(size, pairs, ask):
        if isinstance(outcome, Reread) and is_sound(Prediction(outcome.before, outcome.after)):
            yield outcome
        else:
            yield None


def _in_batches(engine: Engine, items: Iterable[Given], ask: Callable[[list[Given]], list[Answer]]) -> Iterator[Answer]:
    waiting = iter(items)
    while batch := list(islice(waiting, max(1, engine.batch_size))):
        outcomes = ask(batch)
        if len(outcomes) != len(batch):
            raise ModelError(
                f"the engine gave {len(outcomes)} answers to {len(batch)} images",
                "report this as a fault of the engine",
            )
        yield from outcomes
