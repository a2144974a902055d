"""Scan to JSON and back: the contract's shape, hostile values, and reports that are none."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from fakescan.core.checked import Claim, ClaimMark, Region, Rescored
from fakescan.core.records import Calibration, Case, Evidence, Label, Scan, ScoreKind, Skipped, Stage
from fakescan.core.schema import (
    calibration_from_dict,
    calibration_to_dict,
    json_schema_text,
    scan_from_dict,
    scan_from_json,
    scan_to_dict,
    scan_to_json,
)
from fakescan.errors import InputError
from tests.support.builders import CALIBRATION, CAMERA, assessed, failed, scan


@pytest.fixture
def whole() -> Scan:
    return scan(
        assessed("a.jpg"), assessed("b/c.jpg", -3.0, CAMERA), assessed("d.jpg", 0.0, text=False), failed("e.jpg")
    )


def valid(document: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(json.loads(json_schema_text())).validate(document)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(json_schema_text()))


def test_there_and_back_is_the_same_scan(whole: Scan) -> None:
    assert scan_from_json(scan_to_json(whole)) == whole


def test_a_report_fits_its_schema(whole: Scan) -> None:
    valid(scan_to_dict(whole))
    valid(scan_to_dict(replace(whole, model=None, calibration={}, results=(failed("e"),), interrupted=True)))


def test_members_are_those_of_the_contract(whole: Scan) -> None:
    document = scan_to_dict(whole)
    contract = ["schema_version", "tool", "scan", "model", "calibration", "summary", "results", "skipped"]
    assert list(document) == [*contract, "clusters"]
    first, last = document["results"][0], document["results"][-1]
    assert first["status"] == "assessed"
    assert first["stages"] == {
        "summary": "The summary.",
        "caption": "The caption.",
        "reasoning": "The reasoning.",
        "conclusion": "Based on the analysis above, this image is fake.",
    }
    assert first["scores"]["used"] == "before"
    assert first["error"] is None
    assert last["status"] == "error"
    assert last["verdict"] is None
    assert last["scores"] == {"before_reasoning": None, "after_reasoning": None, "used": "before"}
    assert document["results"][2]["stages"] is None


def test_the_summary_adds_up(whole: Scan) -> None:
    assert scan_to_dict(whole)["summary"] == {
        "images": 4,
        "fake": 1,
        "real": 1,
        "inconclusive": 1,
        "error": 1,
        "skipped": 1,
    }


@pytest.mark.parametrize("name", ["bad\udcff.jpg", "\udc80", "lone\ud800.jpg"])
def test_undecodable_names_travel_in_base64(name: str) -> None:
    document = json.loads(scan_to_json(scan(assessed(name))))
    valid(document)
    row = document["results"][0]
    row["path"].encode("utf-8")
    assert row["path_b64"]
    if "\ud800" not in name:
        assert scan_from_dict(document).results[0].record.file.path == name


def test_a_valid_name_needs_no_base64() -> None:
    assert "path_b64" not in scan_to_dict(scan(assessed("日本語 🎨.jpg")))["results"][0]


def test_skipped_names_too() -> None:
    changed = replace(scan(), skipped=(Skipped("x\udcfe", "hidden"),))
    assert scan_from_json(scan_to_json(changed)).skipped == changed.skipped


def test_values_from_files_cannot_break_the_encoding_or_a_terminal() -> None:
    evil = Evidence("exif", "Make", "\x1b[31m\ud800\u202e\x9b")
    text = scan_to_json(scan(assessed("a.jpg", 3.0, evil)))
    assert text.isascii()
    assert "\x1b" not in text
    [row] = scan_from_json(text).results
    assert row.evidence[0].value == "\x1b[31m?\u202e\x9b"


def test_numbers_are_finite_and_rounded() -> None:
    odd = Calibration(1 / 3, 0.0, 0.5, (0.5, 0.5), "x", {"auc": math.nan, "ece": math.inf, "n": 3})
    document = scan_to_dict(replace(scan(assessed("a.jpg", 1 / 3)), calibration={ScoreKind.AFTER: odd}))
    valid(document)
    assert document["calibration"]["after"]["metrics"] == {"auc": None, "ece": None, "n": 3}
    assert document["calibration"]["before"] is None
    assert document["results"][0]["verdict"]["p_fake"] == round(1 / (1 + math.exp(-(1 / 6 + 0.25))), 6)
    assert calibration_from_dict(document["calibration"])[ScoreKind.AFTER].metrics == {"n": 3}


def test_no_calibration_is_null() -> None:
    assert calibration_to_dict({}) is None
    assert calibration_from_dict(None) == {}


def test_the_deciding_score_of_a_failed_file_follows_the_scan() -> None:
    asked = replace(scan(failed("a")), options={"score": "after"})
    assert scan_to_dict(asked)["results"][0]["scores"]["used"] == "after"


def test_readers_ignore_what_they_do_not_know(whole: Scan) -> None:
    document = scan_to_dict(whole)
    document["later"] = document["results"][0]["later"] = {"x": 1}
    assert scan_from_dict(document) == whole
    valid(document)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        '{"a": NaN}',
        '{"schema_version": "1"}',
        "[" * 100_000,
        '{"schema_version": "99"}',
        "1" * 9999,
    ],
)
def test_what_is_no_report_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError, match="not a"):
        scan_from_json(text)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("results", 0, "verdict", "label"), "maybe"),
        (("results", 0, "verdict", "p_fake"), "0.5"),
        (("results", 0, "verdict", "threshold"), 10**400),
        (("results", 0, "verdict"), []),
        (("results", 0, "size_bytes"), True),
        (("results", 0, "timings_s"), [1]),
        (("results", 0, "path_b64"), "%%"),
        (("results", 0, "stages"), "text"),
        (("results", 0, "status"), "fine"),
        (("results", 3, "error"), None),
        (("results", 0, "evidence"), [1]),
        (("results",), {}),
        (("scan", "started_at"), "yesterday"),
        (("scan", "started_at"), "2026-01-01T00:00:00"),
        (("calibration", "before", "inconclusive_band"), [0.1]),
        (("calibration", "before", "metrics"), {"a": []}),
        (("model", "card"), {"a": 1}),
        (("scan", "interrupted"), "no"),
    ],
    ids=str,
)
def test_every_value_is_distrusted_and_its_place_named(whole: Scan, place: tuple[Any, ...], value: object) -> None:
    document = copy.deepcopy(scan_to_dict(whole))
    inner: Any = document
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    with pytest.raises(InputError) as caught:
        scan_from_dict(document)
    assert str(place[-1]) in caught.value.message or str(place[-2]) in caught.value.message


def test_a_calibration_round_trips_exactly() -> None:
    both = {ScoreKind.BEFORE: CALIBRATION, ScoreKind.AFTER: replace(CALIBRATION, temperature=1 / 3)}
    assert calibration_from_dict(json.loads(json.dumps(calibration_to_dict(both)))) == both


def test_what_was_checked_travels_and_is_absent_otherwise(whole: Scan) -> None:
    first = replace(
        whole.results[0],
        stability=(Rescored("JPEG, quality 70", 0.51, Label.INCONCLUSIVE),),
        claims=(
            Claim(Stage.REASONING, "The edges melt.", ClaimMark.CONTRADICTED, "Sharpness was measured.", -0.25,
                  (Region(0.1, 0.2, 0.3, 0.4),)),
            Claim(Stage.CAPTION, "A dog.", ClaimMark.NOT_CHECKABLE),
        ),
    )  # fmt: skip
    checked = replace(whole, results=(first, *whole.results[1:]))
    document = scan_to_dict(checked)
    valid(document)
    assert document["results"][0]["claims"][0]["regions"] == [[0.1, 0.2, 0.3, 0.4]]
    assert not {"stability", "claims"} & set(document["results"][1])
    assert scan_from_dict(document) == checked


@pytest.mark.parametrize("region", [[0.1, 0.2, 0.3], [0, 0, 1, 1.5], [0, 0, -0.1, 1], ["a", 0, 0, 0]])
def test_a_region_that_is_none_is_refused(whole: Scan, region: list[object]) -> None:
    document = scan_to_dict(whole)
    claim = {"stage": "caption", "text": "A dog.", "mark": "supported", "regions": [region]}
    document["results"][0]["claims"] = [claim]
    with pytest.raises(InputError, match="claims"):
        scan_from_dict(document)


def test_case_and_redaction_travel_and_are_absent_otherwise(whole: Scan) -> None:
    assert not {"case", "redacted"} & set(scan_to_dict(whole)["scan"])
    told = replace(whole, case=Case("7", "", "a note"), redacted=("gps", "thumbs"))
    document = scan_to_dict(told)
    valid(document)
    assert document["scan"]["case"] == {"id": "7", "note": "a note"}
    assert scan_from_dict(document) == told
