"""``fakescan data``: from a folder of images to a training set."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from fakescan.cli import data_annotate_cmd, data_make_cmd, data_rate_cmd, data_review_cmd
from fakescan.cli.data_options import Data, Force, Json, Root, Workers, check_free, counting, write_text
from fakescan.cli.exits import CLEAN, FINDINGS, INCOMPLETE, one_line, say
from fakescan.cli.scan_options import Debug

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Build, check, annotate and compile training data.\n\nExample: [bold]fakescan data validate photos[/bold]",
)
_SHOWN = 50


@app.command()
def validate(
    data: Data,
    root: Root = None,
    strict: Annotated[bool, typer.Option("--strict", help="Count warnings as faults.")] = False,
    json: Json = False,
    workers: Workers = 2,
    debug: Debug = False,
) -> None:
    """Check a set before it is trained on: files, labels, attributes, duplicates across splits, confounds.

    Several lists are taken for splits of one set. Exit codes: 0 fit, 1 faults, 2 failed, 3 files that cannot be opened.

    Example: [bold]fakescan data validate photos/train.json photos/validation.json[/bold]
    """
    from fakescan_trainer.data.facts import facts_of
    from fakescan_trainer.data.samples import read_all
    from fakescan_trainer.data.validate import Severity, Validation
    from fakescan_trainer.data.validate import validate as judge

    listings = read_all(data, root)
    images = [sample.image for listing in listings for sample in listing.samples]
    with counting("opening images") as told:
        facts = facts_of(listings[0].root, images, workers=workers, told=told)
    found: Validation = judge(listings, facts)
    if json:
        typer.echo(json_module.dumps(found.as_dict(), indent=1))
    else:
        _print_validation(found)
    faults, errors, warnings = (found.count(severity) for severity in Severity)
    failing = faults or (strict and warnings)
    raise typer.Exit(FINDINGS if failing else INCOMPLETE if errors else CLEAN)


@app.command()
def stats(
    data: Data,
    root: Root = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write them with plots as an HTML page.")
    ] = None,
    json: Json = False,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Count images, labels, sources, lengths of texts and attributes (the paper's Figure 5).

    Example: [bold]fakescan data stats photos/forgery_reasoning_cot.json -o stats.html[/bold]
    """
    from fakescan_trainer.data.samples import read_all
    from fakescan_trainer.data.stats import stats_of, stats_page
    from fakescan_trainer.data.validate import named_splits

    if output is not None:
        check_free([output], force=force)
    listings = read_all(data, root)
    left_out = sum(len(listing.faults) for listing in listings)
    found = stats_of(named_splits(listings))
    if output is not None:
        write_text(output, stats_page(found, f"Statistics of {', '.join(listing.name for listing in listings)}"))
    if json:
        typer.echo(json_module.dumps(found.as_dict(), indent=1))
    else:
        for line in found.lines():
            typer.echo(one_line(line))
    say(f"warning: {left_out} rows do not fit and were left out; fakescan data validate lists them" * bool(left_out))


@app.command()
def preview(
    data: Data,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The HTML page.")],
    root: Root = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many, drawn at random.")] = 60,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Another seed draws others.")] = 0,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Show images with labels and texts on a page of its own, which holds small copies of the pictures.

    Example: [bold]fakescan data preview photos/annotations.jsonl -o preview.html[/bold]
    """
    from fakescan_trainer.data.facts import Reencoder
    from fakescan_trainer.data.preview import SIDE_PX, drawn, preview_page
    from fakescan_trainer.data.samples import read_all

    check_free([output], force=force)
    listings = read_all(data, root)
    samples = [sample for listing in listings for sample in listing.samples]
    some = drawn(samples, limit, seed)
    note = f"{len(some):,} of {len(samples):,} images" + (", drawn at random." if len(some) < len(samples) else ".")
    with Reencoder(listings[0].root, SIDE_PX) as pictures:
        text = preview_page(some, pictures, f"Preview of {', '.join(listing.name for listing in listings)}", note)
    write_text(output, text)
    typer.echo(one_line(str(output)))


def _print_validation(found: object) -> None:
    from fakescan_trainer.data.validate import Severity, Validation

    assert isinstance(found, Validation)  # noqa: S101 -- imported late, for a quick --help
    labels = ", ".join(f"{number:,} {label}" for label, number in sorted(found.labels.items()))
    splits = "; " + ", ".join(f"{name} {number:,}" for name, number in found.splits.items()) if found.splits else ""
    typer.echo(one_line(f"{found.images:,} images: {labels}{splits}"))
    for severity in Severity:
        some = [finding for finding in found.findings if finding.severity is severity]
        for finding in some[:_SHOWN]:
            typer.echo(one_line(f"{severity.value}: {finding.text}"))
        if len(some) > _SHOWN:
            typer.echo(f"{severity.value}: {len(some) - _SHOWN:,} more, all of them with --json")
    for measured in found.confounds:
        accuracy = f"{measured.balanced_accuracy:.0%} (95 % interval from {measured.low:.0%})"
        typer.echo(one_line(f"label told by {measured.facts} alone: {accuracy}; 50 % is guessing"))
    counts = ", ".join(f"{found.count(severity):,} {severity.value}s" for severity in Severity)
    typer.echo(counts)


app.command("import")(data_make_cmd.import_tree)
app.command("split")(data_make_cmd.split)
app.command("annotate")(data_annotate_cmd.annotate)
app.command("review")(data_review_cmd.review)
app.command("rate")(data_rate_cmd.rate)
app.command("compile")(data_make_cmd.compile_data)
