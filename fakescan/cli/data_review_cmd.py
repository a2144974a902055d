"""``fakescan data review``: experts accept, edit or reject annotations, in a page that only this machine serves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fakescan.cli.data_options import Browser, Data, Port, Root, served
from fakescan.cli.exits import one_line
from fakescan.cli.scan_options import Debug


def review(
    data: Data,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Decisions (.jsonl); it is only added to.")
    ],
    root: Root = None,
    port: Port = 0,
    browser: Browser = True,
    debug: Debug = False,
) -> None:
    """Review annotations in the browser; fakescan data compile --reviewed FILE applies the decisions.

    The page is served to this machine only, under an address that nobody can guess. Ctrl-C ends it.

    Example: [bold]fakescan data review photos/annotations.jsonl -o photos/reviewed.jsonl[/bold]
    """
    from fakescan.reports.desk_page import DeskPage, page_files
    from fakescan_trainer.data.facts import Reencoder
    from fakescan_trainer.data.review import PICTURE_PX, ReviewDesk
    from fakescan_trainer.data.samples import read_sound

    listing = read_sound(data, root)
    with Reencoder(listing.root, PICTURE_PX) as pictures:
        desk = ReviewDesk(listing.samples, output, pictures)
        served(desk, page_files(DeskPage.REVIEW), port, browser=browser)
        counts = ", ".join(f"{number:,} {name}" for name, number in sorted(desk.counts().items()))
        typer.echo(one_line(f"{output}: {counts}"))
