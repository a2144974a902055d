"""What the file itself says, sorted into the rows of the verdict table (REPORT.md section 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from fakescan.core.records import Evidence, EvidenceStatus, Strength, Supports

SIGNATURE_READERS = frozenset({"c2pa"})
"""Readers whose findings come out of a signature; below ``TRUSTED`` its signer is on no trust list."""

SIGNER = "Signer"
"""``Evidence.name`` of who signed."""

BROKEN_SIGNATURE = "broken signature"
"""``Evidence.name`` of a signature that is broken, grafted from another file, or tampered with."""


class Found(StrEnum):
    """The rows of the verdict table, in the order in which the first that applies is taken."""

    TRUSTED_AI = "trusted-ai"
    TRUSTED_EDIT = "trusted-edit"
    TRUSTED_CAPTURE = "trusted-capture"
    CLAIMED_AI = "claimed-ai"
    CLAIMED_EDIT = "claimed-edit"
    CAMERA_FIELDS = "camera-fields"
    NOTHING = "nothing"


AI_MARKS = (Found.TRUSTED_AI, Found.TRUSTED_EDIT, Found.CLAIMED_AI, Found.CLAIMED_EDIT)
"""Every row that says that AI was involved."""

_SAYS_GENERATED = (Found.TRUSTED_AI, Found.CLAIMED_AI)
_SAYS_CAPTURED = (Found.TRUSTED_CAPTURE, Found.CAMERA_FIELDS)
_ROWS = {
    (Strength.TRUSTED, Supports.FAKE): Found.TRUSTED_AI,
    (Strength.TRUSTED, Supports.EDITED): Found.TRUSTED_EDIT,
    (Strength.TRUSTED, Supports.REAL): Found.TRUSTED_CAPTURE,
    (Strength.UNSIGNED, Supports.FAKE): Found.CLAIMED_AI,
    (Strength.UNSIGNED, Supports.EDITED): Found.CLAIMED_EDIT,
    (Strength.UNSIGNED, Supports.REAL): Found.CAMERA_FIELDS,
}


@dataclass(frozen=True, slots=True)
class Provenance:
    """The evidence of one file, as far as the verdict policy looks at it."""

    found: tuple[Found, ...]
    """Every row that applies, in the table's order; empty when none does."""
    unsigned: frozenset[Found]
    """Those rows of ``found`` that rest on something without any signature."""
    unknown_signer: frozenset[Found]
    """Those rows of ``found`` that rest on a signature by somebody who is on no trust list."""
    contradictions: tuple[tuple[Found, Found], ...]
    """Pairs of rows that cannot both be true: generated against captured."""
    captured_by: str
    """What the trusted capture signature names as its signer or camera. Untrusted text; empty when there is none."""
    broken_signature: bool
    """Whether a signature is broken, grafted or tampered with."""
    silent_signer: bool
    """Whether a trusted signature declares neither capture nor AI."""
    weak_marks: bool
    """Whether there are weak or generic marks of AI, which are only context."""
    unread: bool
    """Whether a reader failed, so that something may have been missed."""

    @property
    def row(self) -> Found:
        """The row of the table: the first that applies."""
        return self.found[0] if self.found else Found.NOTHING

    @property
    def trusted_contradiction(self) -> bool:
        """Whether two trusted signatures contradict each other."""
        return (Found.TRUSTED_AI, Found.TRUSTED_CAPTURE) in self.contradictions


def provenance_of(evidence: Iterable[Evidence]) -> Provenance:
    """Sort a file's evidence.

    Args:
        evidence: everything that the readers reported; only what fired counts.
    """
    everything = tuple(evidence)
    fired = [item for item in everything if item.status is EvidenceStatus.FIRED]
    rows = [(row, item) for item in fired if (row := _row(item)) is not None]
    found = tuple(row for row in Found if any(row is other for other, _ in rows))

    def rows_where(holds: Callable[[Evidence], bool]) -> frozenset[Found]:
        return frozenset(row for row, item in rows if holds(item))

    trusted = [item for item in fired if item.strength is Strength.TRUSTED and not _is_broken(item)]
    capture = [item.value for row, item in rows if row is Found.TRUSTED_CAPTURE]
    signers = [item.value for item in trusted if item.name == SIGNER]
    return Provenance(
        found=found,
        unsigned=rows_where(lambda item: item.reader not in SIGNATURE_READERS),
        unknown_signer=rows_where(
            lambda item: item.reader in SIGNATURE_READERS and item.strength is not Strength.TRUSTED
        ),
        contradictions=tuple(
            (generated, captured)
            for generated in _SAYS_GENERATED
            for captured in _SAYS_CAPTURED
            if generated in found and captured in found
        ),
        captured_by=(signers or capture)[0] if capture else "",
        broken_signature=any(_is_broken(item) for item in fired),
        silent_signer=bool(trusted) and all(item.supports is Supports.NONE for item in trusted),
        weak_marks=any(
            item.strength in (Strength.WEAK, Strength.CONTEXT) and item.supports in (Supports.FAKE, Supports.EDITED)
            for item in fired
        ),
        unread=any(item.status is EvidenceStatus.FAILED for item in everything),
    )


def _row(evidence: Evidence) -> Found | None:
    return None if _is_broken(evidence) else _ROWS.get((evidence.strength, evidence.supports))


def _is_broken(evidence: Evidence) -> bool:
    return evidence.reader in SIGNATURE_READERS and evidence.name == BROKEN_SIGNATURE
