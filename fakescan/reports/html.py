"""The HTML report: one page that asks for nothing, runs nothing but its own script, and trusts no text from a file.

Up to ``beside.SINGLE_FILE_IMAGES`` images it is a single file. With more, previews and data lie in a folder beside it,
which a browser opens much faster; the page works from a disk all the same.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import ClassVar, TextIO
from urllib.parse import quote

import jinja2

from fakescan.core.records import Scan
from fakescan.errors import ReportError
from fakescan.reports.beside import FILES_SUFFIX, Beside, folder_of
from fakescan.reports.charts import FEW_IMAGES
from fakescan.reports.decided import Decided
from fakescan.reports.templates import PAGE, environment, read_template, template_roots
from fakescan.reports.thumbs import data_addresses, media_type_of
from fakescan.reports.view import PageView, build_page
from fakescan.reports.view_image import anchor
from fakescan.reports.words import MARKS
from fakescan.store.atomic import write_atomically

MAX_FOLDERS = 200
"""Rows of the table of folders."""
MAX_ROWS = 300
"""Rows of the tables of errors and of skipped paths; elements are what makes a page slow."""
_STYLES = ("base", "page", "images", "panel", "print")
_SCRIPTS = ("dom", "store", "notes", "list", "panel", "print", "page", "start")
_HINT = "fix the file in the --templates folder, or leave --templates out"
_DATA_NAME = "data.js"
_DATA_START = "fakescanDataOf="


@dataclass(frozen=True, slots=True)
class HtmlRenderer:
    """Writes a scan as a page."""

    thumbnails: Mapping[str, bytes] | None = None
    """Previews by path (``thumbs.make_thumbnails``); a drawn placeholder stands where there is none."""
    templates: Path | None = None
    """A folder whose templates and assets go before the built-in ones."""
    single_file: bool = False
    """Whether everything goes into one file, however many images there are."""
    decisions: Mapping[str, Decided] | None = None
    """What people decided, by path."""
    for_print: bool = False
    """Whether the page lays itself out for paper at once: what needs attention, then a list of all results."""
    suffix: ClassVar[str] = ".html"
    """File suffix."""
    accepts: ClassVar[frozenset[str]] = frozenset({"thumbnails", "templates", "single_file", "decisions"})
    """Settings that ``write.write_report`` may hand over."""

    def render(self, scan: Scan, out: TextIO) -> None:
        """Write the page as one file.

        Args:
            scan: a finished scan.
            out: a text stream in UTF-8.

        Raises:
            ReportError: when a template is missing or faulty.
        """
        self._render(build_page(scan, data_addresses(self.thumbnails), self.decisions), out, None)

    def write(self, scan: Scan, target: Path) -> None:
        """Write the page to its place, with a folder beside it when there are many images.

        Args:
            scan: a finished scan.
            target: where the page belongs.

        Raises:
            ReportError: when a template is faulty, something cannot be written, or the folder's place is taken.
        """
        if folder_of(target, len(scan.results), single_file=self.single_file) is None:
            write_atomically(target, lambda out: self.render(scan, out))
            return
        with Beside(target, marker=_DATA_NAME, marker_start=_DATA_START) as beside:
            addresses = {}
            for path, picture in (self.thumbnails or {}).items():
                kind = media_type_of(picture)
                if kind is not None:
                    name = f"thumbs/{anchor(path)}.{kind.removeprefix('image/')}"
                    beside.add(name, picture)
                    addresses[path] = f"{quote(target.stem + FILES_SUFFIX)}/{name}"
            page = build_page(scan, addresses, self.decisions)
            digest = hashlib.sha256((page.data.rows + page.data.panels).encode()).hexdigest()[:32]
            # Texts that are parsed later, and much faster than the same written as expressions.
            rows, panels = json.dumps(page.data.rows), json.dumps(page.data.panels)
            data = f'{_DATA_START}"{digest}";fakescanRows={rows};fakescanPanels={panels};\n'
            beside.add(_DATA_NAME, data.encode())
            text = StringIO()
            self._render(page, text, (f"{quote(target.stem + FILES_SUFFIX)}/{_DATA_NAME}", digest))
            beside.put_in_place()
            write_atomically(target, lambda out: out.write(text.getvalue()))

    def _render(self, page: PageView, out: TextIO, data: tuple[str, str] | None) -> None:
        """Fill the template; ``data`` is the address of the data and their digest when they are not in the page."""
        roots = template_roots(self.templates)
        style = "\n".join(_asset(read_template(roots, f"assets/page/{name}.css"), f"{name}.css") for name in _STYLES)
        parts = (_asset(read_template(roots, f"assets/page/{name}.js"), f"{name}.js") for name in _SCRIPTS)
        script = '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"
        address, digest = data or ("", "")
        try:
            template = environment(roots).get_template(PAGE.removeprefix("html/"))
            for chunk in template.generate(
                page=page,
                marks=MARKS,
                style=style,
                script=script,
                policy=_policy(style, script, digest),
                embedded=data is None,
                data_address=address,
                data_of=digest,
                printed=self.for_print,
                max_folders=MAX_FOLDERS,
                max_rows=MAX_ROWS,
                few_images=FEW_IMAGES,
            ):
                out.write(chunk)
        except jinja2.TemplateError as fault:
            raise ReportError(f"faulty template: {fault}", _HINT) from fault


def _asset(text: str, name: str) -> str:
    """An asset that can stand inside its element: nothing in it may end that element."""
    if "</" in text or "<!--" in text:
        raise ReportError(f"assets/page/{name} holds “</” or “<!--”, which would end its element", _HINT)
    return text.replace("\r\n", "\n")


def _policy(style: str, script: str, data: str) -> str:
    """The content security policy: this style and this script by digest, pictures of the report, nothing else.

    A file on a disk has no origin that a browser could compare, so that data in a folder are let in by the nonce that
    is made of them, and pictures by ``file:`` beside ``'self'``.
    """
    parts = (
        "default-src 'none'",
        "img-src data: 'self' file:" if data else "img-src data:",
        f"style-src '{_digest(style)}'",
        f"script-src '{_digest(script)}'" + (f" 'nonce-{data}'" if data else ""),
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(parts)


def _digest(text: str) -> str:
    """A digest as a policy spells it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
