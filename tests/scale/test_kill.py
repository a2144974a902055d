"""A scan that is killed at any moment loses nothing that it had written, and goes on to the same report."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.pictures import png

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="twenty scans from nothing take too long without fork"),
]

KILLS, MOST_KILLS = 20, 80
"""On a machine that does much else many kills come before the first row: then there are more of them."""
FILES = 40
BATCH = 4
ROW_BYTES = 8_000
"""What a row adds to the write-ahead log, roughly."""
HEAD_BYTES, TABLES_BYTES = 20_000, 75_000
"""What is in it before the first row of a resumed run, and of a new one."""


class Scans:
    """Runs scans through ``tests/support/killable.py``."""

    def __init__(self, repository: Path, log: Path) -> None:
        self.log = log
        self.server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.killable"],
            cwd=repository, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        assert self.line() == "ready"

    def line(self) -> str:
        assert self.server.stdout is not None
        return self.server.stdout.readline().strip()

    def start(self, arguments: list[str], cache: Path) -> int:
        assert self.server.stdin is not None
        environment = {"XDG_CACHE_HOME": str(cache), "SCAN_LOG": str(self.log)}
        self.server.stdin.write(json.dumps({"arguments": arguments, "environment": environment}) + "\n")
        return int(self.line())

    def end(self) -> int:
        return int(self.line())


@pytest.fixture
def scans(repository: Path, tmp_path: Path) -> Iterator[Scans]:
    running = Scans(repository, tmp_path / "log.txt")
    yield running
    for stream in (running.server.stdin, running.server.stdout):
        assert stream is not None
        stream.close()
    running.server.wait(30)


def results_of(run: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((run / "scan.json").read_text())["results"]
    for row in rows:
        row.pop("timings_s")
    return rows


def journaled(run: Path) -> dict[str, dict[str, Any]]:
    """What a killed scan has left: rows by path, after SQLite has found the database sound."""
    if not (run / "journal.sqlite3").is_file():
        return {}
    with closing(sqlite3.connect(run / "journal.sqlite3")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        with suppress(sqlite3.OperationalError):  # killed before the tables were there
            rows = [json.loads(body) for (body,) in connection.execute("SELECT body FROM results")]
            return {row["path"]: {name: row[name] for name in row if name != "timings_s"} for row in rows}
    return {}


def wait_for_rows(run: Path, process: int, size_bytes: int) -> None:
    """Until the scan has committed so much, as its write-ahead log tells from outside, or is through."""
    log = run / "journal.sqlite3-wal"
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with suppress(OSError):
            if log.stat().st_size >= size_bytes:
                return
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return
        time.sleep(0.002)


def same(one: Any, other: Any) -> bool:
    """Equal, numbers within what another batch may change (a probability by 1e-6, a logit by what rounds to it)."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 1e-5
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            abs((one[name] or 0) - (other[name] or 0)) <= 1.1e-6 if name == "p_fake" else same(one[name], other[name])
            for name in one
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def test_twenty_kills_lose_nothing(scans: Scans, tiny_model: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "in"
    pictures.mkdir()
    long_ago = time.time() - 3600
    for number in range(FILES):
        place = pictures / f"{number:02d}.png"
        place.write_bytes(b"\x89PNG\r\n\x1a\n" if number % 10 == 7 else png(number % 36))
        os.utime(place, (long_ago, long_ago))

    def arguments(run: Path) -> list[str]:
        words = ["scan", str(pictures), "--run-dir", str(run), "--resume", "--model", str(tiny_model), "--quiet"]
        return [*words, "--reasoning", "none", "--batch-size", str(BATCH), "--workers", "1", "--device", "cpu"]

    def finish(run: Path) -> list[dict[str, Any]]:
        scans.start(arguments(run), tmp_path / f"cache-{run.name}")
        assert scans.end() in (0, 1, 3), scans.log.read_text()
        return results_of(run)

    started = time.monotonic()
    whole = finish(tmp_path / "whole")
    takes_s = time.monotonic() - started
    assert len(whole) == FILES
    assert sum(row["status"] == "assessed" for row in whole) == 36
    by_path = {row["path"]: row for row in whole}

    moments = random.Random(19)  # noqa: S311
    run, kills, with_rows, runs = tmp_path / "run-0", 0, 0, 1
    while kills < KILLS or (with_rows < KILLS // 4 and kills < MOST_KILLS):
        before = journaled(run)
        process = scans.start(arguments(run), tmp_path / f"cache-{run.name}")
        if kills % 2 and kills < KILLS:
            time.sleep(moments.uniform(0.1, 1.0) * takes_s)
        else:
            # Whatever else the machine does: in the middle of the rows that are left.
            rows = moments.uniform(0.1, 0.7) * (FILES - len(before))
            wait_for_rows(run, process, (HEAD_BYTES if before else TABLES_BYTES) + int(rows * ROW_BYTES))
            time.sleep(moments.uniform(0.0, 0.02))
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        code = scans.end()
        left = journaled(run)
        assert left.keys() >= before.keys(), "rows that were written are gone"
        assert all(same(row, by_path[path]) for path, row in left.items())
        if code == -signal.SIGKILL:
            kills += 1
            with_rows += 0 < len(left) < FILES
        else:  # it was through before
            assert code in (0, 1, 3), scans.log.read_text()
        if code != -signal.SIGKILL or len(left) == FILES:  # no more rows can be killed in this run
            assert same(results_of(run) if code != -signal.SIGKILL else finish(run), whole)
            run, runs = tmp_path / f"run-{runs}", runs + 1
    assert same(finish(run), whole)
    assert with_rows >= KILLS // 4, "the kills came too early or too late to mean anything"
