"""What was checked about a result beyond the verdict: its stability, and what the model's text claims.

Both are optional: a report has them when the checks were run (``--stability``, ``--audit``), and is silent otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fakescan.core.calibration import DECIMALS
from fakescan.core.json_values import Node, ReportShapeError
from fakescan.core.records import Label, LogitPair, Stage


class ClaimMark(StrEnum):
    """What the check of a claim found."""

    SUPPORTED = "supported"
    UNSUPPORTED = "unsupported"
    CONTRADICTED = "contradicted"
    NOT_CHECKABLE = "not_checkable"


@dataclass(frozen=True, slots=True)
class Rescored:
    """The same picture encoded anew, and what the model said about it."""

    encoding: str
    """What was done to it, in words (``JPEG, quality 70``)."""
    p_fake: float
    """P(fake) before any text, in [0, 1]: the score that costs one pass."""
    label: Label
    """The verdict that this number alone would give."""


@dataclass(frozen=True, slots=True)
class Steadiness:
    """What a picture's other encodings say about its number, in short."""

    own: Label
    """What the picture's own number before any text alone would give."""
    low: float
    """The lowest P(fake), the picture's own included."""
    high: float
    """The highest."""
    tried: int
    """How many other encodings were scored."""
    kept: int
    """How many of them give the same label as the picture's own number."""
    opposite: int
    """How many take the other side (fake instead of real, or real instead of fake)."""

    @property
    def flips(self) -> bool:
        """Whether the label cannot be relied on: an encoding takes the other side, or most of them leave it.

        A few that fall into the inconclusive band are a weaker number, no flip.
        """
        if self.own is Label.INCONCLUSIVE:
            return False
        return self.opposite > 0 or 2 * self.kept < self.tried


def steadiness(own: Label, p_fake: float, others: Sequence[Rescored]) -> Steadiness | None:
    """Sum up what other encodings say; None when none was tried.

    Args:
        own: what the picture's own number before any text alone would give.
        p_fake: that number.
        others: the picture under other encodings.
    """
    if not others:
        return None
    numbers = [p_fake, *(item.p_fake for item in others)]
    against = {Label.FAKE: Label.REAL, Label.REAL: Label.FAKE}.get(own)
    return Steadiness(
        own=own,
        low=min(numbers),
        high=max(numbers),
        tried=len(others),
        kept=sum(item.label is own for item in others),
        opposite=sum(item.label is against for item in others),
    )


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the picture, upright as it was examined. All values are shares of its width or height, in [0, 1]."""

    left: float
    """Left edge."""
    top: float
    """Top edge."""
    width: float
    """Width."""
    height: float
    """Height."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the model's text, and what its check found."""

    stage: Stage
    """Where it stands."""
    text: str
    """The sentence, as it stands there."""
    mark: ClaimMark
    """What was found."""
    note: str = ""
    """How it was checked, and what came out; no values from the file."""
    change: float | None = None
    """P(fake) with what it speaks of hidden, minus P(fake) of the whole picture; None when that was not measured."""
    regions: tuple[Region, ...] = ()
    """Where hiding it moved the score."""
    attribute: str = ""
    """The paper's forgery attribute that the sentence speaks of; empty when it names none."""
    speaks_for: Label | None = None
    """The side that the sentence argues for (FAKE or REAL); None when that cannot be told."""
    text_change: float | None = None
    """P(fake) after the text without this sentence, minus after the whole text; None when that was not measured."""


@dataclass(frozen=True, slots=True)
class GivenText:
    """An answer that was written before, given to the model to read again."""

    steered_to: Label | None
    """The side that it was asked to explain."""
    caption: str
    """The caption stage."""
    sentences: tuple[str, ...]
    """The sentences of the reasoning stage, in order."""


@dataclass(frozen=True, slots=True)
class Reread:
    """What a model makes of a picture beside an answer that was given to it."""

    before: LogitPair
    """Logits before any text."""
    after: LogitPair
    """Logits after the given text."""
    likelihoods: tuple[float, ...]
    """Mean log-probability a token of each sentence, in nats: how much the model would have written it itself."""


def stability_to_list(stability: Sequence[Rescored]) -> list[dict[str, Any]]:
    """As it stands in a report."""
    return [
        {"encoding": item.encoding, "p_fake": round(item.p_fake, DECIMALS), "label": item.label} for item in stability
    ]


def claims_to_list(claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """As they stand in a report."""
    return [
        {
            "stage": claim.stage,
            "text": claim.text,
            "mark": claim.mark,
            "note": claim.note,
            "attribute": claim.attribute or None,
            "speaks_for": claim.speaks_for,
            "change": _rounded(claim.change),
            "text_change": _rounded(claim.text_change),
            "regions": [
                [round(value, DECIMALS) for value in (box.left, box.top, box.width, box.height)]
                for box in claim.regions
            ],
        }
        for claim in claims
    ]


def stability_from_node(node: Node) -> tuple[Rescored, ...]:
    """Inverse of ``stability_to_list``.

    Raises:
        ReportShapeError: when a value does not fit.
    """
    return tuple(
        Rescored(item["encoding"].text(), _share(item["p_fake"]), item["label"].choice(Label))
        for item in node.elements()
    )


def claims_from_node(node: Node) -> tuple[Claim, ...]:
    """Inverse of ``claims_to_list``.

    Raises:
        ReportShapeError: when a value does not fit.
    """
    return tuple(
        Claim(
            stage=item["stage"].choice(Stage),
            text=item["text"].text(),
            mark=item["mark"].choice(ClaimMark),
            note=item["note"].optional_text() or "",
            change=item["change"].optional_number(),
            regions=tuple(_region(box) for box in item["regions"].elements()),
            attribute=item["attribute"].optional_text() or "",
            speaks_for=item["speaks_for"].optional_choice(Label),
            text_change=item["text_change"].optional_number(),
        )
        for item in node.elements()
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DECIMALS)


def _region(node: Node) -> Region:
    values = [_share(value) for value in node.elements()]
    if len(values) != 4:
        raise ReportShapeError(f"{node.where} needs four numbers")
    return Region(*values)


def _share(node: Node) -> float:
    value = node.number()
    if not 0.0 <= value <= 1.0:
        raise ReportShapeError(f"{node.where} is not from 0 to 1")
    return value
