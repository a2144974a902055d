"""``fakescan merge RUN...``: one report out of the parts of a scan."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from fakescan.cli import scan_options as flag
from fakescan.cli.check import read_check, tell
from fakescan.cli.exits import shell_line
from fakescan.cli.outputs import files_of, prints, targets_of, write_all
from fakescan.cli.report import redactions_of
from fakescan.cli.scan import exit_code
from fakescan.core.schema import scan_to_json
from fakescan.desk.merge import merge as merged
from fakescan.desk.redact import SHARE
from fakescan.errors import InputError
from fakescan.reports.terminal import print_paths, print_summary
from fakescan.store.run_dir import load_scan


def merge(
    ctx: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Run directories or JSON reports of all parts.")],
    outputs: flag.Outputs = None,
    json: flag.Json = False,
    quiet: flag.Quiet = False,
    gate: flag.Gate = None,
    baseline: flag.Baseline = None,
    relative_to: flag.RelativeTo = None,
    templates: flag.Templates = None,
    single_file: flag.SingleFile = None,
    redact: flag.RedactFlag = None,
    share: flag.Share = False,
    debug: flag.Debug = False,
) -> None:
    """Put the parts of a scan (--shard) together into one report, the same as one scan over everything gives.

    Exit codes are those of scan: 0 clean, 1 findings, 2 failed (a part is missing), 3 some files could not be assessed,
    130 a part was interrupted.

    Example: [bold]fakescan merge part-1 part-2 -o report.html -o report.json[/bold]
    """
    targets = targets_of(outputs or [], json=json)
    check = read_check(gate, baseline, relative_to)
    parts = {}
    for name in runs:
        if name in parts:
            raise InputError(f"{ascii(name)[1:-1]} was given twice", "give each part once")
        parts[name] = load_scan(Path(name))
    scan = merged(parts, scan_id=secrets.token_hex(8), command=shell_line(["fakescan", *(ctx.obj or [])]))
    judgement = check.judge(scan)
    code = exit_code(scan, judgement)
    told = write_all(
        scan,
        targets,
        # A report may come from anybody: only runs of this machine show their pictures.
        pictures=all(Path(name).is_dir() for name in runs),
        templates=Path(templates) if templates else None,
        single_file=bool(single_file),
        redactions=SHARE if share else redactions_of(redact or []),
        judgement=judgement,
        base=check.base,
    )
    if json:
        sys.stdout.write(scan_to_json(told))
    if not quiet:
        print_summary(scan, sys.stderr, reports=files_of(targets), exit_code=code)
        tell(scan, judgement)
    elif not json and not prints(targets):
        print_paths(scan, sys.stdout, judgement)
    raise typer.Exit(code)
