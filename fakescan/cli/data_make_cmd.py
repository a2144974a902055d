"""``fakescan data import|split|compile``: commands that write lists."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fakescan.cli.data_options import Data, Force, Root, Workers, check_free, counting, write_text
from fakescan.cli.exits import CLEAN, INCOMPLETE, one_line, say
from fakescan.cli.scan_options import Debug
from fakescan.errors import DataError

_SHOWN = 20
_ROUNDING = 0.011
"""So far from 1 shares may be altogether: three times 0.33 is meant to be all."""


class By(StrEnum):
    """What is never cut in two."""

    SOURCE = "source"
    GENERATOR = "generator"


class Conclusion(StrEnum):
    """How the conclusion begins."""

    LONG = "long"
    SHORT = "short"


class Rest(StrEnum):
    """What becomes of images without annotation."""

    DROP = "drop"
    SHORT = "short"


def import_tree(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="The MMFR tree, or the folder with its archives.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where archives are unpacked to; new or empty.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Bring the authors' MMFR data set into one list: join and unpack split tar files, write samples.jsonl.

    Archives with links, devices or paths that leave the folder are refused. Exit codes: 0 done, 2 failed, 3 some rows
    do not fit and were left out.

    Example: [bold]fakescan data import downloads/MMFR --out mmfr[/bold]
    """
    from fakescan_trainer.data.official import LIST
    from fakescan_trainer.data.official import import_tree as bring

    files = 0
    with counting("unpacking") as told:

        def unpacked(name: str) -> None:
            nonlocal files
            files += 1
            told(files, files)

        found = bring(source, out, unpacked)
    for fault in found.faults[:_SHOWN]:
        say(f"left out: {fault}")
    say(f"left out: {len(found.faults) - _SHOWN} more rows" * (len(found.faults) > _SHOWN))
    for name, number in found.dropped_attributes.items():
        say(f"warning: {number} descriptions of {name!r}, which is none of the ten attributes, were left out")
    say(f"warning: {found.unlisted} images are in no list" * bool(found.unlisted))
    typer.echo(one_line(f"{found.root / LIST}: {found.images:,} images"))
    raise typer.Exit(INCOMPLETE if found.faults else CLEAN)


