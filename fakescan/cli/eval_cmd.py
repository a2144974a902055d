"""``fakescan eval``: a test set, a detector's answers to it, and figures of how good they are."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from fakescan.cli import scan_options as flag
from fakescan.cli.eval_read import (
    Wanted,
    comparison_of,
    joined_scan,
    read_document,
    refuse_unused,
    seed_of,
    threshold_of,
)
from fakescan.cli.eval_rounds import checked_temperatures, rounds_of
from fakescan.cli.eval_run import EvalRun, moved_scores
from fakescan.cli.exits import CLEAN, INCOMPLETE, say
from fakescan.core.records import Scan
from fakescan.errors import ConfigError
from fakescan.reports.evaluation.write import json_text, parse_target, write
from fakescan.store.run_dir import load_scan

if TYPE_CHECKING:
    from fakescan_trainer.evaluate.answers import Joined
    from fakescan_trainer.evaluate.document import Settings
    from fakescan_trainer.evaluate.samples import TestSet

_DATA, _WHO, _HOW = "What to measure on", "Whose answers", "How to measure"


def evaluate(
    ctx: typer.Context,
    data: Annotated[
        str | None, typer.Argument(metavar="DATA", help="Folder or list of labelled images.", show_default=False)
    ] = None,
    real: Annotated[
        list[Path] | None, typer.Option("--real", metavar="DIR", help="A folder of real images.", rich_help_panel=_DATA)
    ] = None,
    fake: Annotated[
        list[Path] | None,
        typer.Option("--fake", metavar="DIR", help="A folder of AI-generated images.", rich_help_panel=_DATA),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="COLUMN", help="Column of a list to give figures by.", rich_help_panel=_DATA),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="NAME", help="Only rows of a list of this split.", rich_help_panel=_DATA),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option("--root", metavar="DIR", help="Where paths of a list start.", rich_help_panel=_DATA),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="NAME", help="DATA is this public test set.", rich_help_panel=_DATA),
    ] = None,
    list_presets: Annotated[
        bool, typer.Option("--list-presets", help="Show public test sets and where they are.", rich_help_panel=_DATA)
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", metavar="N", min=1, help="At most N images of each label in each group.", rich_help_panel=_DATA
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="RUN", help="Take the answers of a finished scan.", rich_help_panel=_WHO),
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option("--scores", metavar="FILE", help="Take another detector's: path,score.", rich_help_panel=_WHO),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The detector's name in tables.", rich_help_panel=_WHO)
    ] = None,
    model: flag.Model = None,
    calibration: flag.CalibrationFile = None,
    reasoning: flag.ReasoningFlag = None,
    score: flag.ScoreFlag = None,
    decode: flag.DecodeFlag = None,
    policy: flag.PolicyFlag = None,
    threshold: flag.Threshold = None,
    seed: flag.Seed = None,
    official: Annotated[
        bool, typer.Option("--official", help="The authors' counting beside ours.", rich_help_panel=_HOW)
    ] = False,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness", help="Measure also how the pictures fare recompressed, resized, sent.", rich_help_panel=_HOW
        ),
    ] = False,
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds",
            metavar="N",
            min=2,
            help="Draw each text N times: how far do answers differ?",
            rich_help_panel=_HOW,
        ),
    ] = None,
    temperature: Annotated[
        list[float] | None,
        typer.Option("--temperature", metavar="T", help="Of the rounds (0.2); repeatable.", rich_help_panel=_HOW),
    ] = None,
    ratings: Annotated[
        list[Path] | None,
        typer.Option(
            "--ratings", metavar="FILE", help="Marks that people gave (data rate); repeatable.", rich_help_panel=_HOW
        ),
    ] = None,
    encoder: Annotated[
        Path | None,
        typer.Option(
            "--encoder", metavar="DIR", help="Text encoder for CSS, e.g. a CLIP text model.", rich_help_panel=_HOW
        ),
    ] = None,
    bootstrap: Annotated[
        int, typer.Option("--bootstrap", metavar="N", min=0, help="Draws for intervals.", rich_help_panel=_HOW)
    ] = 1000,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option("--compare", metavar="A B", help="Compare two evaluations or reports.", rich_help_panel=_HOW),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="[FORMAT:]PATH",
            help="Write .json .csv .md .tex .html; repeatable.",
            rich_help_panel="What to write",
        ),
    ] = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            "--beside",
            metavar="FILE",
            help="Another detector's evaluation, for the same tables; repeatable.",
            rich_help_panel="What to write",
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the JSON document to stdout.", rich_help_panel="What to write")
    ] = False,
    quiet: flag.Silent = False,
    device: flag.OneDevice = None,
    dtype: flag.DTypeFlag = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine",
            metavar="NAME",
            help="What runs the model; openai: a server; transformers: a general vision-language model (--model).",
            rich_help_panel="How to run",
        ),
    ] = None,
    base_url: flag.BaseUrl = None,
    batch_size: flag.BatchSize = None,
    workers: flag.Workers = None,
    run_dir: flag.RunDirFlag = None,
    resume: flag.Resume = None,
    config: flag.Config = None,
    debug: flag.Debug = False,
) -> None:
    """Measure a detector on labelled images: accuracy, ranking, calibration, coverage, texts.

    The images are scanned as `fakescan scan` does (by default the model alone decides, without text), or the answers
    of a finished scan (--report) or of another detector (--scores) are taken.

    Exit codes: 0 measured, 2 failed, 3 measured, but some images could not be assessed, 130 interrupted.

    Example: [bold]fakescan eval testset -o figures.html -o figures.json[/bold]
    """
    from fakescan.cli import eval_table
    from fakescan_trainer.evaluate.document import Settings

    if list_presets:
        eval_table.print_presets(sys.stdout)
        raise typer.Exit(CLEAN)
    targets = [parse_target(text) for text in outputs or ()]
    settings = Settings(bootstrap, seed_of(seed), official)
    wanted = Wanted(data, tuple(real or ()), tuple(fake or ()), by, split, root, preset, limit, settings.seed)
    if compare:
        comparison_of(compare, wanted, settings, targets, json=json, quiet=quiet)
        raise typer.Exit(CLEAN)
    if robustness and (report or scores):
        raise ConfigError(["--robustness needs the pictures to be scanned"], "leave --report and --scores out")
    drawn_at = checked_temperatures(rounds, temperature)
    if rounds and (report or scores):
        raise ConfigError(["--rounds needs the pictures to be scanned"], "leave --report and --scores out")
    if report or scores:
        refuse_unused(ctx.params, "--report" if report else "--scores", both=bool(report and scores))
    others = [read_document(place) for place in beside or ()]
    found = wanted.read()
    marks = _marks(ratings, found) if ratings else None
    moved: dict[str, Any] | None = None
    steady: dict[str, Any] | None = None
    if scores:
        from fakescan_trainer.evaluate.answers import from_scores

        joined = from_scores(found.samples, scores, threshold_of(threshold))
        detector: dict[str, Any] = {"name": name or scores.stem, "scores": scores.name}
    else:
        scan = load_scan(report) if report else None
        run = None if scan else EvalRun(ctx, config, official=official, quiet=quiet, drawn=bool(rounds))
        if run and rounds:
            steady, scan = rounds_of(run.engine, run.scan, found, rounds, drawn_at, settings.seed)
        elif run:
            scan = run.scan([sample.file for sample in found.samples])
        joined, detector = joined_scan(found, cast(Scan, scan), name)
        if robustness and run:
            moved = moved_scores(run, joined)
    document = _document(
        found, joined, settings, detector, encoder, robustness=moved, consistency=steady, human=marks
    )  # fmt: skip
    for fmt, path in targets:
        write([document, *others], fmt, path)
    if json:
        sys.stdout.write(json_text(document))
    elif not quiet:
        eval_table.print_evaluation([document, *others], sys.stdout)
    raise typer.Exit(INCOMPLETE if document["errors"] else CLEAN)


def _marks(files: Sequence[Path], found: TestSet) -> dict[str, Any]:
    from fakescan_trainer.evaluate.human import figures, read_marks

    groups = {sample.path: sample.group for sample in found.samples}
    return figures([mark for file in files for mark in read_marks(file)], groups)


def _document(
    found: TestSet,
    joined: Joined,
    settings: Settings,
    detector: Mapping[str, Any],
    encoder: Path | None,
    **parts: Mapping[str, Any] | None,
) -> dict[str, Any]:
    from fakescan_trainer.evaluate.document import evaluation
    from fakescan_trainer.evaluate.reasoning import SentenceEncoder, measure

    reasoning: dict[str, Any] | None = None
    if any(answer.sample.reference and answer.stages.get("reasoning") for answer in joined.answers):
        try:
            reasoning = measure(joined.answers, SentenceEncoder(encoder))
        except ConfigError as fault:
            if encoder is not None:
                raise
            # What was scanned at some cost is not thrown away for want of a library that only measures texts.
            say(f"warning: reasoning is not measured: {fault.message}")
            say(f"hint: {fault.hint}")
            reasoning = {"not_measured": f"{fault.message}; {fault.hint}"}
    elif encoder is not None:
        raise ConfigError(
            ["--encoder is of no use: no image has both a text and a reference"],
            "add --reasoning all, and give a test set with annotations",
        )
    return evaluation(found, joined, settings, detector=detector, reasoning=reasoning, **parts)
