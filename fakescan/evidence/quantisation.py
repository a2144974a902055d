"""JPEG's quantisation tables: whose they are, and the quality that they stand for.

The reference tables and their scaling by quality are those of ITU-T T.81 annex K.1 and the Independent JPEG Group.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache, lru_cache

Table = tuple[int, ...]
"""64 steps in zigzag order, as the file holds them."""

_LUMA = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
_CHROMA = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 "
    "99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99"
)
_SIZE = 8


@dataclass(frozen=True, slots=True)
class Quality:
    """What the tables stand for."""

    percent: int
    """On the scale of the Independent JPEG Group, 1 to 100."""
    standard: bool
    """Whether they are exactly the reference tables at that quality."""


def tables_in(payload: bytes) -> dict[int, Table]:
    """The tables of a DQT segment by number, as far as they are whole.

    Args:
        payload: the segment's content.
    """
    found: dict[int, Table] = {}
    at = 0
    while at < len(payload):
        wide, number = payload[at] >> 4, payload[at] & 15
        size = 2 if wide else 1
        raw = payload[at + 1 : at + 1 + 64 * size]
        if len(raw) < 64 * size or wide > 1:
            break
        found[number] = tuple(raw) if size == 1 else struct.unpack(">64H", raw)
        at += 1 + 64 * size
    return found


@lru_cache(maxsize=64)
def quality_of(luma: Table, chroma: Table | None) -> Quality:
    """Quality of a pair of tables.

    Args:
        luma: steps of brightness.
        chroma: steps of colour; None in a grey picture.
    """
    references = _references()
    for percent in range(100, 0, -1):
        standard_luma, standard_chroma = references[percent]
        if luma == standard_luma and chroma in (None, standard_chroma, standard_luma):
            return Quality(percent, standard=chroma in (None, standard_chroma))
    nearest = min(range(1, 101), key=lambda percent: abs(sum(references[percent][0]) - sum(luma)))
    return Quality(nearest, standard=False)


@cache
def _references() -> dict[int, tuple[Table, Table]]:
    luma, chroma = (tuple(int(step) for step in text.split()) for text in (_LUMA, _CHROMA))
    return {percent: (_scaled(luma, percent), _scaled(chroma, percent)) for percent in range(1, 101)}


def _scaled(table: Table, percent: int) -> Table:
    scale = 5000 // percent if percent < 50 else 200 - 2 * percent
    steps = [min(255, max(1, (step * scale + 50) // 100)) for step in table]
    return tuple(steps[at] for at in _zigzag())


@cache
def _zigzag() -> Table:
    """Positions row by row in the order of rising frequency (T.81 figure A.6)."""
    cells = [(row, column) for row in range(_SIZE) for column in range(_SIZE)]
    # Along even diagonals upwards, along odd ones downwards.
    cells.sort(key=lambda cell: (sum(cell), cell[1] if sum(cell) % 2 == 0 else cell[0]))
    return tuple(row * _SIZE + column for row, column in cells)
