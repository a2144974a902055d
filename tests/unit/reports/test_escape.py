from __future__ import annotations

import pytest

from fakescan.reports.escape import encodable, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain näme 日本語 🙂.jpg", "plain näme 日本語 🙂.jpg"),
        ("new\nline\ttab\rcr", "new\\nline\\ttab\\rcr"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("rtl\u202egpj.exe", "rtl\\u202egpj.exe"),
        ("iso\u2066late\u2069\u200e\u200b\ufeff", "iso\\u2066late\\u2069\\u200e\\u200b\\ufeff"),
        ("bad\udcff\udc80", "bad\\xff\\x80"),
        ("lone\ud800", "lone\\ud800"),
        ("sep\u2028\u2029\x85\xad", "sep\\u2028\\u2029\\x85\\xad"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("non\ufffe\U0001ffff", "non\\ufffe\\U0001ffff"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_spells_out_what_cannot_be_seen(text: str, shown: str) -> None:
    assert visible(text) == shown
    shown.encode("utf-8")


def test_keeps_line_ends_only_when_asked() -> None:
    assert visible("a\nb\tc\r\x00", lines=True) == "a\nb\tc\\r\\x00"


def test_cuts_and_says_how_much() -> None:
    assert visible("x" * 1_250, limit_chars=250) == "x" * 250 + " … [1,000 more characters]"
    assert visible("x" * 250, limit_chars=250) == "x" * 250


def test_fits_an_encoding() -> None:
    assert encodable("▲ é 日", "cp1252") == "\\u25b2 é \\u65e5"
