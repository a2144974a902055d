"""What the page's script works on, as two JSON texts: the rows of the list, and everything else about each image.

The rows (what is filtered, sorted and shown small) are read when the page opens; the panels only when an image is
opened or a text is searched. Many images share sentences, so that in a panel every number stands for a text of
``strings``; a row does the same for its few texts.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from fakescan.core.records import ImageResult
from fakescan.reports.escape import visible
from fakescan.reports.view_image import ImageView
from fakescan.reports.words import KIND_WORDS, MARKS

MAX_CHOICES = 12
"""Chips of one filter; folders, which are a menu, have no such limit."""

_PANEL = (
    *("headline", "number", "bar", "basis", "reasons", "evidence", "silent", "not_run", "stages_intro", "stages"),
    *("stability", "claims", "decision", "failure", "facts", "next_steps", "prompt", "same"),
)
"""What of an image is shown only when it is opened."""
_ESCAPED = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029", "\x7f": "\\u007f"}
)


@dataclass(frozen=True, slots=True)
class Group:
    """A filter: what can be chosen, and what an image has of it."""

    key: str
    """Name in the page's address."""
    title: str
    """Name for people."""
    of: Callable[[ImageView], Sequence[str]]
    """The values of an image."""
    word: Callable[[str], str] = str
    """A value in words."""
    every: bool = False
    """Whether an image must have all chosen values, not just one of them."""
    least: int = 2
    """With fewer values than this there is nothing to choose."""


GROUPS: tuple[Group, ...] = (
    Group("verdict", "Verdict", lambda view: (view.key,), lambda key: MARKS[key].word),
    Group("kind", "Kind of picture", lambda view: () if view.failure else (view.kind,), str.capitalize),
    Group("mark", "Properties", lambda view: _marks(view), lambda key: _MARK_WORDS[key], every=True, least=1),
    Group("why", "Why no side was taken", lambda view: (view.why,) if view.why else ()),
    Group("evidence", "What the file says", lambda view: view.signals, least=1),
    Group("folder", "Folder", lambda view: (view.folder,)),
)
_MARK_WORDS: Mapping[str, str] = {
    "conflict": "Contradiction",
    "speaks": "File says something about its origin",
    "prompt": "Prompt found in the file",
    "same": "Same picture as another file",
    "cut": "Text not finished by the model",
    "flips": "Another verdict under another encoding",
    "contradicted": "Text contradicted by a check",
    "decided": "An examiner decided",
    "overruled": "An examiner decided otherwise",
}


@dataclass(frozen=True, slots=True)
class PageData:
    """Two JSON texts that can stand inside a script element."""

    rows: str
    """Identity of the run, filters, and the rows of the list."""
    panels: str
    """Everything else about each image in the same order, and the list of digests."""


def page_data(images: Sequence[ImageView], results: Sequence[ImageResult], run: str) -> PageData:
    """The data of a page.

    Args:
        images: all images in the order of the page.
        results: the same results in the order of their paths, for the list of digests.
        run: identity of the run; notes of the reader are kept under it.
    """
    choices = {group.key: _choices(group, images) for group in GROUPS}
    groups = [group for group in GROUPS if len(choices[group.key]) >= group.least]
    listed, told = _Strings(), _Strings()
    rows = {
        "run": visible(run),
        "groups": [
            {
                "key": group.key,
                "title": group.title,
                "every": group.every,
                "values": list(choices[group.key]),
                "words": [group.word(value) for value in choices[group.key]],
            }
            for group in groups
        ],
        "images": [_row(view, listed, [(group, choices[group.key]) for group in groups]) for view in images],
        "strings": listed.all,
    }
    panels = {
        "panels": [{name: told.encode(getattr(view, name)) for name in _PANEL} for view in images],
        "strings": told.all,
        "manifest": manifest(results),
    }
    return PageData(_json(rows), _json(panels))


def _json(value: object) -> str:
    """JSON that can stand inside a script element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(_ESCAPED)


def manifest(results: Sequence[ImageResult]) -> str:
    """Digests and names in the form that ``sha256sum -c`` reads; a file that was not read is left out.

    Args:
        results: in the order of the list.
    """
    lines = []
    for result in results:
        file = result.record.file
        if len(file.sha256) == 64:
            name = file.path if file.path.isprintable() and "\\" not in file.path else None
            lines.append(f"{file.sha256}  {name}\n" if name is not None else _escaped_line(file.sha256, file.path))
    return "".join(lines)


def manifest_digest(results: Sequence[ImageResult]) -> str:
    """SHA-256 of the list of digests.

    Args:
        results: in the order of the list.
    """
    return hashlib.sha256(manifest(results).encode()).hexdigest()


def _escaped_line(digest: str, path: str) -> str:
    """As GNU writes a name with a backslash or line break; what steers a terminal is spelled out."""
    return f"\\{digest}  " + visible(path.replace("\\", "\\\\")) + "\n"


class _Strings:
    """Every text once."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        """Where it stands."""
        found = self._places.get(text)
        if found is None:
            found = self._places[text] = len(self.all)
            self.all.append(text)
        return found

    def encode(self, value: Any) -> Any:
        """The same with every text as its place, at any depth; dataclasses become objects."""
        if isinstance(value, str):
            return self.place(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, tuple | list):
            return [self.encode(item) for item in value]
        if is_dataclass(value):
            return {item.name: self.encode(getattr(value, item.name)) for item in fields(value)}
        raise TypeError(f"a {type(value).__name__} has no place in a panel")


def _marks(view: ImageView) -> tuple[str, ...]:
    """Properties that only some images have."""
    has = {
        "conflict": view.conflict,
        "speaks": view.speaks,
        "prompt": bool(view.prompt),
        "same": bool(view.same),
        "cut": any(not stage.complete for stage in view.stages),
        "flips": any(item.flips for item in view.stability),
        "decided": view.decision is not None,
        "overruled": view.decision is not None and view.decision.differs,
        "contradicted": any(claim.mark == "contradicted" for claim in view.claims),
    }
    return tuple(name for name, it_is in has.items() if it_is)


def _choices(group: Group, images: Sequence[ImageView]) -> dict[str, int]:
    """The values of a filter and their place, in the order of the words table or else the most frequent first."""
    counts = Counter(value for view in images for value in group.of(view))
    if group.key == "folder":
        ordered = sorted(counts)
    elif group.key in _ORDERS:
        ordered = [value for value in _ORDERS[group.key] if value in counts]
    else:
        ordered = [value for value, _ in counts.most_common(MAX_CHOICES)]
    return {value: place for place, value in enumerate(ordered)}


_ORDERS: Mapping[str, Sequence[str]] = {
    "verdict": tuple(MARKS),
    "mark": tuple(_MARK_WORDS),
    "kind": tuple(KIND_WORDS.values()),
}


def _row(view: ImageView, strings: _Strings, groups: Sequence[tuple[Group, Mapping[str, int]]]) -> dict[str, Any]:
    """One image."""
    return {
        "id": view.anchor,
        "path": view.path,
        "key": view.key,
        "short": strings.place(view.short),
        "lead": strings.place(view.lead),
        "conflict": view.conflict,
        "p": view.p_fake,
        "value": view.small,
        "caption": strings.place(view.number.caption if view.number else ""),
        "size": view.size_bytes,
        "sha": view.sha256,
        "thumb": view.thumbnail,
        "urgent": view.urgent,
        "tags": [[places[value] for value in group.of(view) if value in places] for group, places in groups],
    }
