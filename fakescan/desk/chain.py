"""Lines of JSON, each with a hash over itself and the line before: what was written cannot be changed unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

START = "0" * 64
"""Stands before the first line."""
_LINKS = frozenset({"previous", "hash"})


def chained(entries: Iterable[Mapping[str, Any]], previous: str = START) -> tuple[list[str], str]:
    """Each entry as a line with a hash over itself and the hash before it.

    Args:
        entries: JSON objects without ``previous`` and ``hash``.
        previous: the hash that they follow.

    Returns:
        The lines, ASCII without line ends, and the last hash.
    """
    lines = []
    for entry in entries:
        content = {**entry, "previous": previous}
        previous = hashlib.sha256(_written(content).encode("ascii")).hexdigest()
        lines.append(_written({**content, "hash": previous}))
    return lines, previous


def parse(text: str) -> list[dict[str, Any]]:
    """The entries of a file, with their links.

    Args:
        text: the file's content.

    Raises:
        ValueError: when a line is no JSON object.
    """
    entries = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except RecursionError:
            raise ValueError("nested too deep") from None
        if not isinstance(entry, dict):
            raise ValueError("a line is no object")
        entries.append(entry)
    return entries


def first_break(entries: Sequence[Mapping[str, Any]]) -> tuple[int | None, str]:
    """Where a chain was changed.

    Args:
        entries: as ``parse`` gives them.

    Returns:
        Number of the first line that is not as it was written, from 1 on, or None; and the last hash as recomputed.
    """
    again, last = chained([{key: value for key, value in entry.items() if key not in _LINKS} for entry in entries])
    for number, (entry, line) in enumerate(zip(entries, again, strict=True), 1):
        if _written(entry) != line:
            return number, last
    return None, last


def _written(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, sort_keys=True, ensure_ascii=True)
