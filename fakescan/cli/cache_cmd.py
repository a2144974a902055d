"""``fakescan cache info|clear``."""

from __future__ import annotations

import typer

from fakescan.cli.exits import one_line
from fakescan.cli.scan_options import Debug
from fakescan.store import cache
from fakescan.store.places import answers_file

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Show and clear the answers that are kept across runs.\n\nExample: [bold]fakescan cache info[/bold]",
)


@app.command()
def info(debug: Debug = False) -> None:
    """Show where the model's answers of earlier runs lie, how many there are, and their size.

    Example: [bold]fakescan cache info[/bold]
    """
    held = cache.info(answers_file())
    typer.echo(one_line(f"file     {held.path}"))
    typer.echo(f"answers  {held.answers}")
    typer.echo(f"size     {held.size_bytes / 1e6:.1f} MB")


@app.command()
def clear(debug: Debug = False) -> None:
    """Remove the answers of earlier runs. Runs and reports stay.

    Example: [bold]fakescan cache clear[/bold]
    """
    held = cache.clear(answers_file())
    typer.echo(f"removed {held.answers} answers ({held.size_bytes / 1e6:.1f} MB)")
