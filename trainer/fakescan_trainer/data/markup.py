"""Pages without a script, built as a tree: whatever a text holds, it can only ever be text."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
article { border-top: 1px solid #8886; padding: 1rem 0; display: grid; grid-template-columns: 20rem 1fr; gap: 1.5rem; }
article img { max-width: 100%; height: auto; } article h2 { margin-top: 0; overflow-wrap: anywhere; }
dt { font-weight: 600; margin-top: .6rem; } dd { margin: 0; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; } svg text { font: 13px system-ui, sans-serif; fill: currentColor; }
.fake { fill: #b3541e; } .real { fill: #2f6f9f; } .axis { stroke: currentColor; stroke-width: 1; opacity: .5; }
.note { opacity: .8; } .missing { border: 1px dashed; padding: 2rem; }
@media (max-width: 45rem) { article { grid-template-columns: 1fr; } }
"""

Child = Element | str | None


def element(tag: str, /, *children: Child, **attributes: str | float) -> Element:
    """An element.

    Args:
        tag: its name.
        children: elements and texts; None is left out.
        attributes: ``class_`` stands for ``class``, and an underscore inside a name for a hyphen.
    """
    made = Element(tag, {key.rstrip("_").replace("_", "-"): shown(str(value)) for key, value in attributes.items()})
    last: Element | None = None
    for child in children:
        if isinstance(child, str):
            text = shown(child)
            if last is None:
                made.text = (made.text or "") + text
            else:
                last.tail = (last.tail or "") + text
        elif child is not None:
            made.append(child)
            last = child
    return made


def shown(text: str) -> str:
    """The text with everything that cannot be seen, or that turns the writing around, spelled out.

    Args:
        text: from anywhere.
    """
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode("ascii") for char in text
    )


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Element:
    """A table whose first column names the rows and whose others are numbers.

    Args:
        head: names of the columns.
        rows: texts.
    """
    body = element("tbody")
    for first, *others in rows:
        cells = [element("td", other, class_="number") for other in others]
        body.append(element("tr", element("th", first, scope="row"), *cells))
    heads = [element("th", name, scope="col") for name in head]
    return element("table", element("thead", element("tr", *heads)), body)


def page(title: str, *children: Child) -> str:
    """A page that loads nothing, runs nothing, and holds its pictures itself.

    Args:
        title: of the page.
        children: its content.
    """
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    style = Element("style")
    style.text = STYLE
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        style,
    )
    body = element("body", element("main", element("h1", title), *children))
    return "<!doctype html>\n" + ElementTree.tostring(element("html", head, body, lang="en"), "unicode", "html")
