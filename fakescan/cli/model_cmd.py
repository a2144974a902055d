"""``fakescan model list|info|verify|import|download``; what makes a trained model ready is in ``model_ship``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fakescan.cli import model_ship
from fakescan.cli.exits import one_line, say
from fakescan.cli.scan_options import Debug
from fakescan.errors import ConfigError

if TYPE_CHECKING:
    from fakescan.model.checkpoints.ours import CheckpointInfo

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Show, verify, convert and download models.\n\nExample: [bold]fakescan model info[/bold]",
)

Name = Annotated[str | None, typer.Argument(metavar="[NAME|DIR]", help="The embedded model when left out.")]
Source = Annotated[str, typer.Argument(metavar="SRC", help="Folder or downloaded model, or one that holds adapters.")]
Part = Annotated[str | None, typer.Option(metavar="NAME|DIR", help="What the adapters in SRC change.")]
Clip = Annotated[str | None, typer.Option(metavar="NAME|DIR", help="CLIP tower, where SRC holds none.")]
Dino = Annotated[str | None, typer.Option(metavar="NAME|FILE", help="DINOv2 weights, where SRC (v2) holds none.")]


@app.command("list")
def list_models(debug: Debug = False) -> None:
    """List the embedded model and the downloaded ones.

    Example: [bold]fakescan model list[/bold]
    """
    from fakescan.engines import EMBEDDED, model_folder
    from fakescan.model import library
    from fakescan.model.checkpoints.layouts import Layout, layout_of

    rows = {EMBEDDED: model_folder(None)} | {name: library.folder_of(name) for name in library.downloaded()}
    for name, folder in rows.items():
        layout = layout_of(folder)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
        note = ", to be converted: fakescan model import" if layout in (Layout.ORIGINAL, Layout.ADAPTER) else ""
        typer.echo(one_line(f"{name}  {size:,.0f} MB  {layout.value}{note}"))
    if len(rows) == 1:
        typer.echo(one_line(f"nothing is downloaded into {library.models_folder()}"))


@app.command()
def info(model: Name = None, debug: Debug = False) -> None:
    """Show what a model is, what it was trained and measured on, and its limits.

    Example: [bold]fakescan model info[/bold]
    """
    from fakescan.engines import model_folder

    folder = model_folder(model)  # a slip in the name is told before libraries are loaded for seconds
    from fakescan.model.checkpoints.layouts import Layout, layout_of
    from fakescan.model.checkpoints.ours import read_info

    layout = layout_of(folder)
    if layout in (Layout.OURS, Layout.UNKNOWN):
        _describe(folder, read_info(folder))
    else:
        _describe_foreign(folder, layout.value)


@app.command()
def verify(model: Name = None, debug: Debug = False) -> None:
    """Compare every file of a model with the digest that the model records. Exit code 2 when one differs.

    Example: [bold]fakescan model verify models/mine[/bold]
    """
    from fakescan.engines import model_folder

    folder = model_folder(model)
    from fakescan.model.checkpoints.marks import MANIFEST
    from fakescan.model.checkpoints.ours import read_info, verify_digests, verify_files
    from fakescan.model.hub import read_record

    record = read_record(folder)
    if record is not None:
        verify_digests(folder, record.files)
        typer.echo(one_line(f"{record.repository} at {record.revision}: {len(record.files)} files are as downloaded"))
    if record is None or (folder / MANIFEST).is_file():
        about = read_info(folder)
        verify_files(folder, about)
        typer.echo(one_line(f"{about.name}: {len(about.files)} files are as recorded, weights {about.weights_sha256}"))


@app.command("import")
def import_(
    source: Source,
    target: Annotated[Path, typer.Argument(metavar="DST", help="New folder, for scan --model.")],
    base: Part = None,
    clip: Clip = None,
    dino: Dino = None,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="Name for reports; SRC's when left out.")] = None,
    template: Annotated[str | None, typer.Option(help="Chat template: chatml, vicuna_v1 or llava_v1.")] = None,
    conclusion: Annotated[str | None, typer.Option(help="How its conclusions begin: long or short.")] = None,
    separator: Annotated[str | None, typer.Option(help="Between its stages: line, blank or paragraph.")] = None,
    view: Annotated[str | None, typer.Option(help="How a picture is made square: pad, crop or square.")] = None,
    tau: Annotated[float | None, typer.Option(help="Temperature of its probability; 10 when left out.")] = None,
    dtype: Annotated[str, typer.Option(help="Numbers: keep, float32, float16 or bfloat16.")] = "keep",
    for_training: Annotated[bool, typer.Option("--for-training", help="Write v2's base, to train from.")] = False,
    debug: Debug = False,
) -> None:
    """Convert a model of LLaVA's or FakeReasoning v2's layout into fakescan's, once. Runs none of its code.

    Example: [bold]fakescan model import FakeReasoning models/v2 --clip clip-vit-large-patch14-336[/bold]
    """
    chosen = _checked_wishes(template, conclusion, separator, view, tau, dtype)
    from fakescan.engines import model_folder
    from fakescan.model.checkpoints.foreign import Places
    from fakescan.model.checkpoints.importing import Wishes, import_model

    def place(part: str | None) -> Path | None:
        if part is None:
            return None
        return Path(part) if Path(part).is_file() else model_folder(part)

    places = Places(model_folder(source), place(base), place(clip), place(dino))
    wishes = Wishes(name=name, dtype=dtype, for_training=for_training, **chosen)
    import_model(places, target, wishes, _tell)
    use = "as model.base of a recipe" if for_training else f"with: fakescan scan --model {target}"
    typer.echo(one_line(f"{target} is ready, to be used {use}"))


@app.command()
def download(
    repository: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Address on the Hugging Face hub.")],
    into: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder; the user's models when left out.")] = None,
    revision: Annotated[str | None, typer.Option(metavar="REV", help="Branch, tag or commit.")] = None,
    debug: Debug = False,
) -> None:
    """Fetch a model from the hub, or go on with it. Uses the network; no scan fetches a model.

    Example: [bold]fakescan model download llava-hf/llava-1.5-7b-hf[/bold]
    """
    from fakescan.model import hub, library
    from fakescan.model.checkpoints.layouts import cannot_run

    if not library.is_hub_id(repository):
        raise ConfigError([f"{repository!r} is no address on the hub"], "it looks like owner/name")
    folder = into or library.folder_of(repository)
    record = hub.download(repository, folder, revision)
    typer.echo(one_line(f"{record.repository} at {record.revision}: {len(record.files)} files in {folder}"))
    fault = cannot_run(folder)
    if fault is not None:
        typer.echo(one_line(f"next: {fault.hint}"))


def _checked_wishes(
    template: str | None, conclusion: str | None, separator: str | None, view: str | None, tau: float | None, dtype: str
) -> dict[str, Any]:
    """All faults of the options at once; what is allowed stands where it is used."""
    from fakescan.core.views import View
    from fakescan.model.checkpoints.importing import DTYPES
    from fakescan.model.prompt import CONCLUSIONS, SEPARATORS, TEMPLATES

    views: tuple[View, ...] = ("pad", "crop", "square")
    allowed: dict[str, tuple[str | None, Any]] = {
        "template": (template, TEMPLATES), "conclusion": (conclusion, CONCLUSIONS),
        "separator": (separator, SEPARATORS), "view": (view, views), "dtype": (dtype, DTYPES),
    }  # fmt: skip
    faults = [
        f"{option}: {value!r} is not one of {', '.join(known)}"
        for option, (value, known) in allowed.items()
        if value is not None and value not in known
    ]
    if tau is not None and not 0 < tau < 1e6:
        faults.append("tau: must be above 0")
    if faults:
        raise ConfigError(faults, "fakescan model import --help")
    return {"template": template, "conclusion": conclusion, "separator": separator, "view": view, "tau": tau}


def _tell(done: int, total: int) -> None:
    if sys.stderr.isatty():
        say(f"{done / 1e9:.1f} of {total / 1e9:.1f} GB written")


def _describe(folder: Path, about: CheckpointInfo) -> None:
    _rows(
        {
            "name": about.name,
            "folder": str(folder),
            "base": about.base_name,
            "weights_sha256": about.weights_sha256,
            "prompt_version": about.prompt_id,
            "template": about.template,
            "conclusion": about.answer.conclusion_start,
            "pictures": f"{', '.join(about.preprocessing.views)} at {about.preprocessing.size_px} px",
            "temperature": f"{about.tau:g}",
            "decides": f"the score {about.decides.value} reasoning",
            **about.card,
        }
    )
    for kind, record in about.calibration.items():
        low, high = record.inconclusive_band
        _rows(
            {
                f"score {kind.value}": f"threshold {record.threshold:.3f}, inconclusive from {low:.3f} to {high:.3f}",
                "  fitted on": record.fitted_on,
                # The reliability bins are for the reports' diagram; nobody reads twenty rows of them here.
                **{
                    f"  {name.replace('_', ' ')}": str(value)
                    for name, value in record.metrics.items()
                    if not name.startswith("bin_")
                },
            }
        )
    if not about.calibration:
        typer.echo("not calibrated: its numbers are scores, not probabilities")


def _describe_foreign(folder: Path, layout: str) -> None:
    from fakescan.model.checkpoints.layouts import cannot_run
    from fakescan.model.hub import read_record

    record = read_record(folder)
    _rows({"name": folder.name, "folder": str(folder), "layout": layout})
    if record is not None:
        _rows({"downloaded from": record.repository, "revision": record.revision})
    fault = cannot_run(folder)
    typer.echo(one_line(f"to use it: {fault.hint}") if fault else "fakescan scan --model takes it as it is")
    typer.echo("not calibrated: its numbers are scores, not probabilities")


def _rows(rows: dict[str, str]) -> None:
    width = max(16, *(len(name) for name in rows))
    for name, value in rows.items():
        typer.echo(one_line(f"{name.ljust(width)}  {value}"))


for _name, _command in (("merge", model_ship.merge), ("card", model_ship.card), ("push", model_ship.push)):
    app.command(_name)(_command)
