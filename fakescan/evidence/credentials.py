"""What a report of the C2PA library means: present, bytes intact, signature valid, signer trusted, claim, each apart.

"Invalid" is not "tampered": a certificate that is on no list, has expired or serves another purpose says nothing about
the picture. Only a hash or a signature that does not fit does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fakescan.core.provenance import BROKEN_SIGNATURE, SIGNER
from fakescan.core.records import Evidence, Strength, Supports
from fakescan.evidence.generators.names import names_a_generator
from fakescan.evidence.source_types import source_type
from fakescan.evidence.text import cleaned
from fakescan.evidence.validation import Codes, codes_of, mapping, merged, recorded_codes, sequence

READER = "c2pa"
"""Name of the reader that these findings are of."""

_MAX_MANIFESTS = 100
_MAX_ROWS = 40
_MAX_DEPTH = 8
_STRENGTH_WORDS = {
    Strength.TRUSTED: "The signer is on the trust list.",
    Strength.UNSIGNED: "Signed by somebody who is on no trust list: anyone can make such a signature.",
    Strength.WEAK: "The signature does not check: context only.",
}
_SAME_PICTURE, _PART = "parentOf", "componentOf"


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
    manifests = mapping(report.get("manifests"))
    label = str(report.get("active_manifest") or "")
    active = mapping(manifests.get(label))
    codes = codes_of(report)
    mine = codes.get(label, Codes())
    rows = list(_state_rows(active, mine, len(manifests), trust_note, str(report.get("validation_state") or "")))
    if mine.broken:
        rows.insert(0, _broken_row(mine))
    claims = list(_once(_claim_rows(active, label, manifests, codes)))
    claims.sort(key=lambda item: item.supports is Supports.NONE)  # what speaks is never cut off
    return (rows + claims)[:_MAX_ROWS]


def _state_rows(active: Mapping[str, Any], codes: Codes, count: int, trust_note: str, state: str) -> Iterator[Evidence]:
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
    listed = "yes" if codes.signer_trusted else "no"
    yield Evidence(READER, "signer trusted", listed, note=" ".join([trust_note, *_doubts(codes)]))
    signature = mapping(active.get("signature_info"))
    names = dict.fromkeys(str(signature[key]) for key in ("issuer", "common_name") if signature.get(key))
    if names:
        strength = Strength.TRUSTED if codes.trusted else Strength.CONTEXT
        on_list = "is" if codes.signer_trusted else "is not"
        note = f"Who signed, by a certificate that {on_list} on the trust list."
        yield Evidence(READER, SIGNER, cleaned(", ".join(names)), strength=strength, note=note)
    if state:
        note = "The C2PA library's own word. “Invalid” also covers certificates that expired or serve another purpose."
        yield Evidence(READER, "validation state", cleaned(state), note=note)
    if signature.get("time"):
        note = "When it was signed, by the time stamp in the signature."
        yield Evidence(READER, "signed at", cleaned(str(signature["time"])), note=note)


def _doubts(codes: Codes) -> Iterator[str]:
    failed = codes.failure
    if {"signingCredential.expired", "claimSignature.outsideValidity"} & failed:
        yield "The certificate has expired, and no trusted time stamp shows that it was valid when used."
    if any("revoked" in code and "notRevoked" not in code for code in failed):
        yield "The certificate was revoked."
    if any(code.startswith("assertion.action.") for code in failed):
        yield "The history is not put as the standard asks for, so it is believed no more than an unknown signer's."
    if "signingCredential.invalid" in failed:
        yield "The certificate is not meant for signing pictures."


def _broken_row(codes: Codes) -> Evidence:
    changed = any(code.endswith("Hash.mismatch") for code in codes.broken)
    what = "the picture was changed after it was signed" if changed else "the signed history itself was changed"
    note = f"The signature does not check: {what}, or the signature was taken from another file."
    return Evidence(READER, BROKEN_SIGNATURE, cleaned(", ".join(codes.broken)), strength=Strength.WEAK, note=note)


# ---------------------------------------------------------------- claims


def _claim_rows(
    active: Mapping[str, Any], label: str, manifests: Mapping[str, Any], codes: Mapping[str, Codes]
) -> Iterator[Evidence]:
    mine = codes.get(label, Codes())
    strength = _strength(mine)
    for claim in _claims(active):
        yield _claim_row("DigitalSourceType", claim, claim.supports, strength, f"The signer declares it {claim.says}.")
    yield from _ingredient_rows(active, manifests, codes, mine, seen={label}, relation=_SAME_PICTURE)


def _ingredient_rows(
    manifest: Mapping[str, Any],
    manifests: Mapping[str, Any],
    codes: Mapping[str, Codes],
    outer: Codes,
    *,
    seen: set[str],
    relation: str,
) -> Iterator[Evidence]:
    """Claims of what the picture was made from, all the way down."""
    for ingredient in sequence(manifest.get("ingredients")):
        ingredient = mapping(ingredient)
        label = str(ingredient.get("active_manifest") or "")
        how = str(ingredient.get("relationship") or "")
        # A part of a part is a part; what only went into a generator is not in the picture.
        inner = how if relation == _SAME_PICTURE else relation
        if not label or label in seen or len(seen) > _MAX_MANIFESTS or inner not in (_SAME_PICTURE, _PART):
            continue
        seen.add(label)
        found, recorded = codes.get(label, Codes()), recorded_codes(ingredient)
        both = merged(found, recorded)
        if both.broken:
            note = "The signature of an earlier version, or of a part, of this picture did not check."
            value = cleaned(", ".join(both.broken))
            yield Evidence(READER, "ingredient with a broken signature", value, strength=Strength.CONTEXT, note=note)
        # A trusted signer vouches for having used it; its own claim is only as good as its own signature.
        strength = min(_strength(both), _strength(outer), key=list(Strength).index)
        earlier = mapping(manifests.get(label))
        for claim in _claims(earlier):
            yield _ingredient_claim(claim, strength, same=inner == _SAME_PICTURE)
        yield from _ingredient_rows(earlier, manifests, codes, both, seen=seen, relation=inner)


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


def _strength(codes: Codes) -> Strength:
    if codes.broken or ("claimSignature.validated" not in codes.success and codes.known):
        return Strength.WEAK
    return Strength.TRUSTED if codes.trusted else Strength.UNSIGNED


def _claims(manifest: Mapping[str, Any]) -> Iterator[_Claim]:
    """The source types that a manifest declares: in its actions, or in metadata that it carries."""
    for assertion in sequence(manifest.get("assertions")):
        assertion = mapping(assertion)
        content = assertion.get("data")
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            actions = [mapping(action) for action in sequence(mapping(content).get("actions"))]
            opened = any(action.get("action") == "c2pa.opened" for action in actions) or any(
                mapping(item).get("relationship") == _SAME_PICTURE for item in sequence(manifest.get("ingredients"))
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
    agent = str(mapping(agent).get("name") or "") if isinstance(agent, Mapping) else str(agent or "")
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


def _generator(manifest: Mapping[str, Any]) -> str:
    for info in sequence(manifest.get("claim_generator_info")):
        name, version = mapping(info).get("name"), mapping(info).get("version")
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
