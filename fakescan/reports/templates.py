"""Where page templates come from: a folder given by hand, then the installed package, then the checkout around it.

And what holds for all of them: values become text, a name that is not there is an error, and nothing is loaded.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import jinja2

from fakescan.errors import ReportError

PAGE = "html/report.html.j2"
"""The page; where it is missing, a folder is not one of templates."""


def template_roots(custom: Path | None = None) -> tuple[Traversable, ...]:
    """Folders to look in, first match wins, so that a custom folder may replace single files.

    Args:
        custom: a folder given by hand, laid out as ``templates/``.

    Raises:
        ReportError: when the given folder does not exist, or no templates were installed.
    """
    if custom is not None and not custom.is_dir():
        raise ReportError(f"no folder of templates: {custom}", "give a folder that holds html/ or assets/")
    packaged = files("fakescan").joinpath("templates")
    beside = Path(__file__).resolve().parents[2] / "templates"
    built_in: tuple[Traversable, ...] = tuple(root for root in (packaged, beside) if root.joinpath(PAGE).is_file())[:1]
    if not built_in:
        raise ReportError("the page templates are not installed", "install fakescan again")
    return (*(() if custom is None else (custom,)), *built_in)


def read_template(roots: Sequence[Traversable], name: str) -> str:
    """Text of a template or asset.

    Args:
        roots: as ``template_roots`` gives them.
        name: path below a root, with slashes.

    Raises:
        ReportError: when no root has it, or it cannot be read.
    """
    for root in roots:
        file = root.joinpath(name)
        if file.is_file():
            try:
                return file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as fault:
                raise ReportError(
                    f"cannot read the template {name}: {fault}", "check the --templates folder"
                ) from fault
    raise ReportError(f"no such template: {name}", "check the --templates folder")


def environment(roots: Sequence[Traversable], folder: str = "html") -> jinja2.Environment:
    """What fills templates in.

    Args:
        roots: as ``template_roots`` gives them.
        folder: that the templates' names are relative to.
    """
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: read_template(roots, f"{folder}/{name}")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def policy_without_script(style: str) -> str:
    """The Content Security Policy of a page that has this style in it, and nothing that runs or loads.

    Args:
        style: the text of its one style element.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
