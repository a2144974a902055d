"""``fakescan data rate``: people mark the sentences of a model's reasoning, in a page that only this machine serves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fakescan.cli.data_options import Browser, Port, served
from fakescan.cli.exits import one_line
from fakescan.cli.scan_options import Debug


def rate(
    data: Annotated[Path, typer.Argument(metavar="TESTSET", help="Folder or list, as for fakescan eval.")],
    report: Annotated[Path, typer.Option("--report", metavar="RUN", help="The scan whose texts are marked.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Marks (.jsonl); it is only added to.")
    ],
    rater: Annotated[str, typer.Option("--rater", metavar="NAME", help="Who marks.")],
    per_set: Annotated[int, typer.Option("--per-set", metavar="N", min=1, help="At most N images of each set.")] = 100,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Another one draws others.")] = 0,
    root: Annotated[Path | None, typer.Option("--root", metavar="DIR", help="Where paths of a list start.")] = None,
    port: Port = 0,
    browser: Browser = True,
    debug: Debug = False,
) -> None:
    """Mark each sentence of a model's reasoning from 1 to 5; fakescan eval --ratings FILE makes the tables.

    Each rater starts it with a name and the same seed, and sees neither labels nor others' marks.

    Example: [bold]fakescan data rate testset --report scan.json -o marks.jsonl --rater "J. Doe"[/bold]
    """
    from fakescan.reports.desk_page import DeskPage, page_files
    from fakescan.store.run_dir import load_scan
    from fakescan_trainer.data.facts import Reencoder
    from fakescan_trainer.data.review import PICTURE_PX
    from fakescan_trainer.evaluate.answers import from_scan
    from fakescan_trainer.evaluate.human import RatingDesk, drawn
    from fakescan_trainer.evaluate.layouts import read_test_set

    found = read_test_set(data, root=root)
    answers = drawn(from_scan(found.samples, load_scan(report)).answers, per_set, seed)
    with Reencoder(Path(), PICTURE_PX) as pictures:
        desk = RatingDesk(answers, output, rater, pictures)
        served(desk, page_files(DeskPage.RATING), port, browser=browser)
    counts = ", ".join(f"{number:,} {name}" for name, number in sorted(desk.counts().items()))
    typer.echo(one_line(f"{output}: {counts}"))
