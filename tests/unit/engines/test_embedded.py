"""The embedded model, which writes its closing tags itself, through both engines: the same words, the same scores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fakescan import engines
from fakescan.core.records import Calibration, LogitPair, Prediction, ScoreKind, Stage
from fakescan.engines.base import EngineOptions
from fakescan.engines.device import choose_placement
from fakescan.engines.plain import PlainEngine
from fakescan.engines.slot import SlotEngine
from fakescan.model.checkpoints import load_any
from tests.support.engines import predictions
from tests.support.looking import decoded

MOST = 1e-6
"""Difference of two probabilities."""


@pytest.fixture(scope="module")
def pictures(repository: Path) -> list[Any]:
    found = []
    for path in sorted((repository / "samples" / "generated").glob("*.*"))[:3]:
        with Image.open(path) as file:
            found.append(decoded(file.convert("RGB"), path.name))
    assert len(found) == 3
    return found


def asked(kind: Any, size: int) -> Any:
    options = EngineOptions(size, reasoning_limit_tokens=24)
    return kind(load_any(engines.model_folder(None)), choose_placement("cpu", "float32"), options)


def same(one: Prediction, two: Prediction, records: Mapping[ScoreKind, Calibration]) -> bool:
    for kind, first, second in ((ScoreKind.BEFORE, one.before, two.before), (ScoreKind.AFTER, one.after, two.after)):
        assert first
        assert second
        assert first.index == second.index
        record = records.get(kind, records[ScoreKind.BEFORE])  # a scale is needed, whether or not this score has one
        if abs(p_fake(first, record) - p_fake(second, record)) > MOST:
            return False
    return one.stages == two.stages and one.tokens == two.tokens


def p_fake(pair: LogitPair, record: Calibration) -> float:
    """Without the rounding of reports."""
    return 1 / (1 + math.exp(-((pair.fake - pair.real) / record.temperature + record.bias)))


def test_texts_and_scores_do_not_depend_on_the_engine_the_batch_or_the_order(pictures: list[Any]) -> None:
    plain = asked(PlainEngine, 3)
    records = plain.calibration
    expected = predictions(plain.infer(pictures))
    assert any(stage.stage is Stage.CAPTION and stage.complete for one in expected for stage in one.stages)
    del plain
    own = asked(SlotEngine, 1)
    assert all(same(*pair, records) for pair in zip(expected, predictions(own.infer(pictures)), strict=True))
    own = asked(SlotEngine, 2)
    for refill in (True, False):
        own.refill = refill
        backwards = predictions(own.infer(pictures[::-1]))[::-1]
        assert all(same(*pair, records) for pair in zip(expected, backwards, strict=True))
