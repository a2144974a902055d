"""A bundle's timestamp in words."""

from __future__ import annotations

from pathlib import Path

import typer

from fakescan.cli.exits import one_line
from fakescan.desk import timestamp
from fakescan.desk.bundle import Sealed
from fakescan.desk.token import BrokenTimestampError
from fakescan.errors import InputError


def stamp_line(stamp: timestamp.Stamp) -> str:
    """What a timestamp says, and how much of that was checked.

    Args:
        stamp: whose signature holds.
    """
    who = "signer trusted" if stamp.trusted else "signer not checked"
    return f"timestamp {stamp.at:%Y-%m-%d %H:%M:%S} UTC by {stamp.signer}: signature valid, {who}"


def check_stamp(sealed: Sealed, trust: Path | None) -> tuple[list[str], list[str]]:
    """Check a bundle's timestamp and print what it says.

    Args:
        sealed: an opened bundle.
        trust: a file with certificates of authorities; None leaves out who signed.

    Returns:
        What shows a change, and what could not be checked, a sentence each.

    Raises:
        InputError: when the file of certificates cannot be used.
    """
    if sealed.timestamp is None:
        return [], ["the bundle has no timestamp"] if trust else []
    certificates = timestamp.read_trust(trust) if trust else ()
    try:
        stamp = timestamp.check(sealed.timestamp, sealed.seal, certificates)
    except BrokenTimestampError as fault:
        return [f"{timestamp.MEMBER}: the timestamp {fault}"], []
    except InputError as missing:
        return [], [f"{timestamp.MEMBER}: {missing.message}: {missing.hint}"]
    typer.echo(one_line(stamp_line(stamp)))
    if not trust:
        typer.echo("who signed was not checked: give the authority's root certificate with --timestamp-trust")
    return [], []
