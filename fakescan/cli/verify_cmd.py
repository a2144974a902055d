"""``fakescan verify``: hash inputs and outputs of a run, or everything in a bundle, again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fakescan.cli.exits import CLEAN, FINDINGS, INCOMPLETE, one_line
from fakescan.cli.scan_options import Debug
from fakescan.cli.stamps import check_stamp
from fakescan.desk import bundle as bundles
from fakescan.desk.outputs import check_outputs
from fakescan.desk.rehash import State, check_inputs
from fakescan.errors import ReportError
from fakescan.reports.words import count
from fakescan.store.run_dir import RunDir, load_scan

_FEWEST_SEAL_CHARS = 16


def verify(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory, a JSON report or a bundle.")],
    pictures: Annotated[
        str | None,
        typer.Option("--pictures", metavar="DIR", help="The folder that the scan's paths are relative to now."),
    ] = None,
    seal: Annotated[
        str | None,
        typer.Option("--seal", metavar="HASH", help="The seal that was noted when the bundle was made."),
    ] = None,
    timestamp_trust: Annotated[
        str | None,
        typer.Option(
            "--timestamp-trust",
            metavar="FILE",
            help="Root certificate of the authority that gave the bundle's timestamp (PEM or DER).",
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Hash everything again, offline, and name what has changed.

    Of a run: the scanned files, and the reports that were written with it. Those that cannot be compared, since the run
    directory is not there any more, are named. Of a bundle: everything in it, its hash chain, that of the decisions in
    it, its timestamp, and the scanned files where they are still there.

    Exit codes: 0 nothing has changed, 1 something has, 3 something is missing or cannot be compared.

    Example: [bold]fakescan verify case-17.zip --seal 3f1c...[/bold]
    """
    source = Path(run)
    changed: list[str] = []
    unknown: list[str] = []
    if bundles.is_bundle(source):
        sealed = bundles.check(source)
        changed += sealed.faults
        changed += _seal_faults(sealed, seal)
        typer.echo(one_line(f"bundle sealed at {sealed.sealed_at or 'an unknown time'}, seal {sealed.seal or 'none'}"))
        if seal is None:
            typer.echo("the seal was not compared: give the one that was noted with --seal")
        broken, unchecked = check_stamp(sealed, Path(timestamp_trust) if timestamp_trust else None)
        changed += broken
        unknown += unchecked
        scan = sealed.scan
    else:
        if seal is not None or timestamp_trust is not None:
            given = "--seal" if seal is not None else "--timestamp-trust"
            raise ReportError(f"{ascii(run)[1:-1]} is no bundle and has no seal", f"leave out {given}")
        # The journal of an interrupted run knows the results but not when it ended; its report does.
        report = RunDir(source).report
        scan = load_scan(report if report.is_file() else source)
        for state, text in check_outputs(source, scan):
            (changed if state is State.CHANGED else unknown).append(text)
    if scan is not None:
        checked = list(check_inputs(scan, Path(pictures) if pictures else None))
        same = sum(item.state is State.SAME for item in checked)
        changed += [f"{item.path}: changed since the scan" for item in checked if item.state is State.CHANGED]
        unknown += [f"{i.path}: {i.state.value}" for i in checked if i.state not in (State.SAME, State.CHANGED)]
        typer.echo(f"{count(len(checked), 'scanned file')}: {same} as recorded")
    for line in (*(f"CHANGED  {text}" for text in changed), *(f"unknown  {text}" for text in unknown)):
        typer.echo(one_line(line))
    raise typer.Exit(FINDINGS if changed else INCOMPLETE if unknown else CLEAN)


def _seal_faults(sealed: bundles.Sealed, seal: str | None) -> list[str]:
    """Whether the bundle is the one whose seal was noted."""
    if seal is None:
        return []
    noted = seal.strip().lower().removesuffix("...").removesuffix("…")
    if len(noted) < _FEWEST_SEAL_CHARS:
        raise ReportError(f"the seal is too short to compare: {len(noted)} characters", "give at least 16 of its 64")
    return [] if sealed.seal.startswith(noted) else ["the seal is not the one that was noted"]
