"""Text from files, made safe to keep: nothing invisible, nothing that reorders or recolours, nothing endless."""

from __future__ import annotations

import unicodedata

MAX_CHARS = 500
"""Longest value of an ordinary field."""
MAX_PROMPT_CHARS = 2_000
"""Longest prompt or workflow."""

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MARK = "\ufeff"
"""Byte order mark: some writers begin every text with one."""
_EXIV2_FORM = b'charset="Unicode" '
"""How exiv2's form of the field begins, where a program has written that form itself into the file."""
_JOINERS = frozenset("\u200c\u200d")
"""Persian and Indic spelling and emoji families need these two; they move nothing."""


def cleaned(text: str, limit_chars: int = MAX_CHARS) -> str:
    r"""Text with control, bidi and other invisible characters spelled out as escapes, cut at a length.

    Args:
        text: any text.
        limit_chars: what is longer is cut there, and says so.
    """
    short = text[:limit_chars].strip("\0 \t\r\n")
    if not short.isprintable():
        short = "".join(map(_spelled, short))
    return f"{short} [and {len(text) - limit_chars:,} more characters]" if len(text) > limit_chars else short


def decoded(raw: bytes) -> str:
    """Bytes of unknown encoding as text: UTF-8, else Latin-1, up to the first NUL.

    Args:
        raw: a field's bytes.
    """
    raw = raw.split(b"\0", 1)[0]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def user_comment(raw: bytes, *, big_endian: bool) -> str:
    """The text of EXIF's UserComment: eight bytes name its encoding (EXIF 3.0, 4.6.6).

    Args:
        raw: the field's bytes.
        big_endian: the byte order of the block that it stands in.
    """
    encoding, body = raw[:8], raw[8:]
    if encoding.upper() != b"UNICODE\0":
        # Writers that know no encodings put the text where their name belongs.
        named = b"\0" in encoding or not encoding.isascii()
        return decoded(body if named else raw.removeprefix(_EXIV2_FORM)).lstrip(_MARK)
    # UTF-16 in the byte order of the block by the standard; some writers always take the other one, and some UTF-8.
    orders = ("utf-16-be", "utf-16-le") if big_endian else ("utf-16-le", "utf-16-be")
    readings = [body.decode(order, "replace").rstrip("\0") for order in orders]
    if b"\0" not in body.rstrip(b"\0"):
        readings.append(decoded(body))
    return max(readings, key=lambda text: sum(char.isascii() for char in text[:400])).lstrip(_MARK)


def _spelled(char: str) -> str:
    if char in _JOINERS or unicodedata.category(char) not in _HIDDEN:
        return char
    code = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
