"""The GitLab code quality report: findings shown in a merge request.

The format is the subset of Code Climate's that GitLab documents (ci/testing/code_quality, "Code quality report
format"): an array of objects with description, check_name, fingerprint, severity and location.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, ClassVar, TextIO

from fakescan.core.records import ImageResult, Scan
from fakescan.reports import places
from fakescan.reports.escape import visible
from fakescan.reports.judgement import Finding, FindingKind, judge_plainly
from fakescan.reports.judging import JudgingRenderer
from fakescan.reports.order import by_attention

_SEVERITIES = {
    FindingKind.FAKE: "minor",
    FindingKind.INCONCLUSIVE: "info",
    FindingKind.NO_CREDENTIALS: "minor",
    FindingKind.LOST_MARKS: "minor",
    FindingKind.ERROR: "major",
}
"""Of findings that do not fail the check; those that do are ``critical``."""
_MAX_TEXT = 600


@dataclass(frozen=True, slots=True)
class GitlabRenderer(JudgingRenderer):
    """Writes a scan as a GitLab code quality report."""

    suffix: ClassVar[str] = ".json"
    """File suffix; give the format before the path: ``-o gitlab:gl-code-quality-report.json``."""

    def render(self, scan: Scan, out: TextIO) -> None:
        """Write the report.

        Args:
            scan: a finished scan.
            out: a text stream.
        """
        judgement = self.judgement or judge_plainly(scan)
        prefix = places.prefix_of(scan, self.base)
        issues = [
            _issue(result, finding, prefix)
            for result in by_attention(scan.results)
            for finding in judgement.of(result)
            if not finding.accepted
        ]
        if scan.interrupted:
            issues.insert(0, _interrupted(scan))
        out.write(json.dumps(issues, indent=1, ensure_ascii=True, allow_nan=False) + "\n")


def _issue(result: ImageResult, finding: Finding, prefix: str) -> dict[str, Any]:
    """One finding of one file; its fingerprint follows the file's path and bytes, so that an edit makes a new one."""
    file = result.record.file
    identity = "\0".join((finding.kind.value, file.path, file.sha256)).encode("utf-8", "surrogatepass")
    return {
        "type": "issue",
        "description": visible(finding.text, limit_chars=_MAX_TEXT),
        "check_name": f"fakescan/{finding.kind.value}",
        "categories": ["Security"],
        "fingerprint": hashlib.sha256(identity).hexdigest(),
        "severity": "critical" if finding.fails else _SEVERITIES[finding.kind],
        "location": {"path": places.shown_place(file.path, prefix), "lines": {"begin": 1}},
    }


def _interrupted(scan: Scan) -> dict[str, Any]:
    """A report that ends early must not look like one without findings."""
    return {
        "type": "issue",
        "description": "The scan was stopped before its end: files are missing from this report.",
        "check_name": "fakescan/interrupted",
        "categories": ["Security"],
        "fingerprint": hashlib.sha256(f"interrupted\0{scan.scan_id}".encode()).hexdigest(),
        "severity": "blocker",
        "location": {"path": ".", "lines": {"begin": 1}},
    }
