"""``fakescan data annotate``: captions and attributes from a vision-language model, never without being asked."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fakescan.cli.data_options import Data, Root, Workers, counting
from fakescan.cli.exits import CLEAN, INCOMPLETE, INTERRUPTED, one_line, say
from fakescan.cli.scan_options import Debug
from fakescan.errors import DataError

if TYPE_CHECKING:
    from fakescan_trainer.data.annotate import Annotated as Outcome
    from fakescan_trainer.data.annotations import Annotation
    from fakescan_trainer.data.cost import Price
    from fakescan_trainer.data.endpoint import Endpoint
    from fakescan_trainer.data.facts import Facts, Reencoder
    from fakescan_trainer.data.samples import Sample

OPENAI = "https://api.openai.com/v1"
PAPER_MODEL = "gpt-4o-2024-08-06"
"""What the authors asked."""


def annotate(
    data: Data,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Annotations (.jsonl); an unfinished one goes on.")
    ],
    root: Root = None,
    endpoint: Annotated[
        str, typer.Option("--endpoint", metavar="URL", help="An OpenAI-compatible server, up to and with /v1.")
    ] = OPENAI,
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="The model's name there.")] = PAPER_MODEL,
    key_env: Annotated[
        str,
        typer.Option("--key-env", metavar="NAME", help="Environment variable that holds the key; '' for none."),
    ] = "OPENAI_API_KEY",
    yes: Annotated[bool, typer.Option("--yes", help="Send without asking.")] = False,
    estimate: Annotated[bool, typer.Option("--estimate", help="Tell what it would cost and end.")] = False,
    prices: Annotated[
        Path | None, typer.Option("--prices", metavar="FILE", help="Your table of prices, JSON; none are built in.")
    ] = None,
    image_tokens: Annotated[
        int | None,
        typer.Option("--image-tokens", metavar="N", min=0, help="Tokens of an image there; OpenAI's rule if left out."),
    ] = None,
    batch_write: Annotated[
        Path | None,
        typer.Option("--batch-write", metavar="DIR", help="Write the questions for the Batch API; send nothing."),
    ] = None,
    batch_read: Annotated[
        list[Path] | None,
        typer.Option("--batch-read", metavar="FILE", help="Read answers of the Batch API; send nothing. Repeatable."),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Only the first N images.")] = None,
    concurrency: Annotated[int, typer.Option("--concurrency", metavar="N", min=1, help="Questions at once.")] = 4,
    per_minute: Annotated[
        float | None, typer.Option("--per-minute", metavar="N", min=0.01, help="Most questions a minute.")
    ] = None,
    retries: Annotated[int, typer.Option("--retries", metavar="N", min=0, help="Tries after the first.")] = 6,
    timeout_s: Annotated[
        float, typer.Option("--timeout-s", metavar="S", min=0.1, help="Longest wait for an answer.")
    ] = 120.0,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", metavar="N", min=1, help="Most tokens of an answer.")
    ] = 500,
    max_side_px: Annotated[
        int, typer.Option("--max-side-px", metavar="N", min=64, help="Copies that are sent are scaled down to this.")
    ] = 1024,
    workers: Workers = 2,
    debug: Debug = False,
) -> int:
    """Ask a vision-language model for captions and forgery attributes (the paper asks GPT-4o).

    Copies of the pictures without metadata are sent, with their labels, and only after --yes or a confirmation. Exit
    codes: 0 all images have an answer, 2 failed, 3 some have none (the same command tries them again), 130 interrupted.

    Example: [bold]fakescan data annotate photos -o photos/annotations.jsonl --endpoint URL --model NAME[/bold]
    """
    from fakescan_trainer.data.annotations import AnnotationFile, begun
    from fakescan_trainer.data.batch import read_results, write_requests
    from fakescan_trainer.data.cost import estimate as estimated
    from fakescan_trainer.data.cost import read_price
    from fakescan_trainer.data.endpoint import Endpoint
    from fakescan_trainer.data.facts import Reencoder
    from fakescan_trainer.data.pace import Patience
    from fakescan_trainer.data.samples import read_sound

    if batch_write is not None and batch_read:
        raise DataError("--batch-write and --batch-read at once", "write first, read when the answers are there")
    price = read_price(prices, model) if prices is not None else None
    listing = read_sound(data, root)
    samples = [sample for sample in listing.samples if sample.label][:limit]
    facts, broken = _opened(listing.root, samples, workers)
    annotations = begun(samples, {image: fact.sha256 for image, fact in facts.items()}, model, output)
    if batch_read:
        with AnnotationFile(output) as file:
            outcome, unknown = read_results(annotations, batch_read, file)
        say(f"warning: {unknown} answers are about no open image of this set" * bool(unknown))
        return _end(outcome, price, broken, sum(bool(item.open_tasks) for item in annotations))
    needed = estimated(
        annotations, facts, max_tokens=max_tokens, max_side_px=max_side_px, image_tokens=image_tokens, price=price
    )
    say(needed.sentence())
    if estimate:
        return CLEAN
    if not needed.requests:
        return _end(None, price, broken, 0)
    with Reencoder(listing.root, max_side_px, workers=workers) as pictures:
        if batch_write is not None:
            made = write_requests(annotations, pictures, batch_write, model=model, max_tokens=max_tokens)
            for path in made[0]:
                typer.echo(one_line(str(path)))
            return INCOMPLETE if made[2] or broken else CLEAN
        key = _key(key_env, endpoint)
        patience = Patience(retries, timeout_s=timeout_s)
        server = Endpoint(endpoint, model, key, patience=patience, per_minute=per_minute)
        _confirm(endpoint, model, needed.images, yes=yes)
        sent = _sent(annotations, server, pictures, output, concurrency, max_tokens)
    return INTERRUPTED if sent is None else _end(sent, price, broken, 0)


def _opened(root: Path, samples: Sequence[Sample], workers: int) -> tuple[dict[str, Facts], int]:
    """Facts of the images that can be opened, and how many cannot."""
    from fakescan.core.records import Failure
    from fakescan_trainer.data.facts import facts_of

    with counting("opening images") as told:
        found = facts_of(root, (sample.image for sample in samples), workers=workers, told=told)
    for image, fact in found.items():
        if isinstance(fact, Failure):
            say(f"left out: {image}: {fact.message}")
    facts = {image: fact for image, fact in found.items() if not isinstance(fact, Failure)}
    return facts, len(found) - len(facts)


def _sent(
    annotations: Sequence[Annotation], server: Endpoint, pictures: Reencoder, output: Path, concurrency: int,
    max_tokens: int,
) -> Outcome | None:  # fmt: skip
    """Ask everything that is open; None when the user ended it."""
    from fakescan_trainer.data.annotate import annotate as ask
    from fakescan_trainer.data.annotations import AnnotationFile

    try:
        with AnnotationFile(output) as file, counting("asking") as told:
            return ask(
                annotations, server, pictures, file, concurrency=concurrency, max_tokens=max_tokens,
                told=lambda done, total, _: told(done, total),
            )  # fmt: skip
    except KeyboardInterrupt:
        say("interrupted; what was answered is kept, and the same command goes on from there")
        return None
    finally:
        server.close()


def _key(variable: str, endpoint: str) -> str:
    from fakescan_trainer.data.endpoint import checked_url, on_this_machine

    checked_url(endpoint, "")
    key = os.environ.get(variable, "").strip() if variable else ""
    if variable and not key and not on_this_machine(endpoint):
        raise DataError(f"the environment variable {variable} holds no key", "set it, or give --key-env '' for none")
    if not key.isascii() or not key.isprintable():
        raise DataError(f"what the environment variable {variable} holds is no key", "set it again")
    return key


def _confirm(endpoint: str, model: str, images: int, *, yes: bool) -> None:
    """Ask whether pictures may leave the machine."""
    what = f"send copies of {images:,} images with their labels to {endpoint} (model {model})"
    if yes:
        say(f"as confirmed by --yes: {what}")
        return
    if not sys.stdin.isatty():
        raise DataError(f"not confirmed: this would {what}", "add --yes if that is what you want; nothing was sent")
    if not typer.confirm(one_line(f"This will {what}. Go on?"), err=True):
        raise DataError("not confirmed", "nothing was sent")


def _end(outcome: Outcome | None, price: Price | None, broken: int, unanswered: int) -> int:
    from fakescan_trainer.data.annotate import summary

    counts: Mapping[str, int] = {} if outcome is None else outcome.counts
    typer.echo("nothing to ask" if outcome is None else summary(outcome))
    if outcome is not None:
        for name, number in outcome.dropped_attributes.items():
            say(f"warning: {number} descriptions of {name!r}, which is none of the label's five, were left out")
        if outcome.input_tokens or outcome.output_tokens:
            used = f"used: {outcome.input_tokens:,} tokens in, {outcome.output_tokens:,} out"
            cost = price.of(outcome.input_tokens, outcome.output_tokens) if price else 0.0
            say(used + (f", {cost:,.2f} {price.currency} by your prices" if price else ""))
    say(f"{unanswered} images have no answer yet" * bool(unanswered))
    return INCOMPLETE if counts.get("error") or broken or unanswered else CLEAN
