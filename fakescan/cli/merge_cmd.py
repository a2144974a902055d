"""``fakescan merge RUN...``: one report out of the parts of a scan."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from fakescan.cli import scan_options as flag
from fakescan.cli.check import tell
from fakescan.cli.exits import shell_line
from fakescan.cli.outputs import files_of, prints
from fakescan.cli.reporting import Reporting, with_reporting
from fakescan.cli.scan import exit_code
from fakescan.core.schema import scan_to_json
from fakescan.desk.merge import merge as merged
from fakescan.errors import InputError
from fakescan.reports.terminal import print_paths, print_summary
from fakescan.store.run_dir import load_scan


@with_reporting
def merge(
    ctx: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Run directories or JSON reports of all parts.")],
    reporting: Reporting,
    quiet: flag.Quiet = False,
    debug: flag.Debug = False,
) -> None:
    """Put the parts of a scan (--shard) together into one report, the same as one scan over everything gives.

    Exit codes are those of scan: 0 clean, 1 findings, 2 failed (a part is missing), 3 some files could not be assessed,
    130 a part was interrupted.

    Example: [bold]fakescan merge part-1 part-2 -o report.html -o report.json[/bold]
    """
    targets = reporting.targets()
    check = reporting.check()
    parts = {}
    for name in runs:
        if name in parts:
            raise InputError(f"{ascii(name)[1:-1]} was given twice", "give each part once")
        parts[name] = load_scan(Path(name))
    scan = merged(parts, scan_id=secrets.token_hex(8), command=shell_line(["fakescan", *(ctx.obj or [])]))
    judgement = check.judge(scan)
    code = exit_code(scan, judgement)
    told = reporting.write(scan, targets, check, judgement, pictures=all(Path(name).is_dir() for name in runs))
    if reporting.json:
        sys.stdout.write(scan_to_json(told))
    if not quiet:
        print_summary(scan, sys.stderr, reports=files_of(targets), exit_code=code)
        tell(scan, judgement)
    elif not reporting.json and not prints(targets):
        print_paths(scan, sys.stdout, judgement)
    raise typer.Exit(code)
