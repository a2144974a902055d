"""What every format that machines act on can be given: a judgement, and the folder that paths start at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fakescan.reports.judgement import Judgement


@dataclass(frozen=True, slots=True)
class JudgingRenderer:
    """Base of the renderers whose findings follow the gate file and the baseline."""

    judgement: Judgement | None = None
    """Which findings fail and which are accepted; by ``--fail-on`` alone when None."""
    base: str | None = None
    """Folder that paths start at; where the scan was started when None."""
    accepts: ClassVar[frozenset[str]] = frozenset({"judgement", "base"})
    """What it can be given."""
