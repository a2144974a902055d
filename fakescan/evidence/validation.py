"""Results of a validation, sorted by manifest, out of a report of the C2PA library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_NOT_BROKEN = (
    "signingCredential.",
    "timeStamp.",
    "cawg.",
    "ingredient.",
    "claimSignature.outsideValidity",
    "assertion.action.",
)
"""Failures that speak of the certificate, the time, a part, or how the history is put, not of changed bytes."""


@dataclass(slots=True)
class Codes:
    """Results of the validation of one manifest."""

    success: set[str] = field(default_factory=set)
    """What was found to be right, in the words of the standard (``claimSignature.validated``)."""
    failure: set[str] = field(default_factory=set)
    """What was found to be wrong."""
    known: bool = False
    """Whether all results are there; for ingredients the library tells only what differs from what was noted."""

    @property
    def broken(self) -> list[str]:
        """Failures that mean changed bytes or a signature that does not fit."""
        return sorted(code for code in self.failure if not code.startswith(_NOT_BROKEN))

    @property
    def signer_trusted(self) -> bool:
        """Whether the signer is on the trust list, whatever became of the picture since."""
        doubted = any(code.startswith("signingCredential.") for code in self.failure)
        return "signingCredential.trusted" in self.success and not doubted

    @property
    def trusted(self) -> bool:
        """Whether everything is right: what the signer declares is believed."""
        doubts = {code for code in self.failure if not code.startswith("cawg.")}
        return "signingCredential.trusted" in self.success and not doubts


def codes_of(report: Mapping[str, Any]) -> dict[str, Codes]:
    """Results by manifest: those of the active one, and of ingredients by the address in each result.

    Args:
        report: the library's JSON report.
    """
    results = mapping(report.get("validation_results"))
    found: dict[str, Codes] = {}
    active = str(report.get("active_manifest") or "")
    _add_results(found.setdefault(active, Codes(known=True)), mapping(results.get("activeManifest")))
    for delta in sequence(results.get("ingredientDeltas")):
        deltas = mapping(mapping(delta).get("validationDeltas"))
        for outcome in ("success", "failure", "informational"):
            for item in sequence(deltas.get(outcome)):
                label = _label_in(str(mapping(item).get("url") or ""))
                if label and label != active:
                    _add_results(found.setdefault(label, Codes()), {outcome: [item]})
    return found


def recorded_codes(ingredient: Mapping[str, Any]) -> Codes:
    """What the signer noted about an ingredient when it was used.

    Args:
        ingredient: its entry in the manifest.
    """
    codes = Codes()
    _add_results(codes, mapping(mapping(ingredient.get("validation_results")).get("activeManifest")))
    for item in sequence(ingredient.get("validation_status")):
        code = str(mapping(item).get("code") or "")
        good = code.endswith((".match", ".validated", ".trusted", ".insideValidity", ".notRevoked", ".accessible"))
        (codes.success if good else codes.failure).add(code)
    return codes


def merged(now: Codes, recorded: Codes) -> Codes:
    """What was noted, changed by what the library finds now: it tells only where the two differ.

    Args:
        now: the library's results.
        recorded: the signer's.
    """
    failure = recorded.failure
    if "signingCredential.trusted" in now.success:
        failure = {code for code in failure if not code.startswith("signingCredential.")}
    return Codes(now.success | recorded.success, now.failure | failure, now.known)


def _add_results(codes: Codes, results: Mapping[str, Any]) -> None:
    for outcome, kept in (("success", codes.success), ("failure", codes.failure)):
        kept.update(str(mapping(item).get("code") or "") for item in sequence(results.get(outcome)))


def _label_in(url: str) -> str:
    _, _, rest = url.partition("jumbf=/c2pa/")
    return rest.partition("/")[0]


def mapping(value: object) -> Mapping[str, Any]:
    """The value where it is an object, else an empty one.

    Args:
        value: anything out of JSON.
    """
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> Sequence[Any]:
    """The value where it is a list, else an empty one.

    Args:
        value: anything out of JSON.
    """
    return value if isinstance(value, list) else []
