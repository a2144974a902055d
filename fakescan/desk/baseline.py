"""A baseline: findings that somebody has looked at and accepted, and the marks of origin that files had then.

The file is JSON, made to be kept in a repository and read in a review: one line an entry, ordered by path. A finding
is accepted for exactly these bytes (sha256), this verdict, and this model with this calibration; when any of them
changes, it is reopened. An error is never accepted: a file that nobody could look at has not been looked at.

Paths start where the patterns of a gate file start (the folder where the scan was started, or ``--relative-to``), not
at the folder that was scanned: a scan of a part has to find the marks that a scan of everything saw.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fakescan.core.json_values import Node, ReportShapeError, valid_unicode, written_path
from fakescan.core.records import Assessed, ImageResult, Label, Scan
from fakescan.core.schema import calibration_to_dict, parse_json
from fakescan.desk.marks import marks_of
from fakescan.desk.starts import baseline_prefix
from fakescan.errors import InputError
from fakescan.reports.escape import visible
from fakescan.store.atomic import write_atomically

VERSION = 2
_FROM_ROOT = 1
"""The version whose paths start at the folder that was scanned, which it does not name."""
_FLAGGED = (Label.FAKE, Label.INCONCLUSIVE)
_MAX_BYTES = 500_000_000
_NO_BASELINE = "make one with `fakescan baseline create RUN -o FILE`"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A finding that was accepted."""

    sha256: str
    """Digest of the file's bytes."""
    path: str
    """Where it lay, for people, seen from the folder that paths start at; a copy elsewhere is accepted too."""
    label: Label
    """The verdict that was accepted."""
    p_fake: float | None
    """Its probability then, for people."""
    judge: str
    """Which model and calibration said so (``judge_of``)."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A file and the marks of origin that it had."""

    path: str
    """Seen from the folder that paths start at: the file is found again by it, as losing marks changes its bytes."""
    marks: tuple[str, ...]
    """Rows of the verdict table, and ``CREDENTIALS``."""


@dataclass(frozen=True)
class Baseline:
    """What was accepted and what was there."""

    accepted: tuple[Accepted, ...] = ()
    """Ordered by path and digest."""
    marked: tuple[Marked, ...] = ()
    """Ordered by path."""

    @cached_property
    def _judges(self) -> Mapping[tuple[str, Label], set[str]]:
        """Who made the accepted findings, by digest and verdict: a large scan asks for each of its files."""
        found: dict[tuple[str, Label], set[str]] = {}
        for item in self.accepted:
            found.setdefault((item.sha256, item.label), set()).add(item.judge)
        return found

    @cached_property
    def _marks(self) -> Mapping[str, tuple[str, ...]]:
        """The marks by path."""
        return {item.path: item.marks for item in self.marked}

    def accepts(self, result: ImageResult, judge: str) -> bool:
        """Whether this very finding was accepted.

        Args:
            result: a result of the scan.
            judge: who said so, as ``judge_of`` tells.
        """
        return judge in self._earlier(result)

    def reopens(self, result: ImageResult, judge: str) -> bool:
        """Whether this finding was accepted when another model or calibration made it.

        Args:
            result: a result of the scan.
            judge: who says so now, as ``judge_of`` tells.
        """
        return bool(self._earlier(result)) and not self.accepts(result, judge)

    def remembers(self, result: ImageResult, prefix: str) -> bool:
        """Whether a file at this path had marks.

        Args:
            result: a result of the scan.
            prefix: what stands before the scan's paths, as ``places.prefix_of`` tells.
        """
        return prefix + result.record.file.path in self._marks

    def lost(self, result: ImageResult, prefix: str) -> tuple[str, ...]:
        """The marks that a file at this path had, and has no more.

        Args:
            result: a result of the scan.
            prefix: what stands before the scan's paths, as ``places.prefix_of`` tells.
        """
        had = self._marks.get(prefix + result.record.file.path, ())
        return tuple(sorted(set(had) - set(marks_of(result.evidence)))) if had else ()

    def _earlier(self, result: ImageResult) -> Set[str]:
        """Who made the finding when these bytes were accepted with this verdict; nobody where they were not."""
        if not isinstance(result.outcome, Assessed) or not result.record.file.sha256:
            return frozenset()
        return self._judges.get((result.record.file.sha256, result.outcome.verdict.label), frozenset())


def create(scan: Scan, base: str | None = None) -> Baseline:
    """A baseline that accepts every finding of a scan and remembers every mark.

    Args:
        scan: a finished scan.
        base: the folder that paths start at, absolute; None for what the scan's ``--relative-to`` named, else the one
            where it was started.

    Raises:
        InputError: when the scan was interrupted, or it has marks and it cannot be told where its paths start.
    """
    if scan.interrupted:
        raise InputError("the scan was stopped before its end", "finish it with --resume, then make the baseline")
    prefix = baseline_prefix(scan, base, marks=bool(_marked(scan, "")))
    return _ordered(_findings(scan, prefix), _marked(scan, prefix))


def update(baseline: Baseline, scan: Scan, base: str | None = None) -> Baseline:
    """A baseline that also accepts this scan's findings; what is said of the same bytes or path is replaced.

    Args:
        baseline: as it was.
        scan: a finished scan, of all files or of some.
        base: as with ``create``.

    Raises:
        InputError: as with ``create``.
    """
    new = create(scan, base)
    digests = {result.record.file.sha256 for result in scan.results}
    paths = _paths(scan, baseline_prefix(scan, base, marks=bool(baseline.marked)))
    return _ordered(
        [*(item for item in baseline.accepted if item.sha256 not in digests), *new.accepted],
        [*(item for item in baseline.marked if item.path not in paths), *new.marked],
    )


