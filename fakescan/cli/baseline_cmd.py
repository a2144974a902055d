"""``fakescan baseline create|update|prune``: accept findings, once somebody has looked at them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fakescan.cli.check import absolute, check_base
from fakescan.cli.exits import say
from fakescan.cli.scan_options import Debug
from fakescan.core.records import Scan
from fakescan.desk import baseline as baselines
from fakescan.errors import ReportError
from fakescan.store.atomic import check_writable
from fakescan.store.run_dir import load_scan

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Accept findings.\n\nExample: [bold]fakescan baseline create report.json -o fakescan-baseline.json[/bold]",
)

Run = Annotated[str, typer.Argument(metavar="RUN", help="A run directory or a JSON report.")]
RelativeTo = Annotated[
    str | None,
    typer.Option(
        "--relative-to",
        metavar="DIR",
        help="Folder that the baseline's paths start at, as with scan; without it what the run's scan was given, "
        "else where that was started.",
    ),
]
File = Annotated[str, typer.Argument(metavar="FILE", help="The baseline, which is changed.")]


@app.command()
def create(
    run: Run,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Where to write the baseline.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a baseline that is there.")] = False,
    relative_to: RelativeTo = None,
    debug: Debug = False,
) -> None:
    """Accept every finding of a run, and remember the marks of origin that its files carry.

    Example: [bold]fakescan baseline create report.json -o fakescan-baseline.json[/bold]
    """
    target = Path(output)
    check_writable(target)
    if target.exists() and not force:
        raise ReportError(
            f"{ascii(output)[1:-1]} is there already",
            "use `fakescan baseline update` to add to it, or --force to replace it",
        )
    _write(baselines.create(*_read(run, relative_to)), target)


@app.command()
def update(baseline: File, run: Run, relative_to: RelativeTo = None, debug: Debug = False) -> None:
    """Accept a run's findings too; what the baseline says of the same files is replaced.

    Example: [bold]fakescan baseline update fakescan-baseline.json report.json[/bold]
    """
    target = Path(baseline)
    before = baselines.read(target)
    check_writable(target)
    _write(baselines.update(before, *_read(run, relative_to)), target, before)


@app.command()
def prune(baseline: File, run: Run, relative_to: RelativeTo = None, debug: Debug = False) -> None:
    """Take out what a run of all files does not find any more. Nothing new is accepted.

    Example: [bold]fakescan baseline prune fakescan-baseline.json report.json[/bold]
    """
    target = Path(baseline)
    before = baselines.read(target)
    check_writable(target)
    _write(baselines.prune(before, *_read(run, relative_to)), target, before)


def _read(run: str, relative_to: str | None) -> tuple[Scan, str | None]:
    """A run, and the folder that its paths shall start at."""
    scan, base = load_scan(Path(run)), absolute(relative_to)
    check_base(base, scan.root)
    return scan, base


def _write(after: baselines.Baseline, target: Path, before: baselines.Baseline | None = None) -> None:
    baselines.write(after, target)
    old = before or baselines.Baseline()
    for name, entries, were in (
        ("accepted findings", set(after.accepted), set(old.accepted)),
        ("files with marks", set(after.marked), set(old.marked)),
    ):
        say(f"{name}: {len(entries)} ({len(entries - were)} new or changed, {len(were - entries)} gone or changed)")
    say(f"baseline: {target}")
