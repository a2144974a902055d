"""The Markdown report: a short summary for a pull request, a job's step summary or a mail."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TextIO

from fakescan.core.records import Assessed, Failure, ImageResult, Scan
from fakescan.reports import words
from fakescan.reports.escape import visible
from fakescan.reports.judgement import FindingKind, Judgement, judge_plainly
from fakescan.reports.measured import promises
from fakescan.reports.order import by_attention, needs_attention, strongest

MAX_ROWS = 20
"""Rows of a table; the rest is counted."""
_SPECIAL = re.compile(r"([\\`*_\[\]#|~@]|:(?=/)|(?<=www)\.)", re.IGNORECASE)
"""Emphasis, links, cells, mentions, issue numbers, and what makes an address of plain text."""


@dataclass(frozen=True, slots=True)
class MarkdownRenderer:
    """Writes a scan as a short Markdown summary."""

    judgement: Judgement | None = None
    """Which findings fail and which are accepted; by ``--fail-on`` alone when None."""
    suffix: ClassVar[str] = ".md"
    """File suffix."""
    accepts: ClassVar[frozenset[str]] = frozenset({"judgement"})
    """What it can be given."""

    def render(self, scan: Scan, out: TextIO) -> None:
        """Write the report.

        Args:
            scan: a finished scan.
            out: a text stream.
        """
        out.write("\n".join(_lines(scan, self.judgement or judge_plainly(scan))) + "\n")


def code(text: str, *, in_table: bool = False) -> str:
    """Text as a code span: nothing in it is a link, a mention or HTML.

    Args:
        text: any text.
        in_table: whether a bar would end a cell, code or not.
    """
    plain = visible(text, limit_chars=300) or " "
    if in_table:
        plain = plain.replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", plain)), default=0) + 1)
    return f"{fence} {plain} {fence}" if len(fence) > 1 else f"{fence}{plain}{fence}"


def prose(text: str) -> str:
    """Text between other text, with everything escaped that Markdown or HTML would act on.

    Args:
        text: any text.
    """
    plain = visible(text, limit_chars=400).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", plain)


def _lines(scan: Scan, judgement: Judgement) -> list[str]:
    """The summary, line by line."""
    summary = scan.summary
    parts = ", ".join(words.summary_parts(summary)) or "no image was found, so nothing was examined"
    lines = [f"## fakescan: {words.count(summary['images'], 'image')}", "", f"{parts}.", ""]
    if scan.interrupted:
        lines += ["**The scan was stopped before its end.** Files that are not listed were not examined.", ""]
    ordered = by_attention(scan.results)
    lines += _findings([result for result in ordered if needs_attention(result)])
    lines += _errors([result for result in ordered if isinstance(result.outcome, Failure)])
    lines += _check(ordered, judgement)
    if summary["skipped"]:
        lines += [f"{words.count(summary['skipped'], 'path was', 'paths were')} skipped.", ""]
    model = f"Model {code(scan.model.name)}" if scan.model else "No model was loaded"
    policy = code(str(scan.options.get("policy", "balanced")))
    calibrated = "" if scan.calibration or not scan.model else " Its scores are not calibrated."
    calibrated += "".join(f" {prose(promised)}" for promised in promises(scan.calibration))
    lines.append(
        f"{model}, policy {policy}, fakescan {code(scan.tool_version)}.{calibrated} "
        "A result is what a measured model says, not proof; missing metadata proves nothing."
    )
    return lines


def _findings(results: Sequence[ImageResult]) -> list[str]:
    """Table of what needs attention."""
    if not results:
        return []
    lines = ["| Verdict | P(AI) | File | Why |", "|---|---:|---|---|"]
    for result in results[:MAX_ROWS]:
        mark, outcome = words.MARKS[words.label_key(result)], result.outcome
        p_fake = outcome.verdict.p_fake if isinstance(outcome, Assessed) else None
        reasons = strongest(outcome.verdict.reasons) if isinstance(outcome, Assessed) else []
        why = prose(reasons[0].text) if reasons else ""
        number = words.probability(p_fake).replace("<", "&lt;").replace(">", "&gt;")
        verdict = f"{mark.glyph} {prose(words.headline(result))}"
        lines.append(f"| {verdict} | {number} | {code(result.record.file.path, in_table=True)} | {why} |")
    return [*lines, *_rest(len(results)), ""]


def _errors(results: Sequence[ImageResult]) -> list[str]:
    """Table of the files that could not be examined."""
    if not results:
        return []
    lines = ["### Could not be examined", "", "| File | What happened | What to do |", "|---|---|---|"]
    for result in results[:MAX_ROWS]:
        failure = result.outcome
        if isinstance(failure, Failure):
            cells = f"{prose(failure.message)} ({code(failure.code, in_table=True)}) | {prose(failure.hint)}"
            lines.append(f"| {code(result.record.file.path, in_table=True)} | {cells} |")
    return [*lines, *_rest(len(results)), ""]


def _check(results: Sequence[ImageResult], judgement: Judgement) -> list[str]:
    """What a gate file says beyond the verdicts, and what a baseline has accepted."""
    lines = [f"- {prose(note)}" for note in judgement.notes]
    beyond = (FindingKind.NO_CREDENTIALS, FindingKind.LOST_MARKS)
    found = [(result, item) for result in results for item in judgement.of(result) if item.kind in beyond]
    lines += [f"- {code(result.record.file.path)}: {prose(item.text)}" for result, item in found[:MAX_ROWS]]
    if len(found) > MAX_ROWS:
        lines.append(f"- … and {len(found) - MAX_ROWS:,} more.")
    if judgement.accepted:
        lines.append(f"- {words.count(judgement.accepted, 'finding is', 'findings are')} accepted in the baseline.")
    return ["### Check", "", *lines, ""] if lines else []


def _rest(number: int) -> list[str]:
    """How many rows were left out."""
    return ["", f"… and {number - MAX_ROWS:,} more."] if number > MAX_ROWS else []
