"""What was checked about a picture beyond its verdict, as a page shows it: other encodings, sentences of the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fakescan.core.calibration import side
from fakescan.core.checked import Claim
from fakescan.core.records import Assessed, Calibration, ImageResult, ScoreKind
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
    change: str
    """How far the number moved, or empty."""
    regions: tuple[tuple[str, str, str, str], ...]
    """Left, top, width and height as percentages."""


def stability_views(result: ImageResult, calibrations: Mapping[ScoreKind, Calibration]) -> tuple[RescoredView, ...]:
    """The picture under other encodings; a flip is told against what the picture's own number alone would give.

    Args:
        result: what is known about the file.
        calibrations: the scan's calibration by score.
    """
    outcome = result.outcome
    if not isinstance(outcome, Assessed) or outcome.verdict.p_fake is None:
        return ()
    calibration = calibrations.get(outcome.scores.used)
    own = side(outcome.verdict.p_fake, calibration) if calibration else outcome.verdict.label
    return tuple(
        RescoredView(
            visible(item.encoding), words.probability(item.p_fake), percent(item.p_fake), item.label.value,
            words.MARKS[item.label.value].word, item.label is not own,
        )
        for item in result.stability
    )  # fmt: skip


def claim_view(claim: Claim) -> ClaimView:
    """A checked sentence.

    Args:
        claim: the sentence and what its check found.
    """
    moved = "" if claim.change is None else f"{claim.change:+.2f}"
    return ClaimView(
        visible(claim.text, limit_chars=VALUE_CHARS), claim.mark.value, words.CLAIM_WORDS[claim.mark],
        visible(claim.note), moved,
        tuple((percent(box.left), percent(box.top), percent(box.width), percent(box.height)) for box in claim.regions),
    )  # fmt: skip
