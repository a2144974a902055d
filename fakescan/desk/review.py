"""What people decided about files, beside what the machine said and never in its place.

The decisions lie in a file of their own (``reviews.jsonl`` in the run directory, or ``NAME.reviews.jsonl`` beside the
JSON report NAME; ``reviewed`` finds all those of a run) that only grows: somebody who thinks again adds a line. Each
line carries the examiner's name and the time, and a hash over itself and the line before, so that a change or a lost
line in the middle shows. The name is what was typed: this is a record, not a signature with a key.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from fakescan.core.json_values import Node, ReportShapeError, written_path
from fakescan.core.records import Assessed, ImageResult, Scan
from fakescan.desk import chain
from fakescan.desk.named import is_folder
from fakescan.errors import InputError
from fakescan.reports.words import label_key
from fakescan.store.atomic import reporting_faults

NAME = "reviews.jsonl"
_HINT = "find out who changed it; new reviews can only be added to a whole file"
_Z95 = 1.959964


class Decision(StrEnum):
    """What a person decided."""

    FAKE = "fake"
    """AI-generated."""
    REAL = "real"
    """Not AI-generated."""
    UNDECIDED = "undecided"
    """Looked at, not decided."""


@dataclass(frozen=True, slots=True)
class Review:
    """One decision."""

    path: str
    """The file's path in the scan."""
    sha256: str
    """Digest of the bytes that were looked at."""
    decision: Decision
    """What was decided."""
    examiner: str
    """Who decided, as typed."""
    at: str
    """When, UTC."""
    note: str
    """Why, possibly empty."""
    machine: str
    """What the scan said: ``fake``, ``real``, ``inconclusive`` or ``error``."""


@dataclass(frozen=True, slots=True)
class Precision:
    """How often a verdict was confirmed, among the files that somebody has decided about."""

    verdict: str
    """The scan's verdict."""
    confirmed: int
    """Files where people decided the same."""
    decided: int
    """Files with that verdict that people decided about."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share (Wilson 1927); only for files chosen as if by lot does it hold for the others."""
        if not self.decided:
            return 0.0, 1.0
        n, share, z2 = self.decided, self.confirmed / self.decided, _Z95**2
        middle = (share + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        return max(0.0, middle - half), min(1.0, middle + half)


def place_of(source: Path) -> Path:
    """Where the reviews lie that were made under one name of a run.

    Args:
        source: a run directory or a JSON report.
    """
    return source / NAME if is_folder(source) else source.with_name(f"{source.name}.{NAME}")


def read(path: Path) -> tuple[list[Review], str]:
    """Read reviews; there need not be any yet.

    Args:
        path: as ``place_of`` tells.

    Returns:
        The reviews in order, and the last hash.

    Raises:
        InputError: when the file was changed or is damaged.
    """
    name = ascii(str(path))[1:-1]
    try:
        return parse(path.read_bytes(), name)
    except FileNotFoundError:
        return [], chain.START
    except OSError as fault:
        raise InputError(f"cannot read {name}: {fault.strerror or type(fault).__name__}", _HINT) from None


def parse(content: bytes, name: str) -> tuple[list[Review], str]:
    """The reviews in a file, whose chain is checked.

    Args:
        content: the file's bytes.
        name: what messages call it, safe to print.

    Returns:
        The reviews in order, and the last hash.

    Raises:
        InputError: when the file was changed or is damaged.
    """
    try:
        entries = chain.parse(content.decode("ascii"))
        broken, last = chain.first_break(entries)
        if broken is not None:
            raise InputError(f"line {broken} of {name} is not as it was written", _HINT)
        return [_from_node(Node(entry, f"line {number}")) for number, entry in enumerate(entries, 1)], last
    except (ValueError, ReportShapeError) as fault:
        raise InputError(f"{name} is damaged: {fault}", _HINT) from None


def add(path: Path, result: ImageResult, decision: Decision, examiner: str, note: str = "") -> Review:
    """Add a decision to the end of the file.

    Args:
        path: as ``place_of`` tells.
        result: the file that was looked at.
        decision: what was decided.
        examiner: who decided.
        note: why.

    Raises:
        InputError: when the file is damaged, or nobody signs.
        ReportError: when it cannot be written.
    """
    if not examiner.strip():
        raise InputError("nobody signs the review", "give a name with --examiner")
    _, last = read(path)
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    file = result.record.file
    p_fake = result.outcome.verdict.p_fake if isinstance(result.outcome, Assessed) else None
    entry: dict[str, Any] = {
        **written_path(file.path),
        "sha256": file.sha256,
        "decision": decision.value,
        "examiner": examiner.strip(),
        "at": at,
        "note": note,
        "machine": label_key(result),
        "p_fake": None if p_fake is None else round(p_fake, 6),
    }
    (line,), _ = chain.chained([entry], last)
    with reporting_faults(path), path.open("ab") as out:
        out.write(line.encode("ascii") + b"\n")
        out.flush()
        os.fsync(out.fileno())
    return Review(file.path, file.sha256, decision, entry["examiner"], at, note, entry["machine"])


def latest(reviews: Iterable[Review]) -> list[Review]:
    """The last decision about each file (path and bytes), in the order of paths.

    Args:
        reviews: in the order in which they were made.
    """
    last = {(review.path, review.sha256): review for review in reviews}
    return sorted(last.values(), key=lambda review: review.path)


def precision(reviews: Iterable[Review]) -> list[Precision]:
    """How often each verdict was confirmed; files without a decision do not count.

    Args:
        reviews: as ``latest`` gives them.
    """
    decided = [review for review in reviews if review.decision is not Decision.UNDECIDED]
    found = []
    for verdict in ("fake", "real"):
        own = [review for review in decided if review.machine == verdict]
        found.append(Precision(verdict, sum(review.decision.value == verdict for review in own), len(own)))
    return found


def find(scan: Scan, path: str) -> ImageResult:
    """The result of a file.

    Args:
        scan: a finished scan.
        path: as reports show it.

    Raises:
        InputError: when the scan has no such file.
    """
    for result in scan.results:
        if result.record.file.path == path:
            return result
    raise InputError(f"the scan has no file {path!a}", "give the path as the report shows it")


def _from_node(node: Node) -> Review:
    return Review(
        path=node.path(),
        sha256=node["sha256"].text(),
        decision=node["decision"].choice(Decision),
        examiner=node["examiner"].text(),
        at=node["at"].text(),
        note=node["note"].text(),
        machine=node["machine"].text(),
    )
