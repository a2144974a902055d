"""What a report of the C2PA library means: present, bytes intact, signature valid, signer trusted, claim, each apart.

"Invalid" is not "tampered": a certificate that is on no list, has expired or serves another purpose says nothing about
the picture. Only a hash or a signature that does not fit does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fakescan.core.provenance import BROKEN_SIGNATURE, SIGNER
from fakescan.core.records import Evidence, Strength, Supports
from fakescan.evidence.generators.names import names_a_generator
from fakescan.evidence.source_types import source_type
from fakescan.evidence.text import cleaned

READER = "c2pa"
"""Name of the reader that these findings are of."""

_MAX_MANIFESTS = 100
_MAX_ROWS = 40
_MAX_DEPTH = 8
_NOT_BROKEN = (
    "signingCredential.",
    "timeStamp.",
    "cawg.",
    "ingredient.",
    "claimSignature.outsideValidity",
    "assertion.action.",
)
"""Failures that speak of the certificate, the time, a part, or how the history is put, not of changed bytes."""
_STRENGTH_WORDS = {
    Strength.TRUSTED: "The signer is on the trust list.",
    Strength.UNSIGNED: "Signed by somebody who is on no trust list: anyone can make such a signature.",
    Strength.WEAK: "The signature does not check: context only.",
}
_SAME_PICTURE, _PART = "parentOf", "componentOf"


@dataclass(slots=True)
class _Codes:
    """Results of the validation of one manifest."""

    success: set[str] = field(default_factory=set)
    failure: set[str] = field(default_factory=set)
    known: bool = False

    @property
    def broken(self) -> list[str]:
        return sorted(code for code in self.failure if not code.startswith(_NOT_BROKEN))

    @property
    def trusted(self) -> bool:
        doubts = {code for code in self.failure if not code.startswith("cawg.")}
        return "signingCredential.trusted" in self.success and not doubts


@dataclass(frozen=True, slots=True)
class _Claim:
    """A source type that a manifest declares."""

    supports: Supports
    says: str
    value: str


def findings(report: Mapping[str, Any], trust_note: str) -> list[Evidence]:
    """Rows of the evidence table.

    Args:
        report: the library's JSON report.
        trust_note: by which list the signer was judged, as a sentence.
    """
    manifests = _mapping(report.get("manifests"))
    label = str(report.get("active_manifest") or "")
    active = _mapping(manifests.get(label))
    codes = _codes(report)
    mine = codes.get(label, _Codes())
    rows = list(_state_rows(active, mine, len(manifests), trust_note, str(report.get("validation_state") or "")))
    if mine.broken:
        rows.insert(0, _broken_row(mine))
    rows += _once(_claim_rows(active, label, manifests, codes))
    return rows[:_MAX_ROWS]


def _state_rows(
    active: Mapping[str, Any], codes: _Codes, count: int, trust_note: str, state: str
) -> Iterator[Evidence]:
    value = cleaned(_generator(active))
    note = f"A signed history of the picture is in the file ({count} manifest{'s' if count != 1 else ''})."
    yield Evidence(READER, "Content Credentials", value, note=note)
    changed = any(code.endswith("Hash.mismatch") for code in codes.failure)
    bound = any(code.startswith("assertion.") and code.endswith("Hash.match") for code in codes.success)
    intact = "no" if changed else "yes" if bound else "not known"
    yield Evidence(
        READER, "bytes intact", intact, note="Whether the picture is, byte for byte, the one that was signed."
    )
    valid = "claimSignature.validated" in codes.success and not any(
        code in codes.failure for code in ("claimSignature.mismatch", "claimSignature.missing")
    )
    note = "Whether the signature belongs to this history; it says nothing about who signed."
    yield Evidence(READER, "signature valid", "yes" if valid else "no", note=note)
    trusted = codes.trusted and not codes.broken
    yield Evidence(READER, "signer trusted", "yes" if trusted else "no", note=" ".join([trust_note, *_doubts(codes)]))
    signature = _mapping(active.get("signature_info"))
    names = dict.fromkeys(str(signature[key]) for key in ("issuer", "common_name") if signature.get(key))
    if names:
        strength = Strength.TRUSTED if trusted else Strength.CONTEXT
        note = (
            "Who signed, by the certificate." if trusted else "Who signed, by a certificate that is on no trust list."
        )
        yield Evidence(READER, SIGNER, cleaned(", ".join(names)), strength=strength, note=note)
    if state:
        note = "The C2PA library's own word. “Invalid” also covers certificates that expired or serve another purpose."
        yield Evidence(READER, "validation state", cleaned(state), note=note)
    if signature.get("time"):
        note = "When it was signed, by the time stamp in the signature."
        yield Evidence(READER, "signed at", cleaned(str(signature["time"])), note=note)


def _doubts(codes: _Codes) -> Iterator[str]:
    failed = codes.failure
    if {"signingCredential.expired", "claimSignature.outsideValidity"} & failed:
        yield "The certificate has expired, and no trusted time stamp shows that it was valid when used."
    if any("revoked" in code and "notRevoked" not in code for code in failed):
        yield "The certificate was revoked."
    if any(code.startswith("assertion.action.") for code in failed):
        yield "The history is not put as the standard asks for, so it is believed no more than an unknown signer's."
    if "signingCredential.invalid" in failed:
        yield "The certificate is not meant for signing pictures."


def _broken_row(codes: _Codes) -> Evidence:
    changed = any(code.endswith("Hash.mismatch") for code in codes.broken)
    what = "the picture was changed after it was signed" if changed else "the signed history itself was changed"
    note = f"The signature does not check: {what}, or the signature was taken from another file."
    return Evidence(READER, BROKEN_SIGNATURE, cleaned(", ".join(codes.broken)), strength=Strength.WEAK, note=note)


# ---------------------------------------------------------------- claims


def _claim_rows(
    active: Mapping[str, Any], label: str, manifests: Mapping[str, Any], codes: Mapping[str, _Codes]
) -> Iterator[Evidence]:
    mine = codes.get(label, _Codes())
    strength = _strength(mine)
    for claim in _claims(active):
        yield _claim_row("DigitalSourceType", claim, claim.supports, strength, f"The signer declares it {claim.says}.")
    yield from _ingredient_rows(active, manifests, codes, mine, seen={label}, relation=_SAME_PICTURE)


def _ingredient_rows(
    manifest: Mapping[str, Any],
    manifests: Mapping[str, Any],
    codes: Mapping[str, _Codes],
    outer: _Codes,
    *,
    seen: set[str],
    relation: str,
) -> Iterator[Evidence]:
    """Claims of what the picture was made from, all the way down."""
    for ingredient in _list(manifest.get("ingredients")):
        ingredient = _mapping(ingredient)
        label = str(ingredient.get("active_manifest") or "")
        how = str(ingredient.get("relationship") or "")
        # A part of a part is a part; what only went into a generator is not in the picture.
        inner = how if relation == _SAME_PICTURE else relation
        if not label or label in seen or len(seen) > _MAX_MANIFESTS or inner not in (_SAME_PICTURE, _PART):
            continue
        seen.add(label)
        found, recorded = codes.get(label, _Codes()), _recorded(ingredient)
        merged = _merged(found, recorded)
        if merged.broken:
            note = "The signature of an earlier version, or of a part, of this picture did not check."
            value = cleaned(", ".join(merged.broken))
            yield Evidence(READER, "ingredient with a broken signature", value, strength=Strength.CONTEXT, note=note)
        # A trusted signer vouches for having used it; its own claim is only as good as its own signature.
        strength = min(_strength(merged), _strength(outer), key=list(Strength).index)
        earlier = _mapping(manifests.get(label))
        for claim in _claims(earlier):
            yield _ingredient_claim(claim, strength, same=inner == _SAME_PICTURE)
        yield from _ingredient_rows(earlier, manifests, codes, merged, seen=seen, relation=inner)


def _ingredient_claim(claim: _Claim, strength: Strength, *, same: bool) -> Evidence:
    what = "An earlier version of this picture" if same else "A part of this picture"
    supports = claim.supports
    if supports is Supports.FAKE and not same:
        supports = Supports.EDITED
    elif supports is Supports.REAL:
        supports = Supports.NONE  # what was captured has been worked on since
    return _claim_row(
        "DigitalSourceType of an ingredient", claim, supports, strength, f"{what} is declared {claim.says}."
    )


def _claim_row(name: str, claim: _Claim, supports: Supports, strength: Strength, says: str) -> Evidence:
    note = f"{says} {_STRENGTH_WORDS[strength]}"
    if supports is Supports.NONE:
        strength = Strength.CONTEXT
    elif supports is Supports.REAL and strength is Strength.UNSIGNED:
        strength = Strength.WEAK  # anyone can sign "this was photographed"
    return Evidence(READER, name, cleaned(claim.value), supports, strength, note=note)


def _strength(codes: _Codes) -> Strength:
    if codes.broken or ("claimSignature.validated" not in codes.success and codes.known):
        return Strength.WEAK
    return Strength.TRUSTED if codes.trusted else Strength.UNSIGNED


def _claims(manifest: Mapping[str, Any]) -> Iterator[_Claim]:
    """The source types that a manifest declares: in its actions, or in metadata that it carries."""
    for assertion in _list(manifest.get("assertions")):
        assertion = _mapping(assertion)
        content = assertion.get("data")
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            actions = [_mapping(action) for action in _list(_mapping(content).get("actions"))]
            opened = any(action.get("action") == "c2pa.opened" for action in actions) or any(
                _mapping(item).get("relationship") == _SAME_PICTURE for item in _list(manifest.get("ingredients"))
            )
            for action in actions:
                yield from _of_action(action, opened=opened)
        else:
            for value in _source_types_in(content, _MAX_DEPTH):
                found = source_type(value)
                if found is not None:
                    yield _Claim(found.supports, found.says, value)


def _of_action(action: Mapping[str, Any], *, opened: bool) -> Iterator[_Claim]:
    name = str(action.get("action") or "")
    agent = action.get("softwareAgent")
    agent = str(_mapping(agent).get("name") or "") if isinstance(agent, Mapping) else str(agent or "")
    told = f" ({', '.join(part for part in (name, agent) if part)})" if name or agent else ""
    value = action.get("digitalSourceType")
    found = source_type(value) if isinstance(value, str) else None
    if found is not None:
        supports, says = found.supports, found.says
        if supports is Supports.FAKE and opened and name != "c2pa.created":
            supports, says = Supports.EDITED, "edited with generative AI"
        yield _Claim(supports, says, f"{value}{told}")
    elif name == "c2pa.created" and names_a_generator(agent):
        yield _Claim(Supports.FAKE, "made by an image generator that it names", told.strip(" ()"))


def _source_types_in(content: object, depth: int) -> Iterator[str]:
    if isinstance(content, Mapping) and depth:
        for name, value in content.items():
            if str(name).rpartition(":")[2].lower() == "digitalsourcetype":
                yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str))
            else:
                yield from _source_types_in(value, depth - 1)
    elif isinstance(content, list) and depth:
        for item in content:
            yield from _source_types_in(item, depth - 1)


# ---------------------------------------------------------------- the library's report


def _codes(report: Mapping[str, Any]) -> dict[str, _Codes]:
    """Validation results by manifest: those of the active one, and of ingredients by the address in each result."""
    results = _mapping(report.get("validation_results"))
    found: dict[str, _Codes] = {}
    active = str(report.get("active_manifest") or "")
    _add_results(found.setdefault(active, _Codes(known=True)), _mapping(results.get("activeManifest")))
    for delta in _list(results.get("ingredientDeltas")):
        deltas = _mapping(_mapping(delta).get("validationDeltas"))
        for outcome in ("success", "failure", "informational"):
            for item in _list(deltas.get(outcome)):
                label = _label_in(str(_mapping(item).get("url") or ""))
                if label and label != active:
                    _add_results(found.setdefault(label, _Codes()), {outcome: [item]})
    return found


def _recorded(ingredient: Mapping[str, Any]) -> _Codes:
    """What the signer noted about an ingredient when it was used."""
    codes = _Codes()
    _add_results(codes, _mapping(_mapping(ingredient.get("validation_results")).get("activeManifest")))
    for item in _list(ingredient.get("validation_status")):
        code = str(_mapping(item).get("code") or "")
        good = code.endswith((".match", ".validated", ".trusted", ".insideValidity", ".notRevoked", ".accessible"))
        (codes.success if good else codes.failure).add(code)
    return codes


def _merged(now: _Codes, recorded: _Codes) -> _Codes:
    """What was noted, changed by what the library finds now: it tells only where the two differ."""
    failure = recorded.failure
    if "signingCredential.trusted" in now.success:
        failure = {code for code in failure if not code.startswith("signingCredential.")}
    return _Codes(now.success | recorded.success, now.failure | failure, now.known)


def _add_results(codes: _Codes, results: Mapping[str, Any]) -> None:
    for outcome, kept in (("success", codes.success), ("failure", codes.failure)):
        kept.update(str(_mapping(item).get("code") or "") for item in _list(results.get(outcome)))


def _label_in(url: str) -> str:
    _, _, rest = url.partition("jumbf=/c2pa/")
    return rest.partition("/")[0]


def _generator(manifest: Mapping[str, Any]) -> str:
    for info in _list(manifest.get("claim_generator_info")):
        name, version = _mapping(info).get("name"), _mapping(info).get("version")
        if name:
            return f"{name} {version or ''}".strip()
    return str(manifest.get("claim_generator") or "")


def _once(rows: Iterator[Evidence]) -> Iterator[Evidence]:
    told: set[tuple[str, str, Supports]] = set()
    for row in rows:
        key = (row.name, row.value, row.supports)
        if key not in told:
            told.add(key)
            yield row


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []
