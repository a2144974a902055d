"""What changed between two scans, and why: the check before a new model, a new calibration or a new version is used.

Files are matched by path first, then by digest (a file that was moved). Only verdicts over the same bytes say
something about the tool; a file whose bytes changed is listed apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fakescan.core.json_values import clean, written_path
from fakescan.core.records import Assessed, Evidence, EvidenceStatus, Failure, ImageResult, Scan
from fakescan.core.schema import calibration_to_dict
from fakescan.reports.words import label_key

_OPTIONS = ("policy", "threshold", "score", "reasoning", "decode", "seed", "stability", "audit", "draft", "trust_list")
"""Options that can change a verdict."""
_HOW = ("dtype", "device", "engine")


class Kind(StrEnum):
    """What happened to a file."""

    VERDICT = "verdict"
    """The same bytes, another verdict (or none, or one now)."""
    CONTENT = "content"
    """Other bytes at the same path."""
    MOVED = "moved"
    """The same bytes and the same verdict at another path."""
    ADDED = "added"
    """Only in the second scan."""
    REMOVED = "removed"
    """Only in the first scan."""


@dataclass(frozen=True, slots=True)
class Change:
    """One file that is not as it was."""

    kind: Kind
    """What happened."""
    path: str
    """Its path in the second scan, or in the first when it is gone."""
    before: str | None
    """``fake``, ``real``, ``inconclusive`` or ``error`` in the first scan."""
    after: str | None
    """The same in the second."""
    p_before: float | None = None
    """P(AI-generated) in the first scan."""
    p_after: float | None = None
    """The same in the second."""
    reasons: tuple[str, ...] = ()
    """Why, as far as the two reports tell."""

    @property
    def flipped(self) -> bool:
        """Whether it went from one side to the other."""
        return self.kind is Kind.VERDICT and {self.before, self.after} == {"fake", "real"}


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that changed."""

    changes: tuple[Change, ...]
    """Ordered by kind, then path."""
    circumstances: tuple[str, ...]
    """What differs between the runs as a whole: model, calibration, options, versions."""
    compared: int
    """Files with the same bytes in both."""
    largest_move: float | None
    """Largest change of P(AI-generated) among them, None when no file has a number in both."""

    def of(self, kind: Kind) -> tuple[Change, ...]:
        """The changes of one kind.

        Args:
            kind: which.
        """
        return tuple(change for change in self.changes if change.kind is kind)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        document = {
            "fakescan_diff": 1,
            "compared": self.compared,
            "verdicts_changed": len(self.of(Kind.VERDICT)),
            "flipped": sum(change.flipped for change in self.changes),
            "largest_move": _six(self.largest_move),
            "circumstances": list(self.circumstances),
            "changes": [
                {
                    "kind": change.kind.value,
                    **written_path(change.path),
                    "before": change.before,
                    "after": change.after,
                    "p_fake_before": _six(change.p_before),
                    "p_fake_after": _six(change.p_after),
                    "reasons": list(change.reasons),
                }
                for change in self.changes
            ],
        }
        cleaned: dict[str, Any] = clean(document)
        return cleaned


def compare(first: Scan, second: Scan) -> Difference:
    """What changed from one scan to another.

    Args:
        first: the earlier one.
        second: the later one.
    """
    circumstances = tuple(_circumstances(first, second))
    changes: list[Change] = []
    moves: list[float] = []
    compared = 0
    for before, after in _pairs(first, second):
        if before is None or after is None:
            one = after or before
            if one is not None:
                changes.append(_alone(one, Kind.ADDED if before is None else Kind.REMOVED))
            continue
        if before.record.file.sha256 != after.record.file.sha256:
            changes.append(_change(Kind.CONTENT, before, after, ()))
            continue
        compared += 1
        p_before, p_after = _p_fake(before), _p_fake(after)
        if p_before is not None and p_after is not None:
            moves.append(abs(p_after - p_before))
        if label_key(before) != label_key(after):
            changes.append(_change(Kind.VERDICT, before, after, tuple(_reasons(before, after, circumstances))))
        elif before.record.file.path != after.record.file.path:
            changes.append(_change(Kind.MOVED, before, after, (f"from {before.record.file.path}",)))
    order = list(Kind)
    changes.sort(key=lambda change: (order.index(change.kind), change.path))
    return Difference(tuple(changes), circumstances, compared, max(moves, default=None))


