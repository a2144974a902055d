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

import fakescan
from fakescan.core.records import ImageResult
from tests.support.crews import assert_same, descendants, is_gone, pictures, rows_of, wait_until

pytestmark = pytest.mark.slow

CHILD = "fakescan.crews.child"
DECODER = "fakescan.intake.child"
FILES = 24


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


class Impatient(fakescan.Observer):
    """Presses Ctrl-C after so many rows."""

    def __init__(self, at: int) -> None:
        self.at = at

    def result(self, result: ImageResult, done: int, total: int) -> None:
        if done == self.at:
            raise KeyboardInterrupt


def test_killed_and_interrupted_a_crew_ends_with_the_rows_of_one_process(tiny_model: Path, tmp_path: Path) -> None:
    place = pictures(tmp_path / "in", FILES)
    asked: dict[str, Any] = {"model": str(tiny_model), "batch_size": 2, "cache": False, "workers": 1}
    fakescan.run_scan(place, device="cpu", run_dir=tmp_path / "one", **asked)
    one = rows_of(tmp_path / "one")
    assert sum(row["stages"] is not None for row in one) == FILES - 1

    killing = Killing(at=3)
    whole = fakescan.run_scan(place, device="cpu,cpu", run_dir=tmp_path / "killed", observer=killing, **asked)
    assert killing.killed
    assert any("died (signal 9)" in text or os.name == "nt" for text in killing.warnings)
    assert whole.model is not None
    assert whole.model.device == "cpu"
    assert_same(rows_of(tmp_path / "killed"), one)
    # Decoders of a worker that was killed see their pipe close.
    wait_until(lambda: not descendants(CHILD) and not descendants(DECODER))

    run = tmp_path / "stopped"
    stopped = fakescan.run_scan(place, device="cpu,cpu", run_dir=run, observer=Impatient(at=4), **asked)
    assert stopped.interrupted
    assert 4 <= len(stopped.results) < FILES
    wait_until(lambda: not descendants(CHILD) and not descendants(DECODER))
    fakescan.run_scan(place, device="cpu", run_dir=run, resume=True, **asked)
    assert_same(rows_of(run), one)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_and_a_killed_scan_leave_no_process(repository: Path, tiny_model: Path, tmp_path: Path) -> None:
    place = pictures(tmp_path / "in", FILES)
    words = [
        "scan",
        str(place),
        "--model",
        str(tiny_model),
        "--device",
        "cpu,cpu",
        "--batch-size",
        "1",
        "--workers",
        "1",
    ]

    def begun(run: Path) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
        scan = subprocess.Popen(
            [sys.executable, "-m", "fakescan", *words, "--run-dir", str(run), "--no-cache"],
            cwd=repository, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        log = run / "journal.sqlite3-wal"
        # Its tables and a first row.
        wait_until(lambda: scan.poll() is not None or (log.is_file() and log.stat().st_size > 80_000))
        return scan, descendants("fakescan", scan.pid)

    scan, below = begun(tmp_path / "interrupted")
    scan.send_signal(signal.SIGINT)
    _, said = scan.communicate(timeout=600)
    assert scan.returncode == 130, said
    assert below
    wait_until(lambda: all(map(is_gone, below)))

    scan, below = begun(tmp_path / "killed")
    assert below
    scan.kill()
    scan.communicate(timeout=600)
    wait_until(lambda: all(map(is_gone, below)))


def test_a_device_that_is_not_there_is_one_error(tiny_model: Path, tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("it is there")
    place = pictures(tmp_path / "in", 2)
    with pytest.raises(fakescan.ConfigError, match="cuda:5 is not available"):
        fakescan.run_scan(place, device="cpu,cuda:5", run_dir=tmp_path / "run", model=str(tiny_model))
    assert not descendants(CHILD)
