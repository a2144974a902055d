"""Engines over a tiny random LLaVA, pictures for them, and what it means that two answers are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image

from fakescan.core.records import Calibration, Failure, LogitPair, Prediction, ScoreKind
from fakescan.core.views import Views
from fakescan.engines.base import EngineOptions, ModelEngine
from fakescan.engines.device import choose_placement
from fakescan.engines.plain import PlainEngine
from fakescan.engines.slot import SlotEngine
from fakescan.model.build import load_base, load_tokenizer
from fakescan.model.checkpoints.ours import CheckpointInfo, LoadedModel
from fakescan.model.images import Preprocessing

Kind = TypeVar("Kind", bound=ModelEngine)


class Picture:
    """Noise, another one for each number."""

    def __init__(self, number: int) -> None:
        """Draw it."""
        rng = np.random.default_rng(number)
        self.image = Image.fromarray(rng.integers(0, 255, (30 + 9 * number, 50, 3), dtype=np.uint8))
        self.sha256 = f"{number:064d}"
        self.views: Views | None = None


PICTURES = [Picture(number) for number in range(5)]


def loaded(base: Path, calibration: dict[ScoreKind, Calibration] | None = None) -> LoadedModel:
    """A tiny model with a pooled projector."""
    info = CheckpointInfo(
        "tiny", str(base), "tiny", "chatml", Preprocessing(32, ("square",)), 2, None, 10.0,
        calibration=calibration or {},
    )  # fmt: skip
    torch.manual_seed(0)  # a base without a checkpoint gets a fresh projector
    return LoadedModel(info, load_base(base, projector_pooling=2), load_tokenizer(base))


def made(
    kind: type[Kind], base: Path, *, calibration: dict[ScoreKind, Calibration] | None, dtype: str, **options: Any
) -> Kind:
    """An engine of a kind."""
    options = {"caption_limit_tokens": 10, "reasoning_limit_tokens": 14} | options
    # mypy does not know that every engine is made like these two.
    return kind(loaded(base, calibration), choose_placement("cpu", dtype), EngineOptions(**options))  # type: ignore[call-arg]


def engine(
    base: Path, *, calibration: dict[ScoreKind, Calibration] | None = None, dtype: str = "float32", **options: Any
) -> PlainEngine:
    """The plain engine."""
    return made(PlainEngine, base, calibration=calibration, dtype=dtype, **options)


def slot_engine(
    base: Path, *, calibration: dict[ScoreKind, Calibration] | None = None, dtype: str = "float32", **options: Any
) -> SlotEngine:
    """The slot engine."""
    return made(SlotEngine, base, calibration=calibration, dtype=dtype, **options)


def predictions(outcomes: list[Prediction | Failure]) -> list[Prediction]:
    """The same, none of them a failure."""
    assert all(isinstance(outcome, Prediction) for outcome in outcomes)
    return outcomes  # type: ignore[return-value]


def close(one: LogitPair | None, two: LogitPair | None) -> bool:
    """Whether two scores are equal up to float noise."""
    assert one is not None
    assert two is not None
    return one.index == two.index and abs(one.real - two.real) < 2e-5 and abs(one.fake - two.fake) < 2e-5


def same(one: Prediction, two: Prediction) -> bool:
    """Whether two answers are the same in every word, and in their scores up to float noise."""
    return (
        close(one.before, two.before)
        and close(one.after, two.after)
        and (one.stages, one.tokens, one.steered_to) == (two.stages, two.tokens, two.steered_to)
    )
