"""``fakescan config show``: what applies, and where it comes from."""

from __future__ import annotations

from typing import Annotated

import typer

from fakescan.cli.exits import one_line
from fakescan.cli.settings import OPTION_NAMES, resolve, shown, user_config

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Show settings and where each comes from.\n\nExample: [bold]fakescan config show --origin[/bold]",
)


@app.callback()
def group() -> None:
    """Keep ``show`` a command of its own although it is the only one."""


@app.command()
def show(
    origin: Annotated[bool, typer.Option("--origin", help="Say where each setting was made.")] = False,
    config: Annotated[str | None, typer.Option("--config", help="A settings file that goes before all others.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    r"""Print every setting that `fakescan scan` would use here.

    A flag goes before FAKESCAN_NAME in the environment, then --config FILE, fakescan.toml, \[tool.fakescan] in
    pyproject.toml, and the user's config file.

    Example: [bold]fakescan config show --origin[/bold]
    """
    resolved = resolve({}, config=config)
    width = max(len(name) for name in OPTION_NAMES)
    for name in OPTION_NAMES:
        line = f"{name.ljust(width)} = {shown(resolved.options, name)}"
        if origin:
            line += f"  # {resolved.origins.get(name, 'default')}"
        typer.echo(one_line(line))
    if origin:
        typer.echo(one_line(f"# the user's config file: {user_config()}"))