def prune(baseline: Baseline, scan: Scan, base: str | None = None) -> Baseline:
    """A baseline without what this scan of all files no longer has; nothing new is accepted.

    Args:
        baseline: as it was.
        scan: a finished scan of all files.
        base: as with ``create``.

    Raises:
        InputError: when the scan was interrupted, or marks are kept and it cannot be told where its paths start.
    """
    if scan.interrupted:
        raise InputError("the scan was stopped before its end", "finish it with --resume, then prune")
    prefix = baseline_prefix(scan, base, marks=bool(baseline.marked))
    live = {(item.sha256, item.label) for item in _findings(scan, prefix)}
    kept = [item for item in baseline.accepted if (item.sha256, item.label) in live]
    paths = _paths(scan, prefix)
    return _ordered(kept, [item for item in baseline.marked if item.path in paths])


def judge_of(scan: Scan) -> str:
    """Digest of what a verdict depends on beside the picture: model, prompt, calibration, policy, threshold, score.

    Device and number format are not among it: they move a number by less than its last digits that are shown.

    Args:
        scan: a finished scan.
    """
    model = scan.model
    parts = {
        "weights": model.weights_sha256 if model else None,
        "prompt": model.prompt_version if model else None,
        "calibration": calibration_to_dict(scan.calibration),
        **{name: scan.options.get(name) for name in ("policy", "threshold", "score")},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def read(path: Path) -> Baseline:
    """Read a baseline.

    Args:
        path: the file.

    Raises:
        InputError: when it cannot be read or is none, or when its marks cannot be found again by their paths.
    """
    name = visible(str(path))
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{name} is too large for a baseline", _NO_BASELINE)
        document = parse_json(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise InputError(f"{name} is no baseline", _NO_BASELINE) from None
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise InputError(f"cannot read the baseline {name}: {reason}", _NO_BASELINE) from None
    except InputError:
        raise InputError(f"{name} is no baseline: it is not JSON", _NO_BASELINE) from None
    try:
        node = Node(document)
        if node["fakescan_baseline"].integer() == _FROM_ROOT and node["marked"].elements():
            # Where a file with marks lay cannot be told from its path in there: looking it up would miss lost marks.
            raise InputError(
                f"{name} was made by an earlier version: its paths start at the folder that was scanned",
                "make it again from a run of the same files: `fakescan baseline create RUN -o FILE --force`, which "
                "accepts that run's findings",
            )
        return _from_node(node)
    except ReportShapeError as fault:
        raise InputError(f"{name} is no baseline: {fault}", _NO_BASELINE) from None


def write(baseline: Baseline, path: Path) -> None:
    """Write a baseline, whole or not at all.

    Args:
        baseline: what to write.
        path: where to.

    Raises:
        ReportError: when it cannot be written.
    """
    accepted = [
        {
            **written_path(item.path),
            "sha256": item.sha256,
            "label": item.label.value,
            "p_fake": None if item.p_fake is None else round(item.p_fake, 6),
            "judge": item.judge,
        }
        for item in baseline.accepted
    ]
    marked = [{**written_path(item.path), "marks": list(item.marks)} for item in baseline.marked]
    parts = (f'"fakescan_baseline": {VERSION}', _lines("accepted", accepted), _lines("marked", marked))
    text = "{\n " + ",\n ".join(parts) + "\n}\n"
    write_atomically(path, lambda out: out.write(text))


def _lines(name: str, entries: list[dict[str, Any]]) -> str:
    """A list with a line for each entry, so that a review shows which were added."""
    if not entries:
        return f'"{name}": []'
    return f'"{name}": [\n' + ",\n".join(f"  {json.dumps(entry)}" for entry in entries) + "\n ]"


def _from_node(node: Node) -> Baseline:
    version = node["fakescan_baseline"].integer()
    if version not in (_FROM_ROOT, VERSION):
        raise ReportShapeError(f"fakescan_baseline is {version}, not {VERSION}")
    accepted = [
        Accepted(
            sha256=item["sha256"].text(),
            path=item.path(),
            label=item["label"].choice(Label),
            p_fake=item["p_fake"].optional_number(),
            judge=item["judge"].text(),
        )
        for item in node["accepted"].elements()
    ]
    marked = [
        Marked(item.path(), tuple(mark.text() for mark in item["marks"].elements()))
        for item in node["marked"].elements()
    ]
    return _ordered(accepted, marked)


def _ordered(accepted: Iterable[Accepted], marked: Iterable[Marked]) -> Baseline:
    """Sorted, each once, so that the same content is the same file."""
    unique: Mapping[tuple[str, str, str], Accepted] = {(i.path, i.sha256, i.judge): i for i in accepted}
    by_path: Mapping[str, Marked] = {item.path: item for item in marked}
    return Baseline(
        tuple(unique[key] for key in sorted(unique, key=lambda key: tuple(map(valid_unicode, key)))),
        tuple(by_path[path] for path in sorted(by_path, key=valid_unicode)),
    )


def _paths(scan: Scan, prefix: str) -> set[str]:
    return {prefix + result.record.file.path for result in scan.results}


def _findings(scan: Scan, prefix: str) -> list[Accepted]:
    """Every finding of a scan as one that is accepted."""
    judge = judge_of(scan)
    found = []
    for result in scan.results:
        file, outcome = result.record.file, result.outcome
        if isinstance(outcome, Assessed) and outcome.verdict.label in _FLAGGED and file.sha256:
            path, verdict = prefix + file.path, outcome.verdict
            found.append(Accepted(file.sha256, path, verdict.label, verdict.p_fake, judge))
    return found


def _marked(scan: Scan, prefix: str) -> list[Marked]:
    marked = (Marked(prefix + result.record.file.path, marks_of(result.evidence)) for result in scan.results)
    return [item for item in marked if item.marks]
