"""``fakescan model info|verify``."""

from __future__ import annotations

from typing import Annotated

import typer

from fakescan.cli.exits import one_line
from fakescan.cli.scan_options import Debug

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Show and verify models.\n\nExample: [bold]fakescan model info[/bold]",
)

Name = Annotated[str | None, typer.Argument(metavar="[NAME|DIR]", help="The embedded model when left out.")]


@app.command()
def info(model: Name = None, debug: Debug = False) -> None:
    """Show what a model is, what it was trained and measured on, and its limits.

    Example: [bold]fakescan model info[/bold]
    """
    from fakescan.engines import model_folder
    from fakescan.model.checkpoints.ours import read_info

    folder = model_folder(model)
    about = read_info(folder)
    _rows(
        {
            "name": about.name,
            "folder": str(folder),
            "base": about.base_name,
            "weights_sha256": about.weights_sha256,
            "prompt_version": about.prompt_version,
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


@app.command()
def verify(model: Name = None, debug: Debug = False) -> None:
    """Compare every file of a model with the digest that the model records. Exit code 2 when one differs.

    Example: [bold]fakescan model verify models/mine[/bold]
    """
    from fakescan.engines import model_folder
    from fakescan.model.checkpoints.ours import read_info, verify_files

    folder = model_folder(model)
    about = read_info(folder)
    verify_files(folder, about)
    typer.echo(one_line(f"{about.name}: {len(about.files)} files are as recorded, weights {about.weights_sha256}"))


def _rows(rows: dict[str, str]) -> None:
    width = max(16, *(len(name) for name in rows))
    for name, value in rows.items():
        typer.echo(one_line(f"{name.ljust(width)}  {value}"))
