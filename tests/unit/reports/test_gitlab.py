"""The code quality report against the format that GitLab documents."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import jsonschema  # type: ignore[import-untyped]

from fakescan.core.records import Label, Scan
from fakescan.reports.gitlab import GitlabRenderer
from fakescan.reports.judgement import Finding, FindingKind, Judgement
from tests.unit.reports.conftest import build_result, build_scan

DOCUMENTED = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "location", "severity"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "not": {"pattern": "^(\\./|/)"}},
                    "lines": {"type": "object", "required": ["begin"], "properties": {"begin": {"type": "integer"}}},
                },
            },
        },
    },
}
"""Fields that GitLab's page "Code Quality", section "Code Quality report format", lists as required."""


def issues(scan: Scan, **given: Any) -> list[dict[str, Any]]:
    out = StringIO()
    GitlabRenderer(**given).render(scan, out)
    assert out.getvalue().isascii()
    assert not out.getvalue().startswith("\ufeff"), "GitLab takes no byte order mark"
    found: list[dict[str, Any]] = json.loads(out.getvalue())
    return found


def test_has_the_documented_form(press_scan: Scan, hostile_scan: Scan) -> None:
    for scan in (press_scan, hostile_scan, build_scan([], interrupted=True), build_scan([])):
        jsonschema.validate(issues(scan), DOCUMENTED)


def test_findings_and_errors_with_their_severity(press_scan: Scan) -> None:
    found = issues(press_scan)
    assert [(item["check_name"], item["severity"]) for item in found] == [
        ("fakescan/fake", "critical"),
        *[("fakescan/fake", "critical")] * 2,
        *[("fakescan/inconclusive", "info")] * 3,
        *[("fakescan/error", "major")] * 2,
    ]
    assert found[0]["location"] == {"path": "stall/market.jpg", "lines": {"begin": 1}}
    assert issues(build_scan([], interrupted=True))[0]["severity"] == "blocker"


def test_fingerprints_are_unique_and_follow_path_and_bytes() -> None:
    results = [
        build_result(name, Label.FAKE, 0.9, digest="a" * 64) for name in ("a\n.jpg", "a\\n.jpg", "b.jpg", "\udcff.jpg")
    ]
    first = [item["fingerprint"] for item in issues(build_scan(results))]
    assert len(set(first)) == 4
    assert [item["fingerprint"] for item in issues(build_scan(results))] == first
    edited = issues(build_scan([build_result("b.jpg", Label.FAKE, 0.9, digest="c" * 64)]))
    assert edited[0]["fingerprint"] not in first


def test_accepted_findings_are_not_issues(press_scan: Scan) -> None:
    accepted = Judgement({"bridge.jpg": (Finding(FindingKind.FAKE, "Fake.", False, "Known."),)})
    assert issues(press_scan, judgement=accepted) == []
