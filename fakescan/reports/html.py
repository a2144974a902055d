"""The HTML report: one file that asks for nothing, runs nothing but its own script, and trusts no text from a file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TextIO

import jinja2

from fakescan.core.records import Scan
from fakescan.errors import ReportError
from fakescan.reports.templates import PAGE, read_template, template_roots
from fakescan.reports.thumbs import data_addresses
from fakescan.reports.view import build_page
from fakescan.reports.words import MARKS

_HINT = "fix the file in the --templates folder, or leave --templates out"


@dataclass(frozen=True, slots=True)
class HtmlRenderer:
    """Writes a scan as a self-contained page."""

    thumbnails: Mapping[str, bytes] | None = None
    """Previews by path (``thumbs.make_thumbnails``); a drawn placeholder stands where there is none."""
    templates: Path | None = None
    """A folder whose templates and assets go before the built-in ones."""
    suffix: ClassVar[str] = ".html"
    """File suffix."""
    accepts: ClassVar[frozenset[str]] = frozenset({"thumbnails", "templates"})
    """Settings that ``write.write_report`` may hand over."""

    def render(self, scan: Scan, out: TextIO) -> None:
        """Write the page.

        Args:
            scan: a finished scan.
            out: a text stream in UTF-8.

        Raises:
            ReportError: when a template is missing or faulty.
        """
        roots = template_roots(self.templates)
        style, script = (_asset(read_template(roots, f"assets/report.{kind}"), kind) for kind in ("css", "js"))
        page = build_page(scan, data_addresses(self.thumbnails))
        environment = jinja2.Environment(
            loader=jinja2.FunctionLoader(lambda name: read_template(roots, f"html/{name}")),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        try:
            template = environment.get_template(PAGE.removeprefix("html/"))
            for chunk in template.generate(
                page=page, marks=MARKS, style=style, script=script, policy=_policy(style, script)
            ):
                out.write(chunk)
        except jinja2.TemplateError as fault:
            raise ReportError(f"faulty template: {fault}", _HINT) from fault


def _asset(text: str, kind: str) -> str:
    """An asset that can stand inside its element: nothing in it may end that element."""
    if "</" in text or "<!--" in text:
        raise ReportError(f"assets/report.{kind} holds “</” or “<!--”, which would end its element", _HINT)
    return text.replace("\r\n", "\n")


def _policy(style: str, script: str) -> str:
    """The content security policy: this style and this script by digest, pictures from the page, nothing else."""
    parts = (
        "default-src 'none'",
        "img-src data:",
        f"style-src '{_digest(style)}'",
        f"script-src '{_digest(script)}'",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(parts)


def _digest(text: str) -> str:
    """A digest as a policy spells it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
