"""IPTC-IIM records (Information Interchange Model 4.2, chapter 3): the older form of press metadata."""

from __future__ import annotations

from collections.abc import Iterator

from fakescan.evidence.text import decoded

_MAX_FIELDS = 2_000
_MARK, _APPLICATION = 0x1C, 2
_LONG = 0x8000
_NAMES = {
    5: "Title",
    40: "SpecialInstructions",
    65: "OriginatingProgram",
    70: "ProgramVersion",
    80: "Byline",
    110: "Credit",
    115: "Source",
    116: "Copyright",
    120: "Caption",
}


def fields(block: bytes) -> Iterator[tuple[str, str]]:
    """Name and text of the fields that are known here.

    Args:
        block: records one after the other; padding behind them is passed over.
    """
    at = 0
    for _ in range(_MAX_FIELDS):
        if at + 5 > len(block) or block[at] != _MARK:
            return
        record, number, size = block[at + 1], block[at + 2], int.from_bytes(block[at + 3 : at + 5], "big")
        at += 5
        if size & _LONG:
            width = size & ~_LONG
            size = int.from_bytes(block[at : at + width], "big")
            at += width
        raw = block[at : at + size]
        at += size
        if record == _APPLICATION and number in _NAMES and raw:
            yield _NAMES[number], decoded(raw)
