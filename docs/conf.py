"""The documentation site: ``make docs`` builds it into build/site.

The source folder is the repository itself, so that the pages keep their places and the links that people follow on a
hosting site are the very links of the built one. Nothing is fetched while it is built, and what is built loads nothing
from another host (``docs/made/hosts.py`` fails the build otherwise).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from docs.made import commands, hosts, navigation, schema  # noqa: E402
from fakescan.version import __version__  # noqa: E402

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "fakescan"
release = version = __version__
copyright = "the fakescan project, Apache-2.0"

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = navigation.ROOT_PAGE
include_patterns = [
    "docs/*.md",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "trainer/**README.md",
    "samples/CREDITS.md",
    "benchmarks/**.md",
    "fakescan/model/*/MODEL_CARD.md",
]
_WALKED = {"docs", "trainer", "samples", "benchmarks", "fakescan"}
# Only so that .venv, data and build results are not walked through: what is a page is said above.
exclude_patterns = [entry.name for entry in ROOT.iterdir() if entry.is_dir() and entry.name not in _WALKED]

myst_heading_anchors = 4
highlight_language = "none"
nitpicky = True

html_theme = "furo"
html_title = f"fakescan {release}"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_use_index = False
html_static_path = ["site.css", "site.js"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
# The first page is docs/index.html; whoever opens the folder is led there.
templates_path = ["."]
html_additional_pages = {"index": "start.html.j2"}


def setup(app: Sphinx) -> None:
    """Put in what is made from code: navigation, every command's help, the schema's fields."""
    app.connect("source-read", _complete)
    app.connect("build-finished", _check)


def _complete(app: Sphinx, page: str, content: list[str]) -> None:
    text = content[0]
    if page == navigation.ROOT_PAGE:
        text += navigation.contents(app.env.found_docs)
    elif page == "docs/cli":
        text = commands.with_helps(text)
    elif page == "docs/json-schema":
        text += schema.fields_page()
    content[0] = text


def _check(app: Sphinx, fault: Exception | None) -> None:
    if fault is None:
        hosts.refuse_foreign(Path(app.outdir))
