"""``fakescan schema``: the JSON Schema of the JSON report."""

from __future__ import annotations

from typing import Annotated

import typer

from fakescan.core.schema import json_schema_text


def schema(debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False) -> None:
    """Print the JSON Schema of the JSON report (schema version 1).

    Example: [bold]fakescan schema > scan.schema.json[/bold]
    """
    typer.echo(json_schema_text(), nl=False)
