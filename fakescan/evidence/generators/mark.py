"""What all families of generators share: texts of a file, the marks in them, and JSON that is read with care."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fakescan.core.records import Strength, Supports

MAX_TEXT_CHARS = 1_000_000
"""Longer texts are not looked at."""
UNSIGNED = "Unsigned: anyone can add this to a file."

_MAX_DETAIL_CHARS = 2_000
_LETTERS = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True, slots=True)
class Text:
    """A text of the file and where it stood."""

    keyword: str
    """PNG keyword, EXIF or XMP field name, IPTC field; ``Comment`` for the comment of a JPEG or GIF file."""
    text: str
    """The text. Untrusted."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The sign of a tool."""

    name: str
    """What sort of sign, for the evidence table."""
    note: str
    """A sentence about it."""
    value: str
    """The text that it rests on. Untrusted."""
    strength: Strength = Strength.UNSIGNED
    """How much it carries."""
    supports: Supports = Supports.FAKE
    """What it speaks for."""
    details: tuple[tuple[str, str], ...] = ()
    """What could be made out of it: name (``Prompt``, ``Model``, ``Seed``) and value. Untrusted."""


def json_object(text: str) -> dict[str, Any]:
    """A JSON object, empty when the text is none.

    Args:
        text: any text.
    """
    if len(text) > MAX_TEXT_CHARS or not text.lstrip("\ufeff\0 \t\r\n").startswith("{"):
        return {}
    try:
        found = json.loads(text.strip("\ufeff\0 \t\r\n"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def details_of(values: Mapping[str, object], names: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    """Prompt, model and seed out of named values.

    Args:
        values: names as the tool writes them, in letters and digits only (see ``plain_keys``).
        names: for each detail the names that it may have, the best first.
    """
    for detail, candidates in names.items():
        for name in candidates:
            value = values.get(name)
            if isinstance(value, dict):  # InvokeAI and Fooocus describe their models
                value = value.get("name") or value.get("model_name")
            if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
                yield detail, str(value)[:_MAX_DETAIL_CHARS]
                break


def plain_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values, their names in lower-case letters and digits only; the first of two that become equal stays.

    Args:
        values: names as a tool writes them.
    """
    plain: dict[str, Any] = {}
    for name, value in values.items():
        plain.setdefault(_LETTERS.sub("", str(name).lower()), value)
    return plain