def _pairs(first: Scan, second: Scan) -> Iterator[tuple[ImageResult | None, ImageResult | None]]:
    """Files of both scans that belong together; None where one has no counterpart."""
    earlier = {result.record.file.path: result for result in first.results}
    later = {result.record.file.path: result for result in second.results}
    gone = {path: result for path, result in earlier.items() if path not in later}
    by_digest: dict[str, list[str]] = {}
    for path, result in gone.items():
        if result.record.file.sha256:
            by_digest.setdefault(result.record.file.sha256, []).append(path)
    for path, result in later.items():
        counterpart = earlier.get(path)
        if counterpart is None and by_digest.get(result.record.file.sha256):
            counterpart = gone.pop(by_digest[result.record.file.sha256].pop(0))
        yield counterpart, result
    for result in gone.values():
        yield result, None


def _circumstances(first: Scan, second: Scan) -> Iterator[str]:
    """What differs between two runs as a whole."""
    one, two = first.model, second.model
    if one is None or two is None:
        if one is not two:
            yield f"the {'first' if one is None else 'second'} scan loaded no model"
    else:
        if one.weights_sha256 != two.weights_sha256:
            yield f"model: {one.name} ({one.weights_sha256[:12]}) became {two.name} ({two.weights_sha256[:12]})"
        if one.prompt_version != two.prompt_version:
            yield f"prompt version: {one.prompt_version} became {two.prompt_version}"
        for name in _HOW:
            if getattr(one, name) != getattr(two, name):
                yield f"{name}: {getattr(one, name)} became {getattr(two, name)}"
    if calibration_to_dict(first.calibration) != calibration_to_dict(second.calibration):
        yield "the calibration changed"
    for name in _OPTIONS:
        was, now = first.options.get(name), second.options.get(name)
        if was != now:
            yield f"option {name}: {was} became {now}"
    if first.tool_version != second.tool_version:
        yield f"fakescan: {first.tool_version} became {second.tool_version}"
    for name in ("code_sha256", "torch", "transformers", "pillow"):
        was, now = first.environment.get(name), second.environment.get(name)
        if was != now and (name != "code_sha256" or (was and now)):  # reports of earlier versions have none
            yield f"{name}: {was} became {now}"


def _reasons(before: ImageResult, after: ImageResult, circumstances: tuple[str, ...]) -> Iterator[str]:
    """Why a verdict over the same bytes is another one."""
    if isinstance(after.outcome, Failure):
        yield f"it cannot be examined any more: {after.outcome.message}"
        return
    if isinstance(before.outcome, Failure):
        yield f"it could not be examined before: {before.outcome.message}"
        return
    was, now = before.outcome, after.outcome
    if was.verdict.p_fake != now.verdict.p_fake:
        yield f"P(AI-generated) went from {_number(was)} to {_number(now)}"
    if was.verdict.threshold != now.verdict.threshold:
        yield f"the threshold went from {was.verdict.threshold:g} to {now.verdict.threshold:g}"
    if was.scores.used is not now.scores.used:
        yield f"the score {now.scores.used.value} the text decides instead of the one {was.scores.used.value}"
    found = {_mark(item) for item in after.evidence if item.status is EvidenceStatus.FIRED}
    had = {_mark(item) for item in before.evidence if item.status is EvidenceStatus.FIRED}
    yield from (f"newly found in the file: {mark}" for mark in sorted(found - had))
    yield from (f"no longer found in the file: {mark}" for mark in sorted(had - found))
    told = [reason.text for reason in now.verdict.reasons[:1] if reason not in was.verdict.reasons]
    yield from (f"now: {text}" for text in told)
    yield from circumstances


def _mark(item: Evidence) -> str:
    """A piece of evidence without its value, which is the file's own words."""
    return f"{item.reader} {item.name} ({item.strength.value}, speaks for {item.supports.value})"


def _change(kind: Kind, before: ImageResult, after: ImageResult, reasons: tuple[str, ...]) -> Change:
    keys = label_key(before), label_key(after)
    return Change(kind, after.record.file.path, *keys, _p_fake(before), _p_fake(after), reasons)


def _alone(result: ImageResult, kind: Kind) -> Change:
    key, p_fake = label_key(result), _p_fake(result)
    if kind is Kind.ADDED:
        return Change(kind, result.record.file.path, None, key, None, p_fake)
    return Change(kind, result.record.file.path, key, None, p_fake, None)


def _p_fake(result: ImageResult) -> float | None:
    return result.outcome.verdict.p_fake if isinstance(result.outcome, Assessed) else None


def _number(outcome: Assessed) -> str:
    return "none" if outcome.verdict.p_fake is None else f"{outcome.verdict.p_fake:.6f}"


def _six(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
