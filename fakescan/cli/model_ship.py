"""``fakescan model merge|card|push``: a trained model on its way to others."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fakescan.cli.exits import one_line, say
from fakescan.cli.scan_options import Debug
from fakescan.errors import ConfigError, InputError

Checkpoint = Annotated[str, typer.Argument(metavar="NAME|DIR", help="A checkpoint of fakescan's own.")]


def merge(
    model: Checkpoint,
    target: Annotated[Path, typer.Argument(metavar="DST", help="New folder, for scan --model.")],
    dtype: Annotated[str, typer.Option(help="Numbers: float32, float16 or bfloat16.")] = "float32",
    debug: Debug = False,
) -> None:
    """Fold a checkpoint's adapters into its base, and write all of it into one folder.

    Example: [bold]fakescan model merge runs/mine/checkpoint models/mine[/bold]
    """
    from fakescan.engines import model_folder
    from fakescan.model.checkpoints.merging import merge_model

    merge_model(model_folder(model), target, dtype)
    typer.echo(one_line(f"{target} is ready: fakescan scan --model {target}"))


def card(
    model: Checkpoint,
    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="RUN", help="Folder of the training run; the model's own when left out."),
    ] = None,
    evaluation: Annotated[
        Path | None, typer.Option("--eval", metavar="FILE", help="JSON of fakescan eval on images it has not seen.")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option("--calibration", metavar="FILE", help="File of fakescan calibrate.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Write a trained model's card anew: data with digests, training, figures, calibration, licences.

    Example: [bold]fakescan model card runs/mine/checkpoint --eval figures.json[/bold]
    """
    from fakescan.cli.eval_read import read_document
    from fakescan.core.calibration_file import read_own
    from fakescan.engines import model_folder
    from fakescan.model.checkpoints.ours import read_info
    from fakescan_trainer.card import card_text, write_card
    from fakescan_trainer.facts import read_facts

    folder = model_folder(model)
    info = read_info(folder)
    facts = read_facts(run or folder.resolve().parent)
    document = read_document(evaluation) if evaluation else None
    if document is not None:
        digest = document["detector"].get("weights_sha256")
        if digest != info.weights_sha256:
            raise InputError(
                f"{evaluation} measures another model than {folder}", "fakescan eval DATA --model DIR -o FILE"
            )
    own = read_own(calibration) if calibration else None
    if own is not None and own.binding.weights_sha256 != info.weights_sha256:
        raise InputError(
            f"{calibration} was fitted with another model than {folder}", "fakescan calibrate DIR --model DIR"
        )
    typer.echo(one_line(str(write_card(folder, card_text(facts, info.calibration, document, own)))))


def push(
    model: Checkpoint,
    repository: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Address on the Hugging Face hub.")],
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public; private otherwise.")] = False,
    revision: Annotated[str | None, typer.Option(metavar="NAME", help="Branch to push to.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Push without asking.")] = False,
    debug: Debug = False,
) -> None:
    """Send a whole model to the hub, after asking. Uses the network and the hub's own login.

    Example: [bold]fakescan model push models/mine somebody/mine[/bold]
    """
    from fakescan.engines import model_folder
    from fakescan.model import library
    from fakescan.model.pushing import push as send
    from fakescan.model.pushing import pushable

    if not library.is_hub_id(repository):
        raise ConfigError([f"{repository!r} is no address on the hub"], "it looks like owner/name")
    folder = model_folder(model)
    files = pushable(folder)
    size = sum((folder / name).stat().st_size for name in files) / 1e6
    access = "public" if public else "private"
    what = f"send {len(files)} files ({size:,.0f} MB) of {folder} to {repository} ({access} where it is new)"
    if yes:
        say(f"as confirmed by --yes: {what}")
    elif not sys.stdin.isatty():
        raise ConfigError([f"not confirmed: this would {what}"], "add --yes if that is what you want; nothing was sent")
    elif not typer.confirm(one_line(f"This will {what}. Go on?"), err=True):
        raise ConfigError(["not confirmed"], "nothing was sent")
    typer.echo(one_line(send(folder, files, repository, public=public, revision=revision)))
