"""``fakescan trust show|update``: whose signatures under Content Credentials are believed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fakescan.cli.exits import one_line
from fakescan.cli.scan_options import Debug
from fakescan.errors import InputError
from fakescan.evidence import trust
from fakescan.store.atomic import write_atomically

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Show and download the list of trusted signers.\n\nExample: [bold]fakescan trust update[/bold]",
)

OFFICIAL = "https://raw.githubusercontent.com/c2pa-org/conformance-public/main/trust-list/"
"""Where C2PA publishes its lists."""
LISTS = ("C2PA-TRUST-LIST.pem", "C2PA-TSA-TRUST-LIST.pem")
"""Signers, and authorities for time stamps."""

_MAX_BYTES = 10_000_000
_TIMEOUT_S = 30.0

Where = Annotated[str | None, typer.Argument(metavar="[LIST]", help="A file or folder; what a scan uses if left out.")]
From = Annotated[str, typer.Option("--from", metavar="URL", help="Folder on the web that holds the lists (https).")]


@app.command()
def show(where: Where = None, debug: Debug = False) -> None:
    """Show which trust list a scan uses.

    Example: [bold]fakescan trust show[/bold]
    """
    place = trust.chosen(where)
    if not place:
        typer.echo("no trust list: valid signatures are shown, but no signer counts as trusted")
        typer.echo("fakescan trust update downloads the official list")
        return
    try:
        listed = trust.load(place)
    except trust.TrustError as fault:
        raise InputError(str(fault), "give a PEM file or a folder of them, or run: fakescan trust update") from None
    typer.echo(f"list: {one_line(place)}")
    typer.echo(f"certificates: {listed.certificates}")
    typer.echo(f"sha256: {listed.digest}")


@app.command()
def update(source: From = OFFICIAL, debug: Debug = False) -> None:
    """Download the official trust list of C2PA. Uses the network; no scan fetches it.

    Example: [bold]fakescan trust update[/bold]
    """
    fetched = {name: _checked(name, _fetched(f"{source.rstrip('/')}/{name}")) for name in LISTS}
    folder = trust.downloaded()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise InputError(f"cannot make {folder}: {fault.strerror or 'unknown fault'}", "set XDG_DATA_HOME") from None
    for name, text in fetched.items():
        _write(folder / name, text)
    listed = trust.load(str(folder))
    typer.echo(f"{one_line(str(folder))}: {listed.certificates} certificates, sha256 {listed.digest}")


def _checked(name: str, text: str) -> str:
    certificates = trust.certificates_in(text)
    if not certificates:
        raise InputError(f"what was downloaded as {name} holds no certificate", "try again later; nothing was changed")
    return "\n".join(certificates) + "\n"


def _fetched(address: str) -> str:
    """The text at an address, https only, of bounded size.

    Raises:
        InputError: when it cannot be fetched.
    """
    import urllib.error
    import urllib.request

    hint = "check the connection; nothing was changed, and scans go on with the list that they had"
    if not address.startswith("https://"):
        raise InputError("a trust list is only downloaded over https", "give an address that begins with https://")
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:  # noqa: S310 (https was checked)
            if not answer.geturl().startswith("https://"):
                raise InputError(f"{address} leads away from https", hint)
            raw = answer.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as fault:
        raise InputError(f"cannot download {address}: {getattr(fault, 'reason', fault)}", hint) from None
    if len(raw) > _MAX_BYTES:
        raise InputError(f"{address} is larger than 10 MB", hint)
    return str(raw.decode("utf-8", "replace"))


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda out: out.write(text))
