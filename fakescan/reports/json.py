"""The JSON report: the whole scan in the shape of CONTRACT.md, which every other program builds on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TextIO

from fakescan.core.records import Scan
from fakescan.core.schema import json_parts


@dataclass(frozen=True, slots=True)
class JsonRenderer:
    """Writes a scan as one JSON object."""

    suffix: ClassVar[str] = ".json"
    """File suffix."""

    def render(self, scan: Scan, out: TextIO) -> None:
        """Write the report.

        Args:
            scan: a finished scan.
            out: a text stream.
        """
        for part in json_parts(scan):
            out.write(part)
