"""The evidence table of a picture: what the file says, what each finding carries, and how it could be faked."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fakescan.core.records import Evidence, EvidenceStatus, Label, Supports
from fakescan.reports import words
from fakescan.reports.escape import visible

VALUE_CHARS = 1_500
"""Longest text from a file that a page shows; the JSON report holds all of it."""
_WITH_PROMPT = frozenset({"generation parameters", "generation settings", "job number", "AIPromptInformation"})
_PROMPT_ALONE = "Prompt"
"""What the readers of generators' marks made out of graphs and settings, as a finding of its own below the mark."""


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
    contradicts: bool
    """Whether it speaks for the side that the verdict does not name."""


def speaks(item: Evidence) -> bool:
    """Whether a reader found something that speaks for a side.

    Args:
        item: one finding.
    """
    return item.status is EvidenceStatus.FIRED and item.supports is not Supports.NONE


def evidence_views(evidence: tuple[Evidence, ...], label: Label | None = None) -> tuple[EvidenceView, ...]:
    """Rows of the table: what contradicts the verdict, what speaks for a side, failed readers, then context.

    Args:
        evidence: everything that the readers reported.
        label: the verdict, None when there is none.
    """
    shown = [item for item in evidence if item.status in (EvidenceStatus.FIRED, EvidenceStatus.FAILED)]
    shown.sort(key=lambda item: (not _contradicts(item, label), not speaks(item), item.status is EvidenceStatus.FIRED))
    return tuple(_evidence_row(item, label) for item in shown)


def prompt_of(evidence: tuple[Evidence, ...]) -> str:
    """The text that a generator was given, as far as a reader found one; empty when none did.

    Args:
        evidence: everything that the readers reported.
    """
    found = [item.value for item in evidence if item.name in _WITH_PROMPT and speaks(item)]
    found += [item.value for item in evidence if item.name == _PROMPT_ALONE and item.status is EvidenceStatus.FIRED]
    for text in found:
        # The web UI's form: the prompt, then lines that begin with a name of a setting.
        prompt = re.split(r"\n(?:Negative prompt|Steps):", text.replace("\\n", "\n"))[0].strip()
        if prompt and not prompt.startswith(("{", "[")):
            return visible(prompt, lines=True, limit_chars=VALUE_CHARS)
    return ""


def _contradicts(item: Evidence, label: Label | None) -> bool:
    """Whether a finding speaks for the side that the verdict does not name."""
    against = {Label.FAKE: (Supports.REAL,), Label.REAL: (Supports.FAKE, Supports.EDITED)}
    return speaks(item) and label is not None and item.supports in against.get(label, ())


def _evidence_row(item: Evidence, label: Label | None) -> EvidenceView:
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
        contradicts=_contradicts(item, label),
    )


def names_of(evidence: tuple[Evidence, ...], status: EvidenceStatus) -> str:
    """Readers and signals of one status as a line, each once.

    Args:
        evidence: everything that the readers reported.
        status: which to name.
    """
    names = dict.fromkeys(f"{item.reader}: {item.name}" for item in evidence if item.status is status)
    return visible("; ".join(names), limit_chars=VALUE_CHARS)
