"""What the commands of ``fakescan data`` have in common: arguments, a progress bar, files that are not overwritten."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fakescan.cli.exits import say
from fakescan.errors import ReportError
from fakescan.store.atomic import check_writable, write_atomically

if TYPE_CHECKING:
    from fakescan_trainer.data.review import Desk

DATA_HELP = (
    "Folders of images below real/ and fake/ (or 0_real/ and 1_fake/), .jsonl lists, or .json files in the MMFR layout."
)
Data = Annotated[list[Path], typer.Argument(metavar="DATA...", help=DATA_HELP)]
Root = Annotated[
    Path | None,
    typer.Option("--root", metavar="DIR", help="Folder that image paths are relative to; the list's own if left out."),
]
Workers = Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Files decoded at once.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Port = Annotated[
    int, typer.Option("--port", metavar="N", min=0, max=65535, help="Port on this machine; 0 takes a free one.")
]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]


@contextmanager
def counting(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr while files are gone through; nothing where stderr is no terminal.

    Args:
        title: what is done.

    Yields:
        To be called with how many are done and how many there are.
    """
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True, markup=False), transient=True, disable=not sys.stderr.isatty(),
    )  # fmt: skip
    with bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def check_free(paths: Sequence[Path], *, force: bool) -> None:
    """Find out before any work is done whether files can be written.

    Args:
        paths: what will be written.
        force: whether files that are there may be replaced.

    Raises:
        ReportError: one cannot, or is there already.
    """
    for path in paths:
        if path.exists() and not force:
            raise ReportError(f"{path} is there already", "give another name, or --force to replace it")
        check_writable(path)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Args:
        path: where.
        text: its content.

    Raises:
        ReportError: it cannot be written.
    """
    write_atomically(path, lambda out: out.write(text))


def served(desk: Desk, assets: Mapping[str, str], port: int, *, browser: bool) -> None:
    """Serve a page to this machine until Ctrl-C.

    Args:
        desk: what it asks and tells.
        assets: texts of the page's files by name, as ``desk_page.page_files`` gives them.
        port: 0 takes a free one.
        browser: whether to open it.
    """
    from fakescan_trainer.data.review import ReviewServer

    with ReviewServer(desk, assets, port) as server:
        typer.echo(server.url)
        say("the address above is for you alone; Ctrl-C ends it")
        if browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            say("ended")
