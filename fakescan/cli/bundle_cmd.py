"""``fakescan bundle``: a sealed zip with everything about one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer

from fakescan.cli.exits import say
from fakescan.cli.outputs import shared
from fakescan.cli.scan_options import Debug
from fakescan.cli.stamps import stamp_line
from fakescan.core.options import Redact
from fakescan.desk import bundle as bundles
from fakescan.desk.reviewed import Reviewed, decided, read_all
from fakescan.errors import InputError, ReportError
from fakescan.reports import renderer_class
from fakescan.reports.thumbs import make_thumbnails
from fakescan.store.atomic import check_writable
from fakescan.store.run_dir import load_scan

_NAMES = {"html": "report.html", "csv": "report.csv", "case": "report.jsonld", "md": "report.md"}


def bundle(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory or a JSON report.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Where to write the zip.")],
    pictures: Annotated[
        str | None,
        typer.Option("--pictures", metavar="DIR", help="The folder that the scan's paths are relative to now."),
    ] = None,
    timestamp_url: Annotated[
        str | None,
        typer.Option(
            "--timestamp-url",
            metavar="URL",
            help="Ask this time-stamping authority (RFC 3161) when the seal existed. Only the seal, a hash, is sent.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle that is there.")] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            help="Print nothing but the seal, what is left out, and with --timestamp-url what is sent.",
        ),
    ] = False,
    debug: Debug = False,
) -> None:
    """Pack a run into a zip that tells later whether any of it was changed. Prints its seal.

    In it: the JSON report, the page, CSV and CASE/UCO, what people decided (`fakescan review`), what the scanned files
    hash to now, versions, and a hash chain over all of it. Keep the seal apart from the zip: in the case file, in a
    mail. Where that is not enough, have an authority state when it existed, with --timestamp-url: its answer is kept
    in the zip, and `fakescan verify` checks it offline.

    Example: [bold]fakescan bundle report.json -o case-17.zip[/bold]
    """
    stamped = _asking(timestamp_url, quiet=quiet) if timestamp_url is not None else None
    target = Path(output)
    check_writable(target)
    if target.exists() and not force:
        raise ReportError(f"{ascii(output)[1:-1]} is there already", "give another name, or --force to replace it")
    source = Path(run)
    scan = load_scan(source)
    root = Path(pictures) if pictures else None
    # A JSON report may come from anybody: which folder of this machine is looked into is for the user to say.
    trusted = root is not None or source.is_dir()
    reviewed = read_all(source, scan, beyond=trusted)
    # Previews are no words: without them alone, what people typed may be there.
    private = [kind for kind in scan.redacted if kind != Redact.THUMBS]
    decisions = {path: shared(item, private) for path, item in decided(reviewed, scan).items()}
    packed = () if private else [place for place in reviewed.places if place not in reviewed.mixed]
    reports = {bundles.reviews_name(number): place.read_bytes() for number, place in enumerate(packed, 1)}
    _say_left_out(reviewed, private)
    with ExitStack() as kept:
        thumbnails = kept.enter_context(make_thumbnails(scan, root=root)) if trusted else None
        for fmt, name in _NAMES.items():
            text = StringIO(newline="")
            factory = renderer_class(fmt)
            given: dict[str, object] = {"thumbnails": thumbnails, "decisions": decisions} if fmt == "html" else {}
            factory(**given).render(scan, text)
            reports[name] = text.getvalue().encode("utf-8")
    seal = bundles.seal(scan, target, reports, root=root, trusted=trusted, stamped=stamped)
    if not quiet:
        say(f"bundle: {output}")
        say("seal (keep it apart from the bundle):")
    typer.echo(seal)


def _say_left_out(reviewed: Reviewed, private: Sequence[str]) -> None:
    """Name the files of decisions that are not packed."""
    for place in sorted({*reviewed.places, *reviewed.mixed}):
        if private:
            say(f"left out: {place}, whose names and notes were typed beside a report without {', '.join(private)}")
        elif place in reviewed.mixed:
            # Without some of its lines its chain would be broken.
            say(f"left out: {place}, which also holds decisions about files that are not in this scan")
    for place in reviewed.unread:
        say(f"not looked into: {place}, which only the report names; give the run directory or --pictures to pack it")


def _asking(url: str, *, quiet: bool) -> Callable[[str], bytes]:
    """What asks an authority about a seal. A bad address or a missing package shows before any work is done."""
    from fakescan.desk import authority, timestamp
    from fakescan.desk.token import BrokenTimestampError

    address = authority.checked_address(url)
    timestamp.request_for("0" * 64)

    def stamped(seal: str) -> bytes:
        request = timestamp.request_for(seal)
        say(f"sending to {address}: the seal {seal}, which is a hash, and a random number; nothing else")
        answer = authority.ask(url, request)
        try:
            stamp = timestamp.check_answer(answer, request, seal)
        except BrokenTimestampError as fault:
            raise InputError(
                f"{address}: the timestamp {fault}", "give another authority, or leave out --timestamp-url"
            ) from None
        if not quiet:
            say(stamp_line(stamp))
        return answer

    return stamped
