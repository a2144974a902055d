"""A scan by several processes of this machine: the same rows, nothing lost with a process that is killed, none left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

import fakescan
from fakescan.core.records import ImageResult
from tests.support.crews import assert_same, descendants, is_gone, pictures, rows_of, wait_until

pytestmark = pytest.mark.slow

CHILD = "fakescan.crews.child"
DECODER = "fakescan.intake.child"
FILES = 16
TABLES_BYTES = 80_000
"""What is in the write-ahead log before the first row, and a little."""


class Killing(fakescan.Observer):
    """Kills every worker when so many rows are there."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.killed: list[int] = []
        self.warnings: list[str] = []

    def result(self, result: ImageResult, done: int, total: int) -> None:
        if done == self.at:
            for process in descendants(CHILD):
                process.kill()
                self.killed.append(process.pid)

    def warned(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures."""
    return pictures(tmp_path_factory.mktemp("crew") / "in", FILES)


@pytest.fixture(scope="module")
def asked(tiny_model: Path) -> dict[str, Any]:
    """Settings of every scan here."""
    return {"model": str(tiny_model), "batch_size": 2, "cache": False, "workers": 1}


@pytest.fixture(scope="module")
def by_one(place: Path, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of one process."""
    run = place.parent / "one"
    fakescan.run_scan(place, device="cpu", run_dir=run, **asked)
    return rows_of(run)


def test_workers_that_are_killed_lose_nothing(
    place: Path, asked: dict[str, Any], by_one: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert sum(row["stages"] is not None for row in by_one) == FILES - 1
    killing = Killing(at=3)
    scan = fakescan.run_scan(place, device="cpu,cpu", run_dir=tmp_path / "run", observer=killing, **asked)
    assert killing.killed
    assert any("died (signal 9)" in text or os.name == "nt" for text in killing.warnings)
    assert scan.model is not None
    assert scan.model.device == "cpu"
    assert_same(rows_of(tmp_path / "run"), by_one)
    # Decoders of a worker that was killed see their pipe close.
    wait_until(lambda: not descendants(CHILD) and not descendants(DECODER))


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_and_a_killed_scan_leave_no_process(
    repository: Path, place: Path, asked: dict[str, Any], by_one: list[dict[str, Any]], tmp_path: Path
) -> None:
    words = ["scan", str(place), "--model", asked["model"], "--batch-size", "2", "--workers", "1", "--no-cache"]

    def begun(run: Path) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
        scan = subprocess.Popen(
            [sys.executable, "-m", "fakescan", *words, "--device", "cpu,cpu", "--run-dir", str(run)],
            cwd=repository, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        log = run / "journal.sqlite3-wal"
        # Its tables and a first row.
        wait_until(lambda: scan.poll() is not None or (log.is_file() and log.stat().st_size > TABLES_BYTES))
        return scan, descendants("fakescan", scan.pid)

    run = tmp_path / "interrupted"
    scan, below = begun(run)
    scan.send_signal(signal.SIGINT)
    _, said = scan.communicate(timeout=600)
    assert scan.returncode == 130, said
    assert below
    wait_until(lambda: all(map(is_gone, below)))
    # One process goes on where two were stopped.
    fakescan.run_scan(place, device="cpu", run_dir=run, resume=True, **asked)
    assert_same(rows_of(run), by_one)

    scan, below = begun(tmp_path / "killed")
    assert below
    scan.kill()
    scan.communicate(timeout=600)
    wait_until(lambda: all(map(is_gone, below)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="it is there")
def test_a_device_that_is_not_there_is_one_error(place: Path, tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(fakescan.ConfigError, match="cuda:5 is not available"):
        fakescan.run_scan(place, device="cpu,cuda:5", run_dir=tmp_path / "run", model=str(tiny_model))
    assert not descendants(CHILD)
