"""What was checked about a picture beyond its verdict, as a page shows it: other encodings, sentences of the text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from fakescan.core.calibration import side, uncalibrated, with_threshold
from fakescan.core.checked import Claim
from fakescan.core.records import Assessed, Calibration, ImageResult, Label, ScoreKind
from fakescan.reports import words
from fakescan.reports.charts import percent
from fakescan.reports.escape import visible
from fakescan.reports.view_evidence import VALUE_CHARS


@dataclass(frozen=True, slots=True)
class RescoredView:
    """The picture under another encoding."""

    encoding: str
    """What was done to it."""
    value: str
    """Its number."""
    position: str
    """Where the number lies, as SVG takes it."""
    key: str
    """Key of the verdict that this number alone would give."""
    word: str
    """The same in words."""
    flips: bool
    """Whether that is another one than the image got from its own number."""


@dataclass(frozen=True, slots=True)
class ClaimView:
    """A sentence of the model's text, checked."""

    text: str
    """The sentence."""
    mark: str
    """Key of what was found."""
    word: str
    """The same in words."""
    note: str
    """How it was checked."""
    attribute: str
    """The forgery attribute that it speaks of, or empty."""
    speaks_for: str
    """What it argues for, or empty."""
    change: str
    """How far the number before any text moved when its parts of the picture were hidden, or empty."""
    text_change: str
    """How far the number after the text moved when it was left out, or empty."""
    regions: tuple[tuple[str, str, str, str], ...]
    """Left, top, width and height as percentages."""


def stability_views(result: ImageResult, calibrations: Mapping[ScoreKind, Calibration]) -> tuple[RescoredView, ...]:
    """The picture under other encodings; a flip is told against what the picture's own number alone would give.

    Args:
        result: what is known about the file.
        calibrations: the scan's calibration by score.
    """
    own = own_label(result, calibrations)
    if own is None:
        return ()
    return tuple(
        RescoredView(
            visible(item.encoding), words.probability(item.p_fake), percent(item.p_fake), item.label.value,
            words.MARKS[item.label.value].word, item.label is not own,
        )
        for item in result.stability
    )  # fmt: skip


def own_label(result: ImageResult, calibrations: Mapping[ScoreKind, Calibration]) -> Label | None:
    """What the picture's own number before any text alone would give; None without one.

    Args:
        result: what is known about the file.
        calibrations: the scan's calibration by score.
    """
    outcome = result.outcome
    if not isinstance(outcome, Assessed) or outcome.scores.before_reasoning is None:
        return None
    calibration = calibrations.get(ScoreKind.BEFORE) or uncalibrated()
    decided = calibrations.get(outcome.scores.used) or uncalibrated()
    # A threshold of the user's own is told by the score that decided, and holds for both.
    if not math.isclose(outcome.verdict.threshold, decided.threshold, abs_tol=1e-6):
        calibration = with_threshold(calibration, outcome.verdict.threshold)
    return side(outcome.scores.before_reasoning, calibration)


def claim_view(claim: Claim) -> ClaimView:
    """A checked sentence.

    Args:
        claim: the sentence and what its check found.
    """
    return ClaimView(
        visible(claim.text, limit_chars=VALUE_CHARS), claim.mark.value, words.CLAIM_WORDS[claim.mark],
        visible(claim.note), visible(claim.attribute), _SIDES.get(claim.speaks_for, ""),
        _moved(claim.change), _moved(claim.text_change),
        tuple((percent(box.left), percent(box.top), percent(box.width), percent(box.height)) for box in claim.regions),
    )  # fmt: skip


_SIDES: Mapping[Label | None, str] = {Label.FAKE: "AI generation", Label.REAL: "a camera picture"}


def _moved(change: float | None) -> str:
    if change is None:
        return ""
    return f"{change:+.2f}" if abs(change) >= 0.005 else "less than 0.01"
