"""``fakescan scan``: options, run, reports, exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import typer

import fakescan
from fakescan.cli import scan_options as flag
from fakescan.cli.check import Check, absolute, check_base, read_check, tell
from fakescan.cli.console import Watch
from fakescan.cli.exits import CLEAN, FINDINGS, INCOMPLETE, INTERRUPTED, say, shell_line
from fakescan.cli.inputs import STDIN, listed_paths
from fakescan.cli.outputs import Target, files_of, prints, targets_of, write_all
from fakescan.cli.settings import resolve
from fakescan.core.addresses import is_address, without_secrets
from fakescan.core.options import OPTION_NAMES, SERVER, ScanOptions
from fakescan.core.records import Failure, Scan
from fakescan.core.schema import json_parts
from fakescan.crews import crew_of
from fakescan.desk.notes import note_written
from fakescan.desk.redact import SHARE
from fakescan.engines import model_folder
from fakescan.errors import InputError, ReportError
from fakescan.intake.discover import common_root
from fakescan.reports.judgement import Judgement
from fakescan.reports.terminal import print_paths, print_summary

if TYPE_CHECKING:
    from fakescan.pipeline import FinishedRun


def scan(
    ctx: typer.Context,
    paths: flag.Paths = None,
    files_from: flag.FilesFrom = None,
    files_from0: flag.FilesFrom0 = None,
    include: flag.Include = None,
    exclude: flag.Exclude = None,
    changed_since: flag.ChangedSince = None,
    allow_empty: flag.AllowEmpty = None,
    follow_links: flag.FollowLinks = None,
    limit: flag.Limit = None,
    model: flag.Model = None,
    reasoning: flag.ReasoningFlag = None,
    score: flag.ScoreFlag = None,
    decode: flag.DecodeFlag = None,
    policy: flag.PolicyFlag = None,
    trust_list: flag.TrustList = None,
    threshold: flag.Threshold = None,
    stability: flag.Stability = None,
    audit: flag.Audit = None,
    calibration: flag.CalibrationFile = None,
    seed: flag.Seed = None,
    outputs: flag.Outputs = None,
    json: flag.Json = False,
    quiet: flag.Quiet = False,
    templates: flag.Templates = None,
    single_file: flag.SingleFile = None,
    redact: flag.RedactFlag = None,
    share: flag.Share = False,
    case: flag.CaseId = None,
    examiner: flag.Examiner = None,
    note: flag.Note = None,
    fail_on: flag.FailOnFlag = None,
    gate: flag.Gate = None,
    baseline: flag.Baseline = None,
    relative_to: flag.RelativeTo = None,
    device: flag.Device = None,
    dtype: flag.DTypeFlag = None,
    engine: flag.Engine = None,
    ray_workers: flag.RayWorkers = None,
    base_url: flag.BaseUrl = None,
    batch_size: flag.BatchSize = None,
    workers: flag.Workers = None,
    max_file_bytes: flag.MaxFileBytes = None,
    max_pixels: flag.MaxPixels = None,
    draft: flag.Draft = None,
    file_timeout_s: flag.FileTimeout = None,
    run_dir: flag.RunDirFlag = None,
    resume: flag.Resume = None,
    shard: flag.Shard = None,
    cache: flag.Cache = None,
    config: flag.Config = None,
    debug: flag.Debug = False,
) -> None:
    """Assess images and write reports.

    Everything happens on this machine; pictures never leave it,
    unless --engine openai names a server, or --engine ray a cluster.

    Exit codes: 0 clean, 1 findings, 2 failed or nothing to scan,
    3 some files could not be assessed, 130 interrupted (--resume goes on).

    Example: [bold]fakescan scan photos -o report.html -o report.json[/bold]
    """
    from fakescan.pipeline import run_scan  # --help need not wait for it

    options = _options(ctx.params, config)
    targets = targets_of(options.outputs, json=json)
    check = read_check(options.gate, options.baseline, options.relative_to)
    local = [path for path in options.paths if not is_address(path)]
    if local:
        check_base(check.base, str(common_root(local)))
    if options.engine != SERVER:
        model_folder(options.model)  # a model that is not there is told before a long walk, not after it
    command = shell_line(["fakescan", *map(without_secrets, ctx.obj or [])])
    with _terminated_like_ctrl_c(), Watch(options, quiet=quiet) as watch:
        try:
            run = run_scan(options, lambda: fakescan.engine_of(options), watch, command=command, crew=crew_of(options))
        except KeyboardInterrupt:  # a second one, or one before there was anything to keep
            say("interrupted; what was done until then is in the journal, and --resume goes on from there")
            raise
    raise typer.Exit(_finish(run, targets, options, check, json=json, quiet=quiet))


def _options(flags: Mapping[str, Any], config: str | None) -> ScanOptions:
    given = {name: value for name, value in flags.items() if name in OPTION_NAMES and value not in (None, [], ())}
    paths, by_line, by_nul = (list(flags[name] or []) for name in ("paths", "files_from", "files_from0"))
    if paths or by_line or by_nul:
        given["paths"] = listed_paths(paths, by_line, by_nul)
    if flags.get("share"):
        given["redact"] = list(SHARE)
    options = resolve(given, config=config).options
    # The record is read elsewhere, where a relative folder would be another one.
    options = replace(options, relative_to=absolute(options.relative_to))
    empty_list = options.allow_empty and (by_line or by_nul or STDIN in paths)
    if not options.paths and not empty_list:
        raise InputError("nothing to scan was given", "give files or folders: fakescan scan PATH...")
    return options


def exit_code(scan: Scan, judgement: Judgement) -> int:
    """The code of CONTRACT.md.

    Args:
        scan: a finished or interrupted scan.
        judgement: what counts as a finding.
    """
    if scan.interrupted:
        return INTERRUPTED
    if judgement.failing:
        return FINDINGS
    return INCOMPLETE if any(isinstance(result.outcome, Failure) for result in scan.results) else CLEAN


def _finish(
    run: FinishedRun, targets: list[Target], options: ScanOptions, check: Check, *, json: bool, quiet: bool
) -> int:
    judgement = check.judge(run.scan)
    code = exit_code(run.scan, judgement)
    try:
        told = write_all(
            run.scan,
            targets,
            templates=Path(options.templates) if options.templates else None,
            single_file=options.single_file,
            redactions=options.redact,
            judgement=judgement,
            base=check.base_for(run.scan),
        )
        note_written(run.run_dir, run.scan, targets, single_file=options.single_file)
        if json:
            sys.stdout.writelines(json_parts(told))
            sys.stdout.flush()
    except ReportError:
        say(f"the results are kept in {run.run_dir.path}")
        say("write reports again with: " + shell_line(["fakescan", "report", str(run.run_dir.path), "-o", "PATH"]))
        raise
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise ReportError(f"cannot print the JSON report: {reason}", f"it is in {run.run_dir.report}") from None
    if quiet:
        if not json and not prints(targets):
            print_paths(run.scan, sys.stdout, judgement)
        return code
    print_summary(run.scan, sys.stderr, reports=files_of(targets) or [run.run_dir.report], exit_code=code)
    tell(run.scan, judgement)
    return code


@contextmanager
def _terminated_like_ctrl_c() -> Iterator[None]:
    """While it lasts, a polite request to end keeps what was done, as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:
        # Only the main thread may; whoever calls from another keeps the system's way.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
