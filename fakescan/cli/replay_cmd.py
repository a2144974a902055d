"""``fakescan replay``: scan the recorded files again with the recorded options, and compare."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

import fakescan
from fakescan.cli.console import Watch
from fakescan.cli.exits import CLEAN, FINDINGS, INCOMPLETE, INTERRUPTED, one_line
from fakescan.cli.scan_options import Debug
from fakescan.core.records import Scan
from fakescan.desk import bundle as bundles
from fakescan.desk.replay import TOLERANCE, compare_replay, replay_options, same_model
from fakescan.errors import InputError
from fakescan.pipeline import run_scan
from fakescan.reports.words import count
from fakescan.store.run_dir import load_scan


def replay(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory, a JSON report or a bundle.")],
    pictures: Annotated[
        str | None,
        typer.Option("--pictures", metavar="DIR", help="The folder that the scan's paths are relative to now."),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            metavar="P",
            min=0.0,
            max=1.0,
            help="Largest difference of a probability that counts as the same; another machine may need 0.001.",
        ),
    ] = TOLERANCE,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    debug: Debug = False,
) -> None:
    """Scan the recorded files again with the recorded options, and compare verdicts, scores, texts and recorded checks.

    Only files whose digest is still the recorded one take part. Nothing of the recorded run is changed.

    Exit codes: 0 the same, 1 something differs, 3 the same as far as the files are still there.

    Example: [bold]fakescan replay report.json[/bold]
    """
    recorded = _load(Path(run))
    options, left_out = replay_options(recorded, Path(pictures) if pictures else None)
    with tempfile.TemporaryDirectory(prefix="fakescan-replay-") as place, Watch(options, quiet=quiet) as watch:
        options = replace(options, run_dir=str(Path(place) / "run"))
        again = run_scan(options, lambda: fakescan.engine_of(options), watch, command="fakescan replay").scan
    if again.interrupted:
        raise typer.Exit(INTERRUPTED)
    found = compare_replay(recorded, again, tolerance)
    differing = list(found.differing)
    if not same_model(recorded, again):
        differing.insert(0, "the model: other weights or another prompt than recorded")
    for text in differing:
        typer.echo(one_line(f"DIFFERS  {text}"))
    for text in left_out:
        typer.echo(one_line(f"left out {text}"))
    typer.echo(
        f"{count(found.compared, 'file')} compared, {len(differing)} differences, "
        f"P(AI-generated) moved by at most {found.largest_move:.6f} (tolerance {tolerance:g})"
    )
    raise typer.Exit(FINDINGS if differing else INCOMPLETE if left_out else CLEAN)


def _load(source: Path) -> Scan:
    """The recorded scan; one out of a bundle only when nothing in that was changed."""
    if not bundles.is_bundle(source):
        return load_scan(source)
    sealed = bundles.check(source)
    if sealed.faults or sealed.scan is None:
        raise InputError(f"the bundle was changed: {'; '.join(sealed.faults)}", "see `fakescan verify`")
    return sealed.scan
