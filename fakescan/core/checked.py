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
from fakescan.core.records import Label, Stage


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
    """P(fake) of the deciding score, in [0, 1]."""
    label: Label
    """The verdict that this number alone would give."""


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
            "change": None if claim.change is None else round(claim.change, DECIMALS),
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
        )
        for item in node.elements()
    )


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
