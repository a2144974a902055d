"""The evidence table of a picture: what the file says, what each finding carries, and how it could be faked."""

from __future__ import annotations

from dataclasses import dataclass

from fakescan.core.records import Evidence, EvidenceStatus, Supports
from fakescan.reports import words
from fakescan.reports.escape import visible

VALUE_CHARS = 1_500
"""Longest text from a file that a page shows; the JSON report holds all of it."""


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """A row of the evidence table."""

    reader: str
    """Which reader."""
    name: str
    """The field or signal."""
    value: str
    """What was found."""
    supports: str
    """What it speaks for, in words."""
    supports_key: str
    """The same as a key."""
    strength: str
    """How much it carries, in words."""
    forgery: str
    """How it can be faked."""
    status: str
    """``found`` or ``could not be read``."""
    note: str
    """A sentence about it."""


def speaks(item: Evidence) -> bool:
    """Whether a reader found something that speaks for a side.

    Args:
        item: one finding.
    """
    return item.status is EvidenceStatus.FIRED and item.supports is not Supports.NONE


def evidence_views(evidence: tuple[Evidence, ...]) -> tuple[EvidenceView, ...]:
    """Rows of the table: failed readers first, then what speaks for a side, then context.

    Args:
        evidence: everything that the readers reported.
    """
    shown = [item for item in evidence if item.status in (EvidenceStatus.FIRED, EvidenceStatus.FAILED)]
    shown.sort(key=lambda item: (item.status is EvidenceStatus.FIRED, item.supports is Supports.NONE))
    return tuple(_evidence_row(item) for item in shown)


def _evidence_row(item: Evidence) -> EvidenceView:
    """One row; a reader that failed says nothing about any side."""
    found = item.status is EvidenceStatus.FIRED
    strength, forgery = words.STRENGTH_WORDS[item.strength]
    value = visible(item.value, limit_chars=VALUE_CHARS)
    return EvidenceView(
        reader=visible(item.reader),
        name=visible(item.name, limit_chars=200),
        value=f"{value} {visible(item.unit)}" if item.unit else value,
        supports=words.SUPPORTS_WORDS[item.supports] if found else "—",
        supports_key=item.supports.value if found else "none",
        strength=strength if found else "—",
        forgery=forgery if found else "",
        status=words.STATUS_WORDS[item.status],
        note=visible(item.note),
    )


def names_of(evidence: tuple[Evidence, ...], status: EvidenceStatus) -> str:
    """Readers and signals of one status as a line, each once.

    Args:
        evidence: everything that the readers reported.
        status: which to name.
    """
    names = dict.fromkeys(f"{item.reader}: {item.name}" for item in evidence if item.status is status)
    return visible("; ".join(names), limit_chars=VALUE_CHARS)
