"""Rounds: fluctuation, changed decisions and ranges against numbers worked by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakescan_trainer.evaluate.answers import Joined
from fakescan_trainer.evaluate.consistency import measure
from fakescan_trainer.evaluate.samples import Answer, Sample


def joined(*scores: float | None) -> Joined:
    """Four images, real, real, fake, fake."""
    samples = [Sample(str(at), Path(str(at)), at >= 2, "") for at in range(4)]
    return Joined(tuple(Answer(s, p, 0.5, None) for s, p in zip(samples, scores, strict=True)), 0, 0)


def test_by_hand() -> None:
    rounds = [joined(0.1, 0.2, 0.9, 0.8), joined(0.6, 0.2, 0.9, 0.8), joined(0.1, 0.9, 0.4, None)]
    found = measure({0.2: rounds})["temperatures"][0]
    assert [each["accuracy"] for each in found["rounds"]] == [1, 0.75, 0.25]
    assert [each["flips"] for each in found["rounds"]] == [0, 1, 3]
    assert [each["without_answer"] for each in found["rounds"]] == [0, 0, 1]
    assert found["fluctuation"] == pytest.approx((0.25 + 0.75) / 2)
    assert found["flips"] == pytest.approx((1 + 3) / 2 / 4)
    assert found["median_range"] == pytest.approx(0.5)  # 0.5, 0.7, 0.5; the image without an answer has none
    assert found["largest_range"] == pytest.approx(0.7)


def test_changes_that_cancel_out_are_seen() -> None:
    found = measure({0.6: [joined(0.1, 0.6, 0.9, 0.4), joined(0.6, 0.1, 0.4, 0.9)]})["temperatures"][0]
    assert found["fluctuation"] == 0
    assert found["flips"] == 1
