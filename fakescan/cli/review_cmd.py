"""``fakescan review``: what people decided, beside what the machine said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fakescan.cli.exits import one_line, say
from fakescan.cli.scan_options import Debug
from fakescan.desk import review as reviews
from fakescan.desk.review import Decision
from fakescan.desk.reviewed import read_all
from fakescan.errors import InputError
from fakescan.reports.words import count, share
from fakescan.store.run_dir import load_scan


def review(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory or a JSON report.")],
    path: Annotated[
        str | None, typer.Argument(metavar="[PATH]", help="A file of the scan, as the report shows it.")
    ] = None,
    decision: Annotated[
        Decision | None, typer.Option("--decision", help="What you decided: AI-generated, not, or undecided.")
    ] = None,
    examiner: Annotated[str, typer.Option("--examiner", metavar="NAME", help="Who decides.")] = "",
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why.")] = "",
    debug: Debug = False,
) -> None:
    """Record a person's decision about a file, or list all decisions and how often verdicts were confirmed.

    The machine's verdict stays as it is. Decisions are only added, with name and time; the last about a file counts.
    A run directory and the JSON reports that were written with it have their decisions in common.

    Example: [bold]fakescan review report.json press/a.jpg --decision real --examiner "J. Doe"[/bold]
    """
    source = Path(run)
    scan = load_scan(source)
    found = read_all(source, scan)
    if path is not None:
        if decision is None:
            raise InputError("no decision was given", "add --decision fake, real or undecided")
        made = reviews.add(found.home, reviews.find(scan, path), decision, examiner, note)
        typer.echo(one_line(_line(made)))
        say(f"decisions: {found.home}")
        return
    if decision is not None:
        raise InputError("no file was given", "name the file after the run")
    current = found.current
    for item in current:
        typer.echo(one_line(_line(item)))
    typer.echo(f"{count(len(current), 'file')} reviewed of {count(len(scan.results), 'image')}")
    for row in reviews.precision(current):
        if row.decided:
            low, high = row.interval
            typer.echo(
                f"called {row.verdict}: {row.confirmed} of {row.decided} confirmed "
                f"({share(row.confirmed / row.decided)}, 95 % interval {share(low)} to {share(high)})"
            )
    for place in found.places:
        say(f"decisions: {place}")


def _line(item: reviews.Review) -> str:
    note = f": {item.note}" if item.note else ""
    return f"{item.path}: {item.decision.value} (machine: {item.machine}), {item.examiner}, {item.at}{note}"