def split(
    data: Data,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder that the lists are written to.")],
    root: Root = None,
    by: Annotated[By, typer.Option("--by", help="What is never cut in two: sources, or generators.")] = By.SOURCE,
    shares: Annotated[
        str, typer.Option("--shares", metavar="NAME=SHARE,...", help="Names and sizes of the splits.")
    ] = "train=0.8,validation=0.1,test=0.1",
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Another seed deals another way.")] = 0,
    workers: Workers = 2,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Split a set so that no source, and no near-duplicate, is on both sides.

    Example: [bold]fakescan data split photos/forgery_reasoning_cot.json --out photos[/bold]
    """
    from fakescan_trainer.data.compile import written
    from fakescan_trainer.data.facts import facts_of
    from fakescan_trainer.data.samples import json_line, read_sound
    from fakescan_trainer.data.split import Unit, as_row
    from fakescan_trainer.data.split import split as deal

    wanted = _shares(shares)
    listing = read_sound(data, root)
    suffix = "json" if listing.conversations else "jsonl"
    files = {name: out / f"{name}.{suffix}" for name in wanted}
    out.mkdir(parents=True, exist_ok=True)
    check_free(list(files.values()), force=force)
    with counting("opening images") as told:
        facts = facts_of(listing.root, (sample.image for sample in listing.samples), workers=workers, told=told)
    dealt = deal(listing.samples, facts, wanted, by=Unit(by.value), seed=seed)
    for name, part in dealt.parts.items():
        rows = [as_row(sample, name) for sample in part]
        text = written(rows) if listing.conversations else "".join(json_line(row) + "\n" for row in rows)
        write_text(files[name], text)
        labels = ", ".join(
            f"{sum(sample.label is not None and sample.label.value == label for sample in part):,} {label}"
            for label in ("fake", "real")
        )
        typer.echo(
            one_line(f"{files[name]}: {len(part):,} images ({labels}) of {len(dealt.units[name]):,} {by.value}s")
        )
    say(f"{dealt.joined} {by.value}s went along with others because they share near-duplicates" * bool(dealt.joined))
    for warning in dealt.warnings:
        say(f"warning: {warning}")


def compile_data(
    data: Data,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The compiled conversations (.json).")],
    root: Root = None,
    reviewed: Annotated[
        Path | None, typer.Option("--reviewed", metavar="FILE", help="What experts decided (fakescan data review).")
    ] = None,
    only_reviewed: Annotated[
        bool, typer.Option("--only-reviewed", help="Leave out what nobody decided about.")
    ] = False,
    no_leak: Annotated[
        bool, typer.Option("--no-leak", help='No "Therefore, this image is ..." at the end of REASONING.')
    ] = False,
    conclusion: Annotated[
        Conclusion,
        typer.Option("--conclusion", help='"Based on the analysis above, this image is ..." or "This image is ...".'),
    ] = Conclusion.LONG,
    unannotated: Annotated[
        Rest, typer.Option("--unannotated", help="Images without texts: leave them out, or the conclusion alone.")
    ] = Rest.DROP,
    captions: Annotated[
        Path | None, typer.Option("--captions", metavar="FILE", help="Write the captions for the alignment stage too.")
    ] = None,
    attributes: Annotated[
        Path | None,
        typer.Option("--attributes", metavar="FILE", help="Write the attributes as a *_reasoning.json too."),
    ] = None,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Compile attributes and captions into the four-stage chain of thought (forgery_reasoning_cot.json).

    Exit codes: 0 done, 2 failed, 3 some texts cannot be part of an answer and were left out.

    Example: [bold]fakescan data compile photos/annotations.jsonl -o photos/forgery_reasoning_cot.json[/bold]
    """
    import json

    from fakescan_trainer.data import decisions
    from fakescan_trainer.data.compile import (
        Start,
        Unannotated,
        caption_records,
        compile_samples,
        reasoning_json,
        written,
    )
    from fakescan_trainer.data.samples import read_sound

    check_free([path for path in (output, captions, attributes) if path is not None], force=force)
    samples = read_sound(data, root).samples
    if reviewed is not None:
        if not reviewed.is_file():
            raise DataError(f"there is no file {reviewed}", "give the file that fakescan data review has written")
        after = decisions.applied(samples, decisions.read(reviewed), only_reviewed=only_reviewed)
        say("reviewed: " + ", ".join(f"{number:,} {name}" for name, number in sorted(after.counts.items())))
        samples = after.samples
    elif only_reviewed:
        raise DataError("--only-reviewed without --reviewed", "name the file of decisions")
    done = compile_samples(
        samples, leak=not no_leak, start=Start(conclusion.value), unannotated=Unannotated(unannotated.value)
    )
    if not done.records:
        raise DataError("no image has both a caption and attributes", "annotate first, or give --unannotated short")
    write_text(output, written(done.records))
    if captions is not None:
        write_text(captions, written(caption_records(samples)))
    if attributes is not None:
        write_text(attributes, json.dumps(reasoning_json(samples), indent=1) + "\n")
    for image, why in done.unusable[:_SHOWN]:
        say(f"left out: {image}: {why}")
    kinds = {"full": "with reasoning", "short": "with the conclusion alone", "dropped": "without texts left out",
             "unusable": "unusable"}  # fmt: skip
    counts = ", ".join(f"{done.counts[key]:,} {text}" for key, text in kinds.items() if done.counts.get(key))
    typer.echo(one_line(f"{output}: {len(done.records):,} records ({counts})"))
    raise typer.Exit(INCOMPLETE if done.unusable else CLEAN)


def _shares(text: str) -> dict[str, float]:
    """``train=0.8,validation=0.2``.

    Raises:
        DataError: it is not of that form, or they do not come to 1.
    """
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.partition("=")
        name = name.strip()
        try:
            value = float(share)
        except ValueError:
            value = -1.0
        if not name.replace("-", "").replace("_", "").isalnum() or name in shares or not 0 < value < float("inf"):
            raise DataError(f"{part!r} is no share of a split", "write --shares train=0.8,validation=0.1,test=0.1")
        shares[name] = value
    if abs((whole := sum(shares.values())) - 1) > _ROUNDING:
        # Most likely a slip of the pen: what was meant cannot be told, and a split is made once.
        raise DataError(f"the shares of --shares {text!r} come to {whole:g}, not to 1", "write them as parts of 1")
    return shares
