from __future__ import annotations

import pytest

from fakescan.evidence.text import cleaned, decoded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("日本語 é 🎨", "日本語 é 🎨"),
        ("  padded\0\0", "padded"),
        ("\x1b[31mred\x9b", r"\x1b[31mred\x9b"),
        ("a\u202eb\u2066c\u200b", r"a\u202eb\u2066c\u200b"),
        ("a\nb\tc\r.", r"a\nb\tc\r."),
        ("\ud800\udcff!", r"\ud800\udcff!"),
        ("\u2028x\U000e0041", r"\u2028x\U000e0041"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_nothing_invisible_is_left(text: str, expected: str) -> None:
    assert cleaned(text) == expected


def test_length() -> None:
    assert cleaned("x" * 500) == "x" * 500
    assert cleaned("x" * 1_501) == "x" * 500 + " [and 1,001 more characters]"
    assert cleaned("x" * 20, 10) == "x" * 10 + " [and 10 more characters]"


def test_bytes() -> None:
    assert decoded("é".encode()) == "é"
    assert decoded(b"caf\xe9\0 rest") == "café"
    assert decoded(b"") == ""
