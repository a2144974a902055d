"""Reports to files: the format from the name, whole or not at all, and a look beforehand whether it will work."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TextIO

import fakescan.store.atomic as atomic
from fakescan.core.records import Scan
from fakescan.errors import ReportError
from fakescan.protocols import FileRenderer
from fakescan.reports import formats, renderer_class, unknown_format
from fakescan.reports.decided import Decided
from fakescan.reports.escape import visible
from fakescan.reports.judgement import Judgement

_SUFFIXES: Mapping[str, str] = {
    ".html": "html",
    ".htm": "html",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".md": "md",
    ".markdown": "md",
    ".sarif": "sarif",
    ".xml": "junit",
    ".jsonld": "case",
}
_PREFIX = re.compile(r"([A-Za-z][A-Za-z0-9_-]+):(.*)", re.DOTALL)
"""Two letters at least, so that a Windows drive is none."""


STDOUT = Path("-")
"""Stands for standard output: ``-o FORMAT:-``."""


@dataclass(frozen=True, slots=True)
class Output:
    """A report that is to be written."""

    fmt: str
    """Name of the format."""
    path: Path
    """Where to; ``STDOUT`` for standard output."""


def parse_output(text: str) -> Output:
    """Read ``[FORMAT:]PATH``.

    Args:
        text: as given with ``-o``.

    Raises:
        ReportError: when the format is unknown or cannot be told from the suffix.
    """
    match = _PREFIX.fullmatch(text)
    known = formats()
    if match and match[1].lower() in known:
        fmt, name = match[1].lower(), match[2]
    elif match and not Path(text).is_absolute() and "/" not in match[1]:
        fault = unknown_format(visible(match[1]))
        raise ReportError(fault.message, f"{fault.hint}; a file with a colon in its name is written ./NAME")
    else:
        fmt, name = "", text
    if name == "" or (name == "-" and not fmt):
        raise ReportError(
            f"no file name in the output {visible(text)!r}",
            "write -o report.html, or -o FORMAT:- to print a report to stdout",
        )
    path = Path(name)
    return Output(fmt or format_of(path), path)


def format_of(path: Path) -> str:
    """The format that a file's suffix stands for.

    Args:
        path: the file.

    Raises:
        ReportError: when the suffix stands for none.
    """
    suffix = path.suffix.lower()
    fmt = _SUFFIXES.get(suffix) or (suffix[1:] if suffix[1:] in formats() else None)
    if fmt is None:
        raise ReportError(
            f"cannot tell the report format of {visible(str(path))}",
            f"name it before the path, e.g. html:{visible(path.name)}; known formats: {', '.join(formats())}",
        )
    return fmt


def check_writable(target: Path) -> None:
    """Find out before a scan whether its report can be written after it.

    Args:
        target: where the report will go.

    Raises:
        ReportError: when that is a folder, its folder is missing, or writing is not allowed.
    """
    if target == STDOUT:
        return
    place = _place(target)
    if _is_special(place):
        if not os.access(place, os.W_OK):
            raise ReportError(f"cannot write {visible(str(target))}: not allowed", "choose another place")
        return
    atomic.check_writable(place)


def write_report(
    scan: Scan,
    target: Path,
    fmt: str | None = None,
    *,
    thumbnails: Mapping[str, bytes] | None = None,
    templates: Path | None = None,
    judgement: Judgement | None = None,
    base: str | None = None,
    single_file: bool = False,
    decisions: Mapping[str, Decided] | None = None,
) -> None:
    """Write one report; on any fault an older file stays as it was and no part of the new one is left.

    Args:
        scan: a finished scan.
        target: where to.
        fmt: name of the format, None for what the suffix stands for.
        thumbnails: previews by path (``thumbs.make_thumbnails``), for formats that show pictures.
        templates: a folder of page templates that go before the built-in ones, for formats that use them.
        judgement: which findings fail the check, for formats that machines act on; None: what ``--fail-on`` says.
        base: folder that paths start at, for formats that name files to other programs.
        single_file: whether a format that may use a folder beside the report must do without.
        decisions: what people decided, by path, for formats that show it.

    Raises:
        ReportError: when it cannot be written.
    """
    factory = renderer_class(fmt or format_of(target))
    offered: dict[str, object] = {
        "thumbnails": thumbnails,
        "templates": templates,
        "judgement": judgement,
        "base": base,
        "single_file": single_file,
        "decisions": decisions,
    }
    accepted: frozenset[str] = getattr(factory, "accepts", frozenset())
    renderer = factory(**{name: value for name, value in offered.items() if name in accepted})
    if target == STDOUT:
        _print(lambda out: renderer.render(scan, out))
        return
    place = _place(target)

    def render(out: TextIO) -> None:
        renderer.render(scan, out)

    if isinstance(renderer, FileRenderer) and not _is_special(place):
        renderer.write(scan, place)
    elif _is_special(place):
        with atomic.reporting_faults(target), place.open("w", encoding="utf-8", newline="\n") as out:
            render(out)
    else:
        atomic.write_atomically(place, render)


def _print(render: Callable[[TextIO], None]) -> None:
    """A report on standard output, in UTF-8 whatever the console's encoding; nothing of it when it fails halfway."""
    whole = StringIO(newline="")
    render(whole)
    try:
        raw = getattr(sys.stdout, "buffer", None)
        if raw is None:
            sys.stdout.write(whole.getvalue())
        else:
            sys.stdout.flush()
            raw.write(whole.getvalue().encode("utf-8"))
        sys.stdout.flush()
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise ReportError(f"cannot print the report: {reason}", "give a file name instead of -") from fault


def _place(target: Path) -> Path:
    """Where a link leads: its target is written, the link stays."""
    return Path(os.path.realpath(target)) if target.is_symlink() else target


def _is_special(place: Path) -> bool:
    """Whether a device or a pipe stands there, which is written into and never replaced."""
    try:
        mode = place.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
