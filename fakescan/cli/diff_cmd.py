"""``fakescan diff A B``: what changed between two scans, and why."""

from __future__ import annotations

import json as json_module
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fakescan.cli.exits import CLEAN, FINDINGS, one_line
from fakescan.cli.scan_options import Debug
from fakescan.desk.diff import Change, Difference, Kind, compare
from fakescan.reports.words import count
from fakescan.store.run_dir import load_scan

_TITLES = {
    Kind.VERDICT: "Another verdict over the same bytes",
    Kind.CONTENT: "Other bytes at the same path",
    Kind.MOVED: "Moved",
    Kind.ADDED: "Only in B",
    Kind.REMOVED: "Only in A",
}


class FailOn(StrEnum):
    """From which change on the exit code is 1."""

    CHANGED = "changed"
    FLIPPED = "flipped"
    NEVER = "never"


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="The earlier run directory or JSON report.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The later one.")],
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    fail_on: Annotated[
        FailOn,
        typer.Option(
            "--fail-on",
            help="Exit code 1 when a verdict over the same bytes changed, only when one went from one side to the "
            "other, or never.",
        ),
    ] = FailOn.CHANGED,
    debug: Debug = False,
) -> None:
    """List what changed between two scans, with reasons: the check before a new model or version is used.

    Exit codes: 0 no verdict over the same bytes changed (see --fail-on), 1 some did, 2 failed.

    Example: [bold]fakescan diff before.json after.json[/bold]
    """
    found = compare(load_scan(Path(first)), load_scan(Path(second)))
    if json:
        typer.echo(json_module.dumps(found.as_dict(), indent=1, ensure_ascii=True))
    else:
        for line in _lines(found):
            typer.echo(one_line(line))
    changed, flipped = found.of(Kind.VERDICT), any(change.flipped for change in found.changes)
    failing = flipped if fail_on is FailOn.FLIPPED else bool(changed) and fail_on is FailOn.CHANGED
    raise typer.Exit(FINDINGS if failing else CLEAN)


def _lines(found: Difference) -> list[str]:
    """The difference in words."""
    lines = []
    for kind, title in _TITLES.items():
        changes = found.of(kind)
        if changes:
            lines.append(f"{title}: {count(len(changes), 'file')}")
        for change in changes:
            lines.append(f"  {change.path}: {_verdicts(change)}")
            lines += [f"      {reason}" for reason in change.reasons]
    if found.circumstances:
        lines.append("Between the two runs:")
        lines += [f"  {text}" for text in found.circumstances]
    changed = len(found.of(Kind.VERDICT))
    moved = "" if found.largest_move is None else f"; P(AI-generated) moved by at most {found.largest_move:.6f}"
    files = count(found.compared, "file")
    lines.append(f"{files} compared, {count(changed, 'verdict')} changed{moved}")
    return lines


def _verdicts(change: Change) -> str:
    """``real (0.12) became fake (0.93)``."""
    sides = [
        f"{label}{'' if p_fake is None else f' ({p_fake:.6f})'}"
        for label, p_fake in ((change.before, change.p_before), (change.after, change.p_after))
        if label is not None
    ]
    return " became ".join(sides)
