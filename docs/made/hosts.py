"""A built page loads nothing from elsewhere: neither style, script, font, picture nor frame."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

_FOREIGN = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_IN_STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?((?:[a-z]+:)?//[^\s\"')]+)", re.IGNORECASE)
_LOADING = frozenset({"src", "srcset", "poster", "data", "background"})
_FOLLOWED_ONLY = frozenset({"canonical", "next", "prev", "search", "author", "license", "index", "genindex", "help"})


class _Page(HTMLParser):
    """Collects addresses of other hosts that a browser would ask without being told to."""

    def __init__(self) -> None:
        super().__init__()
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        loaded = [values[name] for name in _LOADING & values.keys()]
        if tag == "link" and not set(values.get("rel", "").split()) <= _FOLLOWED_ONLY:
            loaded.append(values.get("href", ""))
        self.foreign += [address for address in loaded if _FOREIGN.match(address)]
        self.foreign += _IN_STYLE.findall(values.get("style", ""))


def foreign(folder: Path) -> Iterator[str]:
    """What pages and styles of a folder would load from elsewhere: ``page: address``.

    Args:
        folder: the built site.
    """
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".html":
            page = _Page()
            page.feed(path.read_text(encoding="utf-8"))
            found = page.foreign
        elif path.suffix == ".css":
            found = _IN_STYLE.findall(path.read_text(encoding="utf-8"))
        else:
            continue
        yield from (f"{path.relative_to(folder).as_posix()}: {address}" for address in found)


def refuse_foreign(folder: Path) -> None:
    """Stop the build when a page would ask another host.

    Args:
        folder: the built site.

    Raises:
        ValueError: one would; the message names page and address.
    """
    found = list(foreign(folder))
    if found:
        raise ValueError("pages load from other hosts: " + ", ".join(found[:10]))
