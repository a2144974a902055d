"""Marks of origin that a file carries: what a baseline remembers, and a gate file asks for."""

from __future__ import annotations

from collections.abc import Iterable

from fakescan.core.provenance import AI_MARKS, BROKEN_SIGNATURE, SIGNATURE_READERS, Found, provenance_of
from fakescan.core.records import Evidence, EvidenceStatus

CREDENTIALS = "content-credentials"
"""Name of the mark "carries intact Content Credentials", beside the rows of the verdict table."""


def marks_of(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    """The marks of origin that a file carries, sorted.

    Args:
        evidence: what its readers reported.
    """
    everything = tuple(evidence)
    found = provenance_of(everything)
    marks = {row.value for row in found.found if row in AI_MARKS or row is Found.TRUSTED_CAPTURE}
    if has_credentials(everything):
        marks.add(CREDENTIALS)
    return tuple(sorted(marks))


def has_credentials(evidence: Iterable[Evidence]) -> bool:
    """Whether a file carries Content Credentials that are intact, whoever signed them.

    Args:
        evidence: what its readers reported.
    """
    fired = [i for i in evidence if i.reader in SIGNATURE_READERS and i.status is EvidenceStatus.FIRED]
    return bool(fired) and not any(item.name == BROKEN_SIGNATURE for item in fired)
