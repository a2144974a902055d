"""The JUnit XML report, which every CI system shows: one test case a file, one suite a folder.

A file fails when it makes the exit code 1. A file that could not be examined is an error. What was found and does not
fail (inconclusive, or accepted in a baseline) is skipped with its reason: it did not pass.
"""

from __future__ import annotations

import posixpath
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TextIO

from fakescan.core.records import Assessed, ImageResult, Scan
from fakescan.reports import places, words
from fakescan.reports.escape import visible
from fakescan.reports.judgement import Finding, FindingKind, Judgement, judge_plainly
from fakescan.reports.judging import JudgingRenderer
from fakescan.reports.measured import promises

_MAX_TEXT = 2_000


@dataclass(frozen=True, slots=True)
class JunitRenderer(JudgingRenderer):
    """Writes a scan as JUnit XML."""

    suffix: ClassVar[str] = ".xml"
    """File suffix."""

    def render(self, scan: Scan, out: TextIO) -> None:
        """Write the report.

        Args:
            scan: a finished scan.
            out: a text stream.
        """
        judgement = self.judgement or judge_plainly(scan)
        prefix = places.prefix_of(scan, self.base)
        suites: dict[str, list[ET.Element]] = {}
        for result in scan.results:
            place = places.shown_place(result.record.file.path, prefix)
            suites.setdefault(posixpath.dirname(place) or ".", []).append(_case(result, place, judgement, scan))
        if scan.interrupted or not (scan.results or scan.options.get("allow_empty")):
            suites["fakescan"] = [_whole_scan(scan)]
        top = ET.Element("testsuites", {"name": "fakescan"})
        for name, cases in sorted(suites.items()):
            top.append(_suite(name, cases, scan))
        _count(top, [case for cases in suites.values() for case in cases])
        ET.indent(top, " ")
        out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        out.write(ET.tostring(top, encoding="unicode") + "\n")


def _suite(name: str, cases: list[ET.Element], scan: Scan) -> ET.Element:
    suite = ET.Element("testsuite", {"name": name, "timestamp": f"{scan.started_at:%Y-%m-%dT%H:%M:%S}"})
    _count(suite, cases)
    properties = ET.SubElement(suite, "properties")
    for key, value in _properties(scan).items():
        ET.SubElement(properties, "property", {"name": key, "value": visible(value, limit_chars=_MAX_TEXT)})
    suite.extend(cases)
    return suite


def _properties(scan: Scan) -> Mapping[str, str]:
    """Which model, policy and run the suite is about."""
    known = {"scan": scan.scan_id, "tool": f"fakescan {scan.tool_version}", "root": scan.root}
    if scan.model is not None:
        known |= {"model": scan.model.name, "weights_sha256": scan.model.weights_sha256}
    if promised := promises(scan.calibration):
        known["calibration"] = " ".join(promised)
    return known | {"policy": str(scan.options.get("policy", "balanced"))}


def _case(result: ImageResult, place: str, judgement: Judgement, scan: Scan) -> ET.Element:
    """One file."""
    spent_s = sum(result.timings_s.values())
    folder = posixpath.dirname(place) or "."
    case = ET.Element("testcase", {"name": posixpath.basename(place), "classname": folder, "time": f"{spent_s:.3f}"})
    found = judgement.of(result)
    errors = [finding for finding in found if finding.kind is FindingKind.ERROR]
    failing = [finding for finding in found if finding.fails and finding.kind is not FindingKind.ERROR]
    if errors:
        _say(case, "error", errors)
    elif failing:
        _say(case, "failure", failing)
    elif found:
        _say(case, "skipped", found)
    ET.SubElement(case, "system-out").text = _details(result, scan)
    return case


def _say(case: ET.Element, tag: str, found: tuple[Finding, ...] | list[Finding]) -> None:
    """Why a case did not pass: the strongest finding as the message, all of them as the text."""
    texts = [_plain(f"{finding.text} {finding.accepted}".strip()) for finding in found]
    element = ET.SubElement(case, tag, {"message": texts[0]})
    if tag != "skipped":
        element.set("type", found[0].kind.value)
    element.text = "\n".join(texts)


def _details(result: ImageResult, scan: Scan) -> str:
    """The numbers, for whoever opens the case."""
    lines = [words.headline(result)]
    if isinstance(result.outcome, Assessed):
        verdict = result.outcome.verdict
        number = "none" if verdict.p_fake is None else f"{verdict.p_fake:.6f}"
        known = "" if result.outcome.scores.used in scan.calibration else " (model score, not calibrated)"
        lines.append(f"P(AI-generated): {number}{known}, threshold {verdict.threshold:g}")
        lines += [reason.text for reason in verdict.reasons]
    lines.append(f"sha256: {result.record.file.sha256 or 'unknown'}")
    return "\n".join(_plain(line) for line in lines)


def _whole_scan(scan: Scan) -> ET.Element:
    """A run that did not get to its end, or saw nothing, must not look as if everything had passed."""
    case = ET.Element("testcase", {"name": "the whole scan", "classname": "fakescan", "time": "0.000"})
    text = "The scan was stopped before its end." if scan.interrupted else "No image was found; nothing was examined."
    ET.SubElement(case, "error", {"message": text, "type": "incomplete"}).text = text
    return case


def _count(element: ET.Element, cases: list[ET.Element]) -> None:
    """The counts that CI systems read."""
    element.set("tests", str(len(cases)))
    for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        element.set(name, str(sum(1 for case in cases if case.find(tag) is not None)))
    element.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")


def _plain(text: str) -> str:
    """One line without characters that XML 1.0 forbids."""
    return visible(text, limit_chars=_MAX_TEXT)
