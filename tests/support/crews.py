"""What the tests of scans by several processes share: pictures, plain results, and who is still there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.support.pictures import png

LONG_AGO = 1_000_000_000
ACTOR = "ray::ClusterPart"
"""How Ray calls the process of a worker of ours."""


def pictures(folder: Path, count: int) -> Path:
    """Files that were written long ago, so that resuming believes the disk; one of them is broken."""
    folder.mkdir()
    for number in range(count):
        place = folder / f"{number:02d}.png"
        place.write_bytes(b"\x89PNG\r\n\x1a\n" if number == 7 else png(number % 30))
        os.utime(place, (LONG_AGO, LONG_AGO))
    return folder


def rows_of(run: Path) -> list[dict[str, Any]]:
    """The results of a finished run."""
    found: list[dict[str, Any]] = json.loads((run / "scan.json").read_text())["results"]
    return found


def assert_same(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    """The same labels, texts and evidence; probabilities as near as CONTRACT.md says."""
    assert [row["path"] for row in one] == [row["path"] for row in other]
    for first, second in zip(one, other, strict=True):
        for name in ("path", "sha256", "status", "stages", "evidence", "error", "media_type", "width_px", "height_px"):
            assert first[name] == second[name], first["path"]
        assert (first["verdict"] or {}).get("label") == (second["verdict"] or {}).get("label")
        for name in ("before_reasoning", "after_reasoning"):
            values = [(row["scores"] or {}).get(name) for row in (first, second)]
            assert (values[0] is None) == (values[1] is None)
            assert abs((values[0] or 0) - (values[1] or 0)) <= 1.1e-6  # both are rounded to six digits


def descendants(word: str, of: int | None = None) -> list[psutil.Process]:
    """Processes below another (this one when None) whose command line holds a word."""
    found = []
    for process in psutil.Process(of).children(recursive=True):
        try:
            if any(word in part for part in process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def wait_until(true: Callable[[], bool], seconds: float = 600) -> None:
    """Until something holds; a machine that is busy may take its time."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def is_gone(process: psutil.Process) -> bool:
    """Whether a process has ended; one that nobody has buried counts."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
