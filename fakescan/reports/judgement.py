"""What of a scan counts against it: the findings of each file, whether they fail the check, and which are accepted.

Formats that machines act on (SARIF, JUnit, annotations, code quality) and the exit code all follow one judgement, so
that they never contradict each other. ``desk`` makes it out of a gate file and a baseline; without those,
``judge_plainly`` goes by ``--fail-on`` alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from fakescan.core.options import FailOn
from fakescan.core.records import Failure, ImageResult, Label, Scan
from fakescan.reports.order import strongest
from fakescan.reports.words import headline


class FindingKind(StrEnum):
    """What can be said against a file; the values are the words of a gate file."""

    FAKE = "fake"
    INCONCLUSIVE = "inconclusive"
    NO_CREDENTIALS = "missing-content-credentials"
    LOST_MARKS = "lost-marks"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is said against one file."""

    kind: FindingKind
    """What it is."""
    text: str
    """A sentence or two. May hold a file's own words: escape it."""
    fails: bool
    """Whether it makes the exit code 1."""
    accepted: str = ""
    """Why somebody has accepted it; empty when nobody has. An accepted finding never fails."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The findings of a scan."""

    by_path: Mapping[str, tuple[Finding, ...]]
    """Findings of each file that has some, by its path."""
    notes: tuple[str, ...] = ()
    """What whoever reads the outcome should know, e.g. that an accepted finding was reopened."""

    def of(self, result: ImageResult) -> tuple[Finding, ...]:
        """The findings of one file, those that fail the check first.

        Args:
            result: one of the scan's.
        """
        found = self.by_path.get(result.record.file.path, ())
        return tuple(sorted(found, key=lambda finding: (not finding.fails, bool(finding.accepted))))

    def fails(self, result: ImageResult) -> bool:
        """Whether a file fails the check.

        Args:
            result: one of the scan's.
        """
        return any(finding.fails for finding in self.of(result))

    @property
    def failing(self) -> bool:
        """Whether any file fails the check: exit code 1."""
        return any(finding.fails for finding in self)

    @property
    def accepted(self) -> int:
        """How many findings are accepted."""
        return sum(1 for finding in self if finding.accepted)

    def __iter__(self) -> Iterator[Finding]:
        """Every finding of every file."""
        for found in self.by_path.values():
            yield from found


def judge_plainly(scan: Scan) -> Judgement:
    """What counts by ``--fail-on`` alone.

    Args:
        scan: a finished scan.
    """
    fail_on = fail_on_of(scan)
    found = ((result, own_finding(result)) for result in scan.results)
    return Judgement(
        {
            result.record.file.path: (Finding(kind, text, _counts(kind, fail_on)),)
            for result, (kind, text) in ((result, own) for result, own in found if own is not None)
        }
    )


def own_finding(result: ImageResult) -> tuple[FindingKind, str] | None:
    """What a result says against its file by itself, with its sentence; None when that is nothing.

    Args:
        result: one of a scan's.
    """
    outcome = result.outcome
    if isinstance(outcome, Failure):
        return FindingKind.ERROR, f"{headline(result)}: {_sentence(outcome.message)} {_sentence(outcome.hint)}".strip()
    if outcome.verdict.label is Label.REAL:
        return None
    kind = FindingKind.FAKE if outcome.verdict.label is Label.FAKE else FindingKind.INCONCLUSIVE
    reasons = strongest(outcome.verdict.reasons)
    return kind, f"{_sentence(headline(result))} {_sentence(reasons[0].text) if reasons else ''}".strip()


def fail_on_of(scan: Scan) -> FailOn:
    """From which verdict on a scan has findings; an unknown value counts as the default.

    Args:
        scan: a finished scan.
    """
    value = scan.options.get("fail_on")
    return next((choice for choice in FailOn if choice == value), FailOn.FAKE)


def _counts(kind: FindingKind, fail_on: FailOn) -> bool:
    """Whether a finding makes the exit code 1; a file that could not be examined makes it 3 instead."""
    return kind in (FindingKind.FAKE, FindingKind.INCONCLUSIVE) and fail_on.finds(Label(kind.value))


def _sentence(text: str) -> str:
    """A text that ends as a sentence does and starts with a capital."""
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
