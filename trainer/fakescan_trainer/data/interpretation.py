"""What an annotator answered, read as data and never run as code, and made sure to fit the image's label.

The authors pass the answer to Python's ``eval``. Here it is JSON; a Python literal (single quotes, a comma too many),
which models also write, is read by ``ast.literal_eval``, which evaluates no code. Unlike there, JSON's null is taken
for what it is, names that are none of the label's five are dropped on both sides and told, and an answer that takes no
side is never counted as one.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fakescan.core.attributes import attributes_of
from fakescan.core.records import Label
from fakescan_trainer.data.prompts import ATTRIBUTES_KEY

MOST_CHARS = 20_000
"""A longer answer is none."""
_NO_SIDE = re.compile(r"\b(can\s*not|can't|unable|undetermined)\b|\breal\b.*\bfake\b|\bfake\b.*\breal\b", re.IGNORECASE)


class Outcome(StrEnum):
    """What an answer is worth."""

    OK = "ok"
    """It takes the side of the label; it may have found no attribute."""
    UNDETERMINED = "undetermined"
    """It says that it cannot determine."""
    CONTRADICTS = "contradicts"
    """It takes the other side than the label that it was told."""
    INVALID = "invalid"
    """It is none of the forms that were asked for."""


@dataclass(frozen=True, slots=True)
class Interpretation:
    """An answer that was read."""

    outcome: Outcome
    """What it is worth."""
    attributes: Mapping[str, str]
    """Attribute name to description, in the paper's order; empty unless it is OK."""
    dropped: tuple[str, ...] = ()
    """Names that are none of the label's five."""
    why: str = ""
    """Why it is not OK."""


def parse_interpretation(content: str | None, label: Label) -> Interpretation:
    """Read an answer to ``interpretation_prompt``.

    Args:
        content: the answer's text, from between its first and its last brace; None when there was none.
        label: the image's.
    """
    if not content or len(content) > MOST_CHARS:
        return _invalid("an empty answer" if not content else "far too long an answer")
    document = _object(content[content.find("{") : content.rfind("}") + 1])
    answer = document.get("Answer") if document else None
    if document is None or not isinstance(answer, str):
        return _invalid("no JSON object with an Answer")
    if _NO_SIDE.search(answer):
        return Interpretation(Outcome.UNDETERMINED, {}, (), "it says that it cannot determine")
    sides = {side for side in Label if side is not Label.INCONCLUSIVE and side.value in answer.lower()}
    if sides and sides != {label}:
        return Interpretation(Outcome.CONTRADICTS, {}, (), f"it calls a {label.value} image otherwise")
    texts = document.get(ATTRIBUTES_KEY[label])
    if not sides or not isinstance(texts, dict):
        return _invalid(f"no side is taken, or there is no object {ATTRIBUTES_KEY[label]!r}")
    return _checked(texts, label)


def _checked(texts: Mapping[object, object], label: Label) -> Interpretation:
    known = {name.casefold(): name for name in attributes_of(label.value)}
    found: dict[str, str] = {}
    dropped = []
    for name, text in texts.items():
        if not isinstance(name, str) or not (text is None or isinstance(text, str)):
            return _invalid("a description is no text")
        own = known.get(name.strip().casefold())
        if own is None:
            dropped.append(name)
        elif text and text.strip():
            found[own] = " ".join(text.split())
    ordered = {name: found[name] for name in known.values() if name in found}
    return Interpretation(Outcome.OK, ordered, tuple(dropped))


def _object(text: str) -> dict[str, object] | None:
    """A JSON object, or a Python literal that is one."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of odd backslashes in the text
                document = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None
    return document if isinstance(document, dict) else None


def _invalid(why: str) -> Interpretation:
    return Interpretation(Outcome.INVALID, {}, (), why)
