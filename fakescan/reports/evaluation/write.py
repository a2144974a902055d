"""Where an evaluation is written, and in which format."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from fakescan.errors import ReportError
from fakescan.reports.escape import visible
from fakescan.reports.evaluation.view import Document
from fakescan.store.atomic import check_writable, write_atomically

FORMATS: Mapping[str, str] = {
    "json": "fakescan.reports.evaluation.write:write_json",
    "csv": "fakescan.reports.evaluation.tables:write_csv",
    "md": "fakescan.reports.evaluation.tables:write_markdown",
    "tex": "fakescan.reports.evaluation.tables:write_latex",
    "html": "fakescan.reports.evaluation.page:write_html",
}
"""Suffix to ``module:function``; each takes documents and a stream."""
COMPARISON_FORMATS: Mapping[str, str] = {
    "json": "fakescan.reports.evaluation.write:write_json",
    "csv": "fakescan.reports.evaluation.comparison:write_csv",
    "md": "fakescan.reports.evaluation.comparison:write_markdown",
    "tex": "fakescan.reports.evaluation.comparison:write_latex",
}
"""The same of the comparison of two evaluations, which is one table and needs no page."""
_ALIASES = {"markdown": "md", "latex": "tex", "htm": "html"}


def write_json(documents: Sequence[Document], out: TextIO) -> None:
    """The document itself: ASCII only, so that no name in it can steer a terminal.

    Args:
        documents: the evaluation; others are not written.
        out: a text stream.
    """
    out.write(json_text(documents[0]))


def json_text(document: Mapping[str, Any]) -> str:
    """A document as text."""
    return json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def parse_target(text: str) -> tuple[str, Path]:
    """``[FORMAT:]PATH`` as format and path, tried for whether it can be written.

    Args:
        text: as typed.

    Raises:
        ReportError: the format is unknown, or the file cannot be written.
    """
    head, colon, rest = text.partition(":")
    named = _ALIASES.get(head.lower(), head.lower())
    fmt, name = (named, rest) if colon and named in FORMATS else ("", text)
    path = Path(name)
    suffix = path.suffix.lower().removeprefix(".")
    fmt = fmt or _ALIASES.get(suffix, suffix)
    if not name or fmt not in FORMATS:
        raise ReportError(
            f"cannot tell the format of {visible(text, limit_chars=100)}",
            f"end the name in one of {', '.join('.' + known for known in FORMATS)}, or write FORMAT:PATH",
        )
    check_writable(path)
    return fmt, path


def write(documents: Sequence[Document], fmt: str, path: Path, *, formats: Mapping[str, str] = FORMATS) -> None:
    """Write one file, whole or not at all.

    Args:
        documents: the evaluation, and any others to stand beside it.
        fmt: one of ``formats``.
        path: where to.
        formats: ``COMPARISON_FORMATS`` where the document is a comparison.

    Raises:
        ReportError: it cannot be written.
    """
    module, _, attribute = formats[fmt].partition(":")
    writer: Callable[[Sequence[Document], TextIO], None] = getattr(import_module(module), attribute)
    write_atomically(path, lambda out: writer(documents, out))
