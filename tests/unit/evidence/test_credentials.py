"""What reports of the C2PA library mean, with reports written by hand; whole files are in test_c2pa.py."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescan.core.provenance import BROKEN_SIGNATURE, Found, provenance_of
from fakescan.core.records import Evidence, Strength, Supports
from fakescan.evidence.credentials import findings

AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
GOOD = ("claimSignature.validated", "claimSignature.insideValidity", "assertion.dataHash.match")


def codes(*names: str, label: str = "a") -> list[dict[str, str]]:
    return [{"code": name, "url": f"self#jumbf=/c2pa/{label}/c2pa.signature"} for name in names]


def report(
    assertions: Sequence[Mapping[str, Any]],
    success: Sequence[str] = (*GOOD, "signingCredential.trusted"),
    failure: Sequence[str] = (),
) -> dict[str, Any]:
    return {
        "active_manifest": "a",
        "manifests": {
            "a": {"assertions": list(assertions), "signature_info": {"issuer": "X", "common_name": "Y", "time": "2026"}}
        },
        "validation_results": {"activeManifest": {"success": codes(*success), "failure": codes(*failure)}},
        "validation_state": "Trusted",
    }


def acted(**action: object) -> dict[str, Any]:
    return {"label": "c2pa.actions.v2", "data": {"actions": [action]}}


def row(found: list[Evidence]) -> Found:
    return provenance_of(found).row


@pytest.mark.parametrize(
    ("assertion", "expected"),
    [
        (acted(action="c2pa.created", digitalSourceType=AI), Found.TRUSTED_AI),
        (acted(action="c2pa.created", softwareAgent="Adobe Firefly"), Found.TRUSTED_AI),
        (acted(action="c2pa.created", softwareAgent={"name": "Adobe_Firefly", "version": "5"}), Found.TRUSTED_AI),
        (acted(action="c2pa.edited", softwareAgent="Adobe Firefly"), Found.NOTHING),
        (acted(action="c2pa.created", softwareAgent="Photo Firefly Club"), Found.NOTHING),
        ({"label": "stds.iptc", "data": {"Iptc4xmpExt:DigitalSourceType": AI}}, Found.TRUSTED_AI),
        ({"label": "cawg.metadata", "data": {"x": [{"Iptc4xmpExt:DigitalSourceType": [AI]}]}}, Found.TRUSTED_AI),
        (
            {"label": "c2pa.training-mining", "data": {"entries": {"c2pa.ai_training": {"use": "notAllowed"}}}},
            Found.NOTHING,
        ),
        ({"label": "stds.schema-org.CreativeWork", "data": {"about": AI}}, Found.NOTHING),
    ],
)
def test_where_claims_stand(assertion: Mapping[str, Any], expected: Found) -> None:
    assert row(findings(report([assertion]), "")) is expected


def test_an_edit_of_an_opened_picture_is_an_edit() -> None:
    opened = {
        "label": "c2pa.actions",
        "data": {"actions": [{"action": "c2pa.opened"}, {"action": "c2pa.edited", "digitalSourceType": AI}]},
    }
    assert row(findings(report([opened]), "")) is Found.TRUSTED_EDIT


@pytest.mark.parametrize(
    ("failure", "broken", "expected"),
    [
        ("assertion.dataHash.mismatch", True, Found.NOTHING),
        ("assertion.boxesHash.mismatch", True, Found.NOTHING),
        ("assertion.bmffHash.mismatch", True, Found.NOTHING),
        ("assertion.hashedURI.mismatch", True, Found.NOTHING),
        ("claimSignature.mismatch", True, Found.NOTHING),
        ("assertion.missing", True, Found.NOTHING),
        ("some.code.of.tomorrow", True, Found.NOTHING),
        ("signingCredential.untrusted", False, Found.CLAIMED_AI),
        ("signingCredential.expired", False, Found.CLAIMED_AI),
        ("signingCredential.invalid", False, Found.CLAIMED_AI),
        ("signingCredential.ocsp.revoked", False, Found.CLAIMED_AI),
        ("claimSignature.outsideValidity", False, Found.CLAIMED_AI),
        ("timeStamp.mismatch", False, Found.CLAIMED_AI),
        ("assertion.action.malformed", False, Found.CLAIMED_AI),
        # Who the author says to be is another question than who signed.
        ("cawg.ica.did_unavailable", False, Found.TRUSTED_AI),
    ],
)
def test_each_failure(failure: str, broken: bool, expected: Found) -> None:
    found = findings(report([acted(action="c2pa.created", digitalSourceType=AI)], failure=[failure]), "")
    assert (BROKEN_SIGNATURE in [item.name for item in found]) is broken
    assert row(found) is expected
    trust = next(item.value for item in found if item.name == "signer trusted")
    assert (trust == "yes") is not failure.startswith("signingCredential.")


def test_a_signature_that_was_not_validated_carries_nothing() -> None:
    found = findings(
        report([acted(action="c2pa.created", digitalSourceType=AI)], success=["signingCredential.trusted"]), ""
    )
    assert row(found) is Found.NOTHING
    assert next(item.value for item in found if item.name == "signature valid") == "no"


def test_a_chain_of_ingredients_that_bites_its_tail_ends() -> None:
    whole = report([])
    for label, other in (("a", "b"), ("b", "c"), ("c", "a")):
        whole["manifests"].setdefault(label, {"assertions": []})["ingredients"] = [
            {"active_manifest": other, "relationship": "parentOf"}
        ]
    whole["manifests"]["c"]["assertions"] = [acted(action="c2pa.created", digitalSourceType=AI)]
    assert row(findings(whole, "")) is Found.CLAIMED_AI


def test_a_part_of_a_part_is_a_part_and_a_broken_one_says_nothing() -> None:
    whole = report([])
    whole["manifests"]["a"]["ingredients"] = [{"active_manifest": "b", "relationship": "componentOf"}]
    whole["manifests"]["b"] = {"ingredients": [{"active_manifest": "c", "relationship": "parentOf"}]}
    whole["manifests"]["c"] = {"assertions": [acted(action="c2pa.created", digitalSourceType=AI)]}
    assert row(findings(whole, "")) is Found.CLAIMED_EDIT
    delta = {"validationDeltas": {"failure": codes("claimSignature.mismatch", label="c")}}
    whole["validation_results"]["ingredientDeltas"] = [delta]
    found = findings(whole, "")
    assert row(found) is Found.NOTHING
    assert "ingredient with a broken signature" in [item.name for item in found]


NAMES = re.findall(
    r"\w+",
    "active_manifest manifests a assertions data actions label action digitalSourceType ingredients relationship "
    "validation_results activeManifest failure success code url signature_info issuer",
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.just(AI),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@given(st.dictionaries(st.sampled_from(["active_manifest", "manifests", "validation_results"]), VALUES))
def test_any_report_is_survived_and_trusts_nobody(whole: dict[str, Any]) -> None:
    for item in findings(whole, "a note."):
        assert item.strength is not Strength.TRUSTED
        assert item.supports in set(Supports)
        assert item.value.isprintable()
