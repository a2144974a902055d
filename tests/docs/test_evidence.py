"""Every reader of evidence has rows in the table of docs/evidence.md, and the table names no other."""

from __future__ import annotations

import re
from pathlib import Path

from fakescan.core.records import Strength
from fakescan.evidence import READERS


def test_every_reader_and_strength_is_described(repository: Path) -> None:
    page = (repository / "docs" / "evidence.md").read_text(encoding="utf-8")
    signals = page[page.index("## The signals") : page.index("## Content Credentials")]
    assert set(re.findall(r"^\| `(\w+)` \|", signals, re.MULTILINE)) == set(READERS)
    strengths = page[page.index("## How much") : page.index("## The signals")]
    assert set(re.findall(r"^\| `(\w+)` \|", strengths, re.MULTILINE)) == {strength.value for strength in Strength}
