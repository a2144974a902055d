"""The JSON report as lines, for tools that read one record at a time.

The first line is the header (``"type": "scan"``), then a line for each result and each skipped path, and last a
summary with the number of lines before it. A file without that last line was cut off.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TextIO

from fakescan.core.records import Scan
from fakescan.core.schema import frame_to_dict, rows_of


@dataclass(frozen=True, slots=True)
class JsonlRenderer:
    """Writes a scan as JSON lines."""

    suffix: ClassVar[str] = ".jsonl"
    """File suffix."""

    def render(self, scan: Scan, out: TextIO) -> None:
        """Write the report.

        Args:
            scan: a finished scan.
            out: a text stream.
        """
        for record in records(scan):
            out.write(json.dumps(record, ensure_ascii=True, allow_nan=False) + "\n")


def records(scan: Scan) -> Iterator[dict[str, Any]]:
    """The lines as dictionaries, each with its ``type``.

    Args:
        scan: a finished scan.
    """
    document = frame_to_dict(scan)
    del document["results"]
    bodies: dict[str, Iterable[dict[str, Any]]] = {"result": rows_of(scan), "skipped": document.pop("skipped")}
    summary = document.pop("summary")
    yield {"type": "scan", **document}
    lines = 1
    for kind, items in bodies.items():
        for item in items:
            yield {"type": kind, **item}
            lines += 1
    yield {"type": "summary", **summary, "lines_before": lines}
