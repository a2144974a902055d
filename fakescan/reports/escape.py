"""Make text from files, paths and models safe to show: nothing invisible, nothing that reorders or recolours."""

from __future__ import annotations

import unicodedata

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_JOINERS = frozenset("\u200c\u200d")
"""Persian and Indic spelling and emoji families need these two; they move nothing."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def visible(text: str, *, lines: bool = False, limit_chars: int | None = None) -> str:
    r"""Spell out control, bidi and other invisible characters as backslash escapes.

    A byte of a file name that is not UTF-8 (a surrogate escape) becomes ``\xff``, a right-to-left override
    ``\u202e``, a newline ``\n``. The result holds no surrogates, so that it can be encoded as UTF-8.

    Args:
        text: any text.
        lines: keep newlines and tabs (for texts of several lines).
        limit_chars: cut there, and say how much was cut.
    """
    cut = 0 if limit_chars is None else max(0, len(text) - limit_chars)
    if cut:
        text = text[:limit_chars]
    if not text.isprintable():
        text = "".join(_spell(char, lines) for char in text)
    return f"{text} … [{cut:,} more characters]" if cut else text


def _spell(char: str, lines: bool) -> str:
    """One character as it may be shown."""
    if lines and char in "\n\t":
        return char
    code = ord(char)
    if unicodedata.category(char) not in _HIDDEN and (code & 0xFFFE) != 0xFFFE:
        return char
    if char in _JOINERS:
        return char
    if char in _NAMED:
        return _NAMED[char]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def encodable(text: str, encoding: str) -> str:
    """Text that a stream of this encoding can take: what it lacks is written as a backslash escape.

    Args:
        text: any text.
        encoding: the stream's encoding.
    """
    return text.encode(encoding, "backslashreplace").decode(encoding)
