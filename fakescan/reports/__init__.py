"""What people get to see of a finished scan: one file a format, found through one table."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

from fakescan.errors import ReportError
from fakescan.protocols import ReportRenderer

RENDERERS: Mapping[str, str] = {
    "html": "fakescan.reports.html:HtmlRenderer",
    "pdf": "fakescan.reports.pdf:PdfRenderer",
    "json": "fakescan.reports.json:JsonRenderer",
    "jsonl": "fakescan.reports.jsonl:JsonlRenderer",
    "csv": "fakescan.reports.csv:CsvRenderer",
    "md": "fakescan.reports.markdown:MarkdownRenderer",
    "sarif": "fakescan.reports.sarif:SarifRenderer",
    "junit": "fakescan.reports.junit:JunitRenderer",
    "github": "fakescan.reports.github:GithubRenderer",
    "gitlab": "fakescan.reports.gitlab:GitlabRenderer",
    "case": "fakescan.reports.case:CaseRenderer",
}
"""Format to ``module:class``; nothing is imported before it is used."""
ENTRY_POINTS = "fakescan.renderers"
"""Group in which other packages may offer formats; a name of the table cannot be replaced."""


def formats() -> tuple[str, ...]:
    """Names of all formats, the built-in ones first."""
    others = sorted(point.name for point in entry_points(group=ENTRY_POINTS) if point.name not in RENDERERS)
    return (*RENDERERS, *others)


def renderer_class(name: str) -> type[ReportRenderer]:
    """The class that writes a format.

    Args:
        name: as in ``formats()``.

    Raises:
        ReportError: when there is no such format, or its package cannot be imported.
    """
    target = RENDERERS.get(name)
    if target is None:
        offers = [point.value for point in entry_points(group=ENTRY_POINTS) if point.name == name]
        if not offers:
            raise unknown_format(name)
        target = offers[0]
    module, _, attribute = target.partition(":")
    try:
        return cast("type[ReportRenderer]", getattr(import_module(module), attribute))
    except (ImportError, AttributeError) as fault:
        raise ReportError(f"the report format {name} cannot be loaded: {fault}", "install its package again") from fault


def unknown_format(name: str) -> ReportError:
    """The error for a format that does not exist, with near misses and the list.

    Args:
        name: what was asked for.
    """
    known = formats()
    near = get_close_matches(name, known, 1)
    guess = f"did you mean {near[0]}? " if near else ""
    return ReportError(f"unknown report format: {name}", f"{guess}known formats: {', '.join(known)}")
