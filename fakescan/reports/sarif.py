"""The SARIF 2.1.0 report, as GitHub code scanning and other viewers of analysis results read it.

Only findings are results. A file that could not be examined is a notification of the tool, and the invocation then
counts as unsuccessful, so that it never looks clean. Every result carries its own fingerprint (the digest of the
picture), because what GitHub would compute from the lines of a text file means nothing for a picture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TextIO

from fakescan.core.json_values import clean
from fakescan.core.records import Assessed, Failure, ImageResult, Scan
from fakescan.reports import places
from fakescan.reports.escape import visible
from fakescan.reports.judgement import Finding, FindingKind, Judgement, judge_plainly
from fakescan.reports.judging import JudgingRenderer
from fakescan.reports.measured import promises
from fakescan.reports.order import by_attention

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MAX_RESULTS = 25_000
"""GitHub refuses a run with more; what is left out is counted in a notification."""
_MAX_TEXT = 900
_ROOT = "%SRCROOT%"
"""By convention the top of the repository."""
_MEANING = (
    "A result is what a measured model and the file's own marks say. It is not proof, and it does not say whether "
    "what the picture shows has happened."
)


@dataclass(frozen=True, slots=True)
class _Rule:
    id: str
    name: str
    short: str
    help: str
    level: str


_RULES: Mapping[FindingKind, _Rule] = {
    FindingKind.FAKE: _Rule(
        "FS1001",
        "LikelyAiGenerated",
        "The picture is likely AI-generated.",
        "Look at the reasons in the HTML report, ask for the original file, and search for earlier copies. If the "
        "picture is meant to be there, accept it with `fakescan baseline`.",
        "error",
    ),
    FindingKind.INCONCLUSIVE: _Rule(
        "FS1002",
        "Inconclusive",
        "Whether the picture is AI-generated could not be decided.",
        "Do not use this result for or against the picture. Ask for the original file and have somebody look at it.",
        "warning",
    ),
    FindingKind.NO_CREDENTIALS: _Rule(
        "FS1003",
        "MissingContentCredentials",
        "The picture carries no intact Content Credentials (C2PA).",
        "Export the picture again with Content Credentials, or take its path out of that rule of the gate file.",
        "error",
    ),
    FindingKind.LOST_MARKS: _Rule(
        "FS1004",
        "LostMarks",
        "The picture has lost a mark of its origin that it had in the baseline.",
        "Find the step that drops metadata and restore the file, or update the baseline if that was meant.",
        "error",
    ),
    FindingKind.ERROR: _Rule(
        "FS1005",
        "CouldNotBeExamined",
        "The file could not be examined, and the gate file does not allow that.",
        "Treat the file as not examined. Replace it by one that can be opened, or exclude it.",
        "error",
    ),
}


_NOTICES = {
    "fakescan/interrupted": "The scan was stopped before its end.",
    "fakescan/left-out": "There are more findings than a log may hold.",
}


@dataclass(frozen=True, slots=True)
class SarifRenderer(JudgingRenderer):
    """Writes a scan as a SARIF log of one run."""

    suffix: ClassVar[str] = ".sarif"
    """File suffix."""

    def render(self, scan: Scan, out: TextIO) -> None:
        """Write the report.

        Args:
            scan: a finished scan.
            out: a text stream.
        """
        log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [self._run(scan)]}
        out.write(json.dumps(clean(log), indent=1, ensure_ascii=True, allow_nan=False) + "\n")

    def _run(self, scan: Scan) -> dict[str, Any]:
        judgement = self.judgement or judge_plainly(scan)
        prefix = places.prefix_of(scan, self.base)
        found = list(_findings(scan, judgement))
        kept = found[:MAX_RESULTS]
        results = [_result(result, finding, prefix, scan) for result, finding in kept]
        failures = [(r, r.outcome) for r in scan.results if isinstance(r.outcome, Failure)]
        notifications = [_notification(result, failure, prefix) for result, failure in failures]
        if scan.interrupted:
            notifications.append(_say("interrupted", "The scan was stopped before its end.", "error"))
        if len(found) > len(kept):
            left_out = f"{len(found) - len(kept)} more findings are not in this log; the JSON report has them."
            notifications.append(_say("left-out", left_out, "warning"))
        codes = sorted({item["descriptor"]["id"] for item in notifications})
        return {
            "tool": {"driver": _driver(scan, codes)},
            "automationDetails": {"id": f"fakescan/{scan.scan_id}"},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {_ROOT: _base(scan, prefix)},
            "invocations": [
                {
                    "executionSuccessful": not scan.interrupted and not failures,
                    "commandLine": visible(scan.command),
                    "startTimeUtc": f"{scan.started_at:%Y-%m-%dT%H:%M:%SZ}",
                    "endTimeUtc": f"{scan.finished_at:%Y-%m-%dT%H:%M:%SZ}",
                    "toolExecutionNotifications": notifications,
                }
            ],
            "artifacts": [_artifact(result, prefix) for result in _unique(result for result, _ in kept)],
            "results": results,
            "properties": {
                "summary": scan.summary,
                "accepted": judgement.accepted,
                "about": " ".join([_MEANING, *promises(scan.calibration)]),
            },
        }


def _findings(scan: Scan, judgement: Judgement) -> Iterator[tuple[ImageResult, Finding]]:
    """Every finding that becomes a result, what matters most first.

    A file that could not be examined is a result only where a gate file says that this fails the check.
    """
    for result in by_attention(scan.results):
        for finding in judgement.of(result):
            if finding.kind is not FindingKind.ERROR or finding.fails:
                yield result, finding


def _result(result: ImageResult, finding: Finding, prefix: str, scan: Scan) -> dict[str, Any]:
    """One finding of one file."""
    rule = _RULES[finding.kind]
    file = result.record.file
    properties: dict[str, Any] = {"fails": finding.fails}
    rank: dict[str, float] = {}
    if isinstance(result.outcome, Assessed):
        verdict, scores = result.outcome.verdict, result.outcome.scores
        p_fake = None if verdict.p_fake is None else round(verdict.p_fake, 6)
        properties |= {
            "label": verdict.label.value,
            "p_fake": p_fake,
            "threshold": verdict.threshold,
            "basis": list(verdict.basis),
            "calibrated": scores.used in scan.calibration,
        }
        if finding.kind is FindingKind.FAKE and p_fake is not None:
            rank = {"rank": round(p_fake * 100, 4)}
    suppressed = {"suppressions": [{"kind": "external", "justification": visible(finding.accepted)}]}
    return {
        "ruleId": rule.id,
        "ruleIndex": list(_RULES).index(finding.kind),
        "level": rule.level if finding.fails else "note" if rule.level == "note" or finding.accepted else "warning",
        "message": {"text": _text(finding.text)},
        "locations": [_location(file.path, prefix)],
        "partialFingerprints": _fingerprints(result, rule),
        **rank,
        **(suppressed if finding.accepted else {}),
        "properties": properties,
    }


def _fingerprints(result: ImageResult, rule: _Rule) -> dict[str, str]:
    """The picture's digest: an alert follows the picture, and an edited picture makes a new one.

    ``primaryLocationLineHash`` is the only one that GitHub compares; left out, it would be made from "lines".
    """
    digest = result.record.file.sha256
    if not digest:
        return {"fakescanPath/v1": visible(result.record.file.path)}
    return {"primaryLocationLineHash": f"{digest[:32]}{rule.id[-4:]}:1", "fakescanPictureSha256/v1": digest}


def _location(path: str, prefix: str) -> dict[str, Any]:
    """A place that viewers of source code can show: pictures have no lines, so it is the first character."""
    region = {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1}
    return {"physicalLocation": {"artifactLocation": _address(path, prefix), "region": region}}


def _address(path: str, prefix: str) -> dict[str, str]:
    return {"uri": places.uri_place(path, prefix), "uriBaseId": _ROOT}


def _artifact(result: ImageResult, prefix: str) -> dict[str, Any]:
    file = result.record.file
    known: dict[str, Any] = {"location": _address(file.path, prefix), "length": file.size_bytes}
    if file.media_type:
        known["mimeType"] = file.media_type
    if file.sha256:
        known["hashes"] = {"sha-256": file.sha256}
    return {**known, "roles": ["analysisTarget"]}


def _notification(result: ImageResult, failure: Failure, prefix: str) -> dict[str, Any]:
    """A file that could not be examined."""
    return {
        **_say(failure.code, f"Could not be examined ({failure.step}): {failure.message}. {failure.hint}", "error"),
        "locations": [_location(result.record.file.path, prefix)],
    }


def _say(code: str, text: str, level: str) -> dict[str, Any]:
    return {"descriptor": {"id": f"fakescan/{visible(code)}"}, "level": level, "message": {"text": _text(text)}}


def _driver(scan: Scan, notification_ids: list[str]) -> dict[str, Any]:
    """The tool and its rules; the rules are the same in every log, so that alerts keep their identity."""
    rules = [
        {
            "id": rule.id,
            "name": rule.name,
            "shortDescription": {"text": rule.short},
            "fullDescription": {"text": f"{rule.short} {_MEANING}"},
            "help": {"text": rule.help, "markdown": rule.help},
            "defaultConfiguration": {"level": rule.level},
            "properties": {"precision": "medium", "problem.severity": rule.level, "tags": ["media", "provenance"]},
        }
        for rule in _RULES.values()
    ]
    return {
        "name": "fakescan",
        "fullName": visible(f"fakescan {scan.tool_version}"),
        "version": visible(scan.tool_version),
        "semanticVersion": visible(scan.tool_version),
        "rules": rules,
        "notifications": [_notice(identity) for identity in notification_ids],
    }


def _notice(identity: str) -> dict[str, Any]:
    """What a kind of notification is about."""
    short = _NOTICES.get(identity) or f"A file could not be examined: {identity.partition('/')[2]}."
    helped = "Treat files that are named, or missing, as not examined."
    return {
        "id": identity,
        "name": "".join(part.capitalize() for part in identity.partition("/")[2].split("-")) or "Unnamed",
        "shortDescription": {"text": short},
        "fullDescription": {"text": f"{short} {helped}"},
        "help": {"text": helped},
    }


def _base(scan: Scan, prefix: str) -> dict[str, Any]:
    """Where the relative addresses start on the machine that scanned."""
    start = places.root_uri(scan).removesuffix(places.uri_place("", prefix))
    return {"uri": start, "description": {"text": "The folder that the addresses of this log start at."}}


def _unique(results: Iterator[ImageResult]) -> list[ImageResult]:
    """Each file once, in order."""
    return list({result.record.file.path: result for result in results}.values())


def _text(text: str) -> str:
    """A message: plain text, no placeholders (SARIF 3.11.5), and ended as a sentence."""
    plain = visible(" ".join(text.split()), limit_chars=_MAX_TEXT).replace("{", "{{").replace("}", "}}")
    return plain if plain.endswith((".", "!", "?")) else f"{plain}."
