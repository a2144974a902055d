"""What people decided about files, as a page shows it: beside the machine's verdict, never in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fakescan.reports.escape import visible
from fakescan.reports.view_evidence import VALUE_CHARS

_WORDS: Mapping[str, str] = {
    "fake": "AI-generated",
    "real": "Not AI-generated",
    "undecided": "Looked at, not decided",
}


@dataclass(frozen=True, slots=True)
class Decided:
    """The last decision about a file. Every text is from outside."""

    decision: str
    """``fake``, ``real`` or ``undecided``."""
    examiner: str
    """Who decided, as typed; empty where that was taken out."""
    at: str
    """When, UTC."""
    note: str = ""
    """Why, possibly empty."""


@dataclass(frozen=True, slots=True)
class DecidedView:
    """A decision in words, safe to print."""

    word: str
    """What was decided."""
    by: str
    """Who and when."""
    note: str
    """Why, or empty."""
    differs: bool
    """Whether the machine took the other side."""


def decided_view(decided: Decided, key: str) -> DecidedView:
    """A decision for the page.

    Args:
        decided: the last decision about a file.
        key: key of the machine's verdict.
    """
    return DecidedView(
        word=_WORDS.get(decided.decision, visible(decided.decision)),
        by=", ".join(filter(None, (visible(decided.examiner), visible(decided.at)))),
        note=visible(decided.note, limit_chars=VALUE_CHARS),
        differs={decided.decision, key} == {"fake", "real"},
    )
