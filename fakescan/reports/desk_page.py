"""The pages that people work in on their own machine: one frame, and what each of them has of its own."""

from __future__ import annotations

from enum import StrEnum

import jinja2

from fakescan.errors import ReportError
from fakescan.reports.templates import environment, read_template, template_roots

INDEX = ""
"""The page's own name: what is asked for when nothing is named."""
_FOLDER = "review"


class DeskPage(StrEnum):
    """A page by its work, and by its files' names."""

    REVIEW = "review"
    """Experts go through annotations."""
    RATING = "rating"
    """People mark sentences."""


def page_files(page: DeskPage) -> dict[str, str]:
    """Texts of a page's files by the names that it asks for, the page itself under ``INDEX``.

    Args:
        page: which one.

    Raises:
        ReportError: when a template is missing or faulty.
    """
    roots = template_roots()
    try:
        text = environment(roots, _FOLDER).get_template(f"{page}.html.j2").render()
    except jinja2.TemplateError as fault:
        raise ReportError(f"faulty template: {fault}", "install fakescan again") from fault
    shared = {name: read_template(roots, f"{_FOLDER}/{name}") for name in ("frame.js", "page.css", "icon.svg")}
    return {INDEX: text, "page.js": read_template(roots, f"{_FOLDER}/{page}.js"), **shared}
