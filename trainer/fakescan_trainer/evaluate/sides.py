"""Which side a general model's words take: it was asked to conclude with "this image is real" or "... fake"."""

from __future__ import annotations

import re

from fakescan.core.records import Label

_SAID = re.compile(
    r"\b(?:this|the) (?:image|picture|photo|photograph)\s+(?:is|appears to be|seems to be|looks)\s+"
    r"(?P<doubt>most likely |likely |probably |definitely |clearly |indeed )?(?P<no>not )?(?:a |an )?"
    r"(?P<word>real|fake)\b(?!\s*(?:or|/)\s*(?:real|fake|not))",
    re.IGNORECASE,
)
_OPEN = re.compile(r"\b(?:whether|if|that)\s+$", re.IGNORECASE)
_BARE = re.compile(r"(?:answer|conclusion|verdict)?\s*:?\s*[\"'*]*(real|fake)[\"'*.!]*", re.IGNORECASE)
_REFUSALS = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|unable|not able)|sorry, |i can(?:no|')t|i cannot|cannot (?:determine|assist|help|say)"
    r"|can't (?:determine|assist|help|say)|unable to (?:determine|assist|say|tell)|as an ai\b|not possible to determine"
    r"|impossible to (?:determine|tell|say))",
    re.IGNORECASE,
)


def side_of(text: str) -> Label | None:
    """The side of an answer: the last sentence of the asked form decides; a bare "real" or "fake" will do too.

    Args:
        text: the conclusion, or the whole answer.

    Returns:
        None where it takes no side: what only wonders whether the image is real or fake takes none.
    """
    sides = []
    for match in _SAID.finditer(text):
        before = text[: match.start()]
        if not (_OPEN.search(before) and not before.rstrip().lower().endswith("that")):
            sides.append(Label.FAKE if (match["word"].lower() == "fake") is not bool(match["no"]) else Label.REAL)
    if sides:
        return sides[-1]
    bare = _BARE.fullmatch(text.strip())
    return Label(bare[1].lower()) if bare else None


def refuses(text: str) -> bool:
    """Whether an answer that takes no side says that it will not or cannot.

    Args:
        text: the whole answer.
    """
    return not text.strip() or bool(_REFUSALS.search(text))
