"""A training run as one HTML page: no script, no request, and nothing out of a file is markup in it."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import jinja2

from fakescan.errors import ReportError
from fakescan.reports.templates import environment, policy_without_script, read_template, template_roots
from fakescan.reports.training.view import HEIGHT, WIDTH, run_view
from fakescan.store.atomic import write_atomically

TEMPLATE = "training.html.j2"
PAGE = "report.html"
"""Its name in a run's folder."""
_STYLES = ("page/base", "evaluation", "training")


def write_page(run: Path) -> Path:
    """Write ``report.html`` into a run's folder.

    Args:
        run: the folder.

    Returns:
        The page's place.

    Raises:
        ReportError: the run cannot be read, or the page not be written.
    """
    target = run / PAGE
    write_atomically(target, lambda out: render(run, out))
    return target


def render(run: Path, out: TextIO) -> None:
    """Write the page of a run.

    Args:
        run: its folder.
        out: a text stream in UTF-8.

    Raises:
        ReportError: the run cannot be read, or a template is missing or faulty.
    """
    view, roots = run_view(run), template_roots()
    style = "\n".join(read_template(roots, f"assets/{name}.css") for name in _STYLES)
    policy = policy_without_script(style)
    template = environment(roots).get_template
    try:
        out.write(template(TEMPLATE).render(view=view, style=style, policy=policy, width=WIDTH, height=HEIGHT))
    except jinja2.TemplateError as fault:
        raise ReportError(f"faulty template: {fault}", "install fakescan again") from fault
