"""``fakescan report``: write reports of a finished run again. No model, no torch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from fakescan.cli import scan_options as flag
from fakescan.cli.check import read_check, tell
from fakescan.cli.outputs import files_of, targets_of, write_all
from fakescan.core.option_values import several
from fakescan.core.options import Redact
from fakescan.core.records import Scan
from fakescan.core.schema import scan_to_json
from fakescan.desk import review as reviews
from fakescan.desk.redact import SHARE
from fakescan.errors import ConfigError
from fakescan.reports.decided import Decided
from fakescan.reports.terminal import print_summary
from fakescan.store.run_dir import load_scan


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory or a JSON report.")],
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
    targets = targets_of(outputs or [], json=json)
    rules = read_check(gate, baseline, relative_to)
    source = Path(run)
    scan = load_scan(source)
    said = {"id": case, "examiner": examiner, "note": note}
    scan = replace(scan, case=replace(scan.case, **{name: text for name, text in said.items() if text is not None}))
    judgement = rules.judge(scan)
    told = write_all(
        scan,
        targets,
        # A report may come from anybody: which folder on this machine it may show is for the user to say.
        pictures=source.is_dir() or pictures is not None,
        root=Path(pictures) if pictures else None,
        templates=Path(templates) if templates else None,
        single_file=bool(single_file),
        redactions=SHARE if share else redactions_of(redact or []),
        judgement=judgement,
        base=rules.base,
        decisions=_decisions(source, scan),
    )
    if json:
        sys.stdout.write(scan_to_json(told))
    if not quiet:
        print_summary(scan, sys.stderr, reports=files_of(targets))
        tell(scan, judgement)


def _decisions(source: Path, scan: Scan) -> dict[str, Decided]:
    """The last decision about each file of a run, as ``fakescan review`` keeps them; other bytes have none."""
    digests = {result.record.file.path: result.record.file.sha256 for result in scan.results}
    recorded, _ = reviews.read(reviews.place_of(source))
    return {
        item.path: Decided(item.decision.value, item.examiner, item.at, item.note)
        for item in reviews.latest(recorded)
        if digests.get(item.path) == item.sha256
    }


def redactions_of(given: Sequence[str]) -> tuple[Redact, ...]:
    """What ``--redact`` asks to be left out.

    Args:
        given: as typed.

    Raises:
        ConfigError: for an unknown word.
    """
    try:
        return tuple(Redact(word) for word in several(Redact)(list(given)))
    except ValueError as fault:
        raise ConfigError([f"--redact: {fault}"], "give any of " + ",".join(Redact)) from None
