"""One judgement out of a scan, a gate file and a baseline: what the exit code and every format for machines follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fakescan.core.provenance import SIGNATURE_READERS
from fakescan.core.records import EvidenceStatus, Failure, ImageResult, Scan
from fakescan.desk.baseline import Baseline, judge_of
from fakescan.desk.gate import Gate
from fakescan.desk.marks import CREDENTIALS, has_credentials
from fakescan.reports import places
from fakescan.reports.judgement import Finding, FindingKind, Judgement, judge_plainly

_MARK_WORDS = {
    "trusted-ai": "the trusted signature that declares AI generation",
    "trusted-edit": "the trusted signature that declares an AI edit",
    "trusted-capture": "the trusted signature of a camera",
    "claimed-ai": "the mark of an AI generator",
    "claimed-edit": "the mark of an AI edit",
    CREDENTIALS: "its Content Credentials",
}


def judge(
    scan: Scan, *, gate: Gate | None = None, baseline: Baseline | None = None, base: str | None = None
) -> Judgement:
    """What counts against a scan.

    Args:
        scan: a finished scan.
        gate: what fails, by path; ``--fail-on`` alone when None.
        baseline: what was accepted, and which marks files had.
        base: the folder that the gate's patterns and the baseline's paths start at; None for what the scan's
            ``--relative-to`` named, else the one where it was started, as when a baseline is made.
    """
    base = base or places.base_of(scan)
    notes: list[str] = []
    found: dict[str, tuple[Finding, ...]] = dict(judge_plainly(scan).by_path)
    if gate is not None:
        prefix = places.prefix_of(scan, base)
        for result in scan.results:
            path = result.record.file.path
            found[path] = _gated(result, found.get(path, ()), gate, baseline, prefix)
        if gate.needs_baseline and baseline is not None:
            notes += _not_found(scan, baseline, prefix, base)
    if baseline is not None:
        found, told = _with_accepted(scan, found, baseline)
        notes += told
    return Judgement({path: items for path, items in found.items() if items}, tuple(notes))


def _gated(
    result: ImageResult, plain: tuple[Finding, ...], gate: Gate, baseline: Baseline | None, prefix: str
) -> tuple[Finding, ...]:
    """The findings of one file as the first rule that matches it decides."""
    rule = gate.rule_for(prefix + result.record.file.path)
    if rule is None:
        return plain
    found = [replace(finding, fails=finding.kind in rule.fail_on) for finding in plain]
    if FindingKind.NO_CREDENTIALS in rule.fail_on:
        found += _credentials(result)
    if FindingKind.LOST_MARKS in rule.fail_on and baseline is not None and not isinstance(result.outcome, Failure):
        found += _lost(result, baseline, prefix)
    return tuple(found)


def _credentials(result: ImageResult) -> list[Finding]:
    """What a file lacks where Content Credentials are asked for."""
    if has_credentials(result.evidence):
        return []
    looked = [i for i in result.evidence if i.reader in SIGNATURE_READERS and i.status is not EvidenceStatus.NOT_RUN]
    if any(item.status is EvidenceStatus.FIRED for item in looked):
        text = "Its Content Credentials are not intact."
    elif looked and not any(item.status is EvidenceStatus.FAILED for item in looked):
        text = "It carries no Content Credentials."
    else:
        # Nobody looked, or could not: that must not pass as if they were there.
        text = "Whether it carries Content Credentials could not be found out; `fakescan doctor` says what is missing."
    return [Finding(FindingKind.NO_CREDENTIALS, text, fails=True)]


def _not_found(scan: Scan, baseline: Baseline, prefix: str, base: str | None) -> list[str]:
    """What to say when no file is one of the baseline's, and that may be because paths start elsewhere."""
    if not baseline.marked or (places.started_in(scan) is not None and prefix == places.prefix_of(scan)):
        return []
    if any(baseline.remembers(result, prefix) for result in scan.results):
        return []
    known = "No scanned file is one whose marks the baseline remembers"
    if base is not None:
        # Without its name: reports that leave out paths show notes, too.
        return [
            f"{known}, seen from the folder that --relative-to named: if its paths start elsewhere, they are missed."
        ]
    return [
        f"{known}, and where paths start cannot be told from the paths that were given: name that folder with "
        "--relative-to, or lost marks may be missed."
    ]


def _lost(result: ImageResult, baseline: Baseline, prefix: str) -> list[Finding]:
    """The marks that a file had in the baseline and has no more."""
    lost = baseline.lost(result, prefix)
    if not lost:
        return []
    words = ", ".join(_MARK_WORDS.get(mark, "a mark of its origin") for mark in lost)
    return [Finding(FindingKind.LOST_MARKS, f"It has lost {words}, which it had in the baseline.", fails=True)]


def _with_accepted(
    scan: Scan, found: Mapping[str, tuple[Finding, ...]], baseline: Baseline
) -> tuple[dict[str, tuple[Finding, ...]], tuple[str, ...]]:
    """Findings that are accepted fail no more; those that another model made are reopened, and counted."""
    who = judge_of(scan)
    changed = dict(found)
    reopened = 0
    for result in scan.results:
        path = result.record.file.path
        if baseline.accepts(result, who):
            changed[path] = tuple(_accept(finding) for finding in found.get(path, ()))
        elif baseline.reopens(result, who):
            reopened += 1
    note = (
        f"{reopened} accepted {'finding is' if reopened == 1 else 'findings are'} open again: the model, its "
        "calibration or the verdict's settings have changed since. Look at them, then run `fakescan baseline update`."
    )
    return changed, (note,) if reopened else ()


def _accept(finding: Finding) -> Finding:
    if finding.kind not in (FindingKind.FAKE, FindingKind.INCONCLUSIVE):
        return finding
    return replace(finding, fails=False, accepted="Accepted in the baseline.")
