"""``fakescan report``: write reports of a finished run again. No model, no torch."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from fakescan.cli import scan_options as flag
from fakescan.cli.check import tell
from fakescan.cli.outputs import files_of
from fakescan.cli.reporting import Reporting, with_reporting
from fakescan.core.schema import scan_to_json
from fakescan.desk.notes import note_rewritten
from fakescan.desk.reviewed import decided, read_all
from fakescan.reports.terminal import print_summary
from fakescan.store.run_dir import RunDir, load_scan


@with_reporting
def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory or a JSON report.")],
    reporting: Reporting,
    quiet: flag.Silent = False,
    case: flag.CaseId = None,
    examiner: flag.Examiner = None,
    note: flag.Note = None,
    pictures: Annotated[
        str | None,
        typer.Option(
            "--pictures",
            metavar="DIR",
            help="The folder that the scan's paths are relative to, for previews; only pictures whose digest still "
            "fits are shown. Without it, previews are made for run directories only.",
        ),
    ] = None,
    debug: flag.Debug = False,
) -> None:
    """Write reports of a finished or interrupted run again, without a model.

    Without -o the summary is printed. The exit code is 0 whatever the scan found.

    Example: [bold]fakescan report report.json -o report.html[/bold]
    """
    targets = reporting.targets()
    rules = reporting.check()
    source = Path(run)
    scan = load_scan(source)
    said = {"id": case, "examiner": examiner, "note": note}
    scan = replace(scan, case=replace(scan.case, **{name: text for name, text in said.items() if text is not None}))
    judgement = rules.judge(scan)
    told = reporting.write(
        scan,
        targets,
        rules,
        judgement,
        pictures=source.is_dir() or pictures is not None,
        root=Path(pictures) if pictures else None,
        decisions=decided(read_all(source, scan), scan),
    )
    if source.is_dir():
        note_rewritten(RunDir(source), scan, targets, single_file=bool(reporting.single_file))
    if reporting.json:
        sys.stdout.write(scan_to_json(told))
    if not quiet:
        print_summary(scan, sys.stderr, reports=files_of(targets))
        tell(scan, judgement)
