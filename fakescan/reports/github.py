"""Annotations for GitHub Actions: lines on standard output that the runner shows at a file in a pull request.

The runner shows at most ten errors and ten warnings of a step, so the most important ones come first and the rest is
counted in a notice. Texts are encoded as the runner decodes them, so that no file name can give it a command.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TextIO

from fakescan.core.records import ImageResult, Scan
from fakescan.reports import places, words
from fakescan.reports.escape import visible
from fakescan.reports.judgement import Finding, FindingKind, Judgement, judge_plainly
from fakescan.reports.judging import JudgingRenderer
from fakescan.reports.order import by_attention

MAX_SHOWN = 10
"""Annotations of each level that a step can show."""
_TITLES = {
    FindingKind.FAKE: "Likely AI-generated",
    FindingKind.INCONCLUSIVE: "Inconclusive",
    FindingKind.NO_CREDENTIALS: "No Content Credentials",
    FindingKind.LOST_MARKS: "Marks of origin lost",
    FindingKind.ERROR: "Could not be examined",
}
_MAX_TEXT = 1_000


@dataclass(frozen=True, slots=True)
class GithubRenderer(JudgingRenderer):
    """Writes a scan as workflow commands of GitHub Actions."""

    suffix: ClassVar[str] = ".txt"
    """File suffix; normally it goes to standard output: ``-o github:-``."""

    def render(self, scan: Scan, out: TextIO) -> None:
        """Write the report.

        Args:
            scan: a finished scan.
            out: a text stream.
        """
        judgement = self.judgement or judge_plainly(scan)
        prefix = places.prefix_of(scan, self.base)
        ordered = by_attention(scan.results)
        found = [(r, finding) for r in ordered for finding in judgement.of(r) if not finding.accepted]
        errors = [item for item in found if item[1].fails]
        errors += [item for item in found if not item[1].fails and item[1].kind is FindingKind.ERROR]
        warnings = [item for item in found if not item[1].fails and item[1].kind is not FindingKind.ERROR]
        for level, items in (("error", errors), ("warning", warnings)):
            for result, finding in items[:MAX_SHOWN]:
                out.write(_annotation(level, result, finding, prefix))
        if scan.interrupted:
            out.write("::error title=fakescan::The scan was stopped before its end.\n")
        out.write(f"::notice title=fakescan::{_data(_summary(scan, judgement, errors, warnings))}\n")


def _annotation(level: str, result: ImageResult, finding: Finding, prefix: str) -> str:
    place = _property(places.shown_place(result.record.file.path, prefix))
    title = _property(_TITLES[finding.kind])
    return f"::{level} file={place},line=1,title={title}::{_data(visible(finding.text, limit_chars=_MAX_TEXT))}\n"


def _summary(
    scan: Scan,
    judgement: Judgement,
    errors: Sequence[tuple[ImageResult, Finding]],
    warnings: Sequence[tuple[ImageResult, Finding]],
) -> str:
    """The counts, and how many annotations were left out."""
    parts = ", ".join(words.summary_parts(scan.summary)) or "no image was found, so nothing was examined"
    text = f"{words.count(scan.summary['images'], 'image')}: {parts}."
    if judgement.accepted:
        text += f" {words.count(judgement.accepted, 'finding is', 'findings are')} accepted in the baseline."
    hidden = sum(max(0, len(items) - MAX_SHOWN) for items in (errors, warnings))
    return f"{text} {hidden:,} more are in the report." if hidden else text


def _data(text: str) -> str:
    """Text of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """A value among a workflow command's properties."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
