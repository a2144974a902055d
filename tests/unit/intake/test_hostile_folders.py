"""Whole scans of hostile folders: every file once, time and memory in bounds, no process left, the right exit code."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from fakescan.cli.scan import exit_code
from fakescan.core.options import FailOn, ScanOptions
from fakescan.core.records import Failure, Scan
from fakescan.core.schema import scan_from_json, scan_to_json
from fakescan.intake.limits import Limits
from fakescan.pipeline import run_scan
from fakescan.reports.judgement import judge_plainly
from tests.support.weightless import WeightlessEngine

_MOST_BYTES = 2 * 2**30
_MOST_S = 20.0


@contextmanager
def measured() -> Iterator[dict[int, int]]:
    """The most memory that this process and each of its children held."""
    peaks: dict[int, int] = {}
    done = threading.Event()
    me = psutil.Process()

    def look() -> None:
        while not done.wait(0.05):
            try:
                family = [me, *me.children(recursive=True)]
            except psutil.Error:
                continue
            for process in family:
                try:
                    peaks[process.pid] = max(peaks.get(process.pid, 0), process.memory_info().rss)
                except psutil.Error:
                    continue

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peaks
    finally:
        done.set()
        thread.join()


def scanned(folder: Path, run_dir: Path) -> Scan:
    before = set(psutil.Process().children(recursive=True))
    with measured() as peaks:
        scan = run_scan(ScanOptions(paths=(str(folder),), run_dir=str(run_dir)), lambda: WeightlessEngine(4)).scan
    assert not set(psutil.Process().children(recursive=True)) - before
    assert max(peaks.values()) < _MOST_BYTES
    for result in scan.results:
        assert sum(result.timings_s.values()) < _MOST_S
    text = scan_to_json(scan)
    assert text.isascii()
    assert [result.record.file.path for result in scan_from_json(text).results] == [
        result.record.file.path for result in scan.results
    ]
    return scan


def tolerant(scan: Scan) -> Scan:
    """As with ``--fail-on never``: marks of generators in these files are no matter here."""
    return replace(scan, options={**scan.options, "fail_on": FailOn.NEVER.value})


def told(scan: Scan) -> list[str]:
    return sorted([item.record.file.path for item in scan.results] + [item.path for item in scan.skipped])


@pytest.mark.parametrize("watch", [None, True], ids=["as here", "measured"])
def test_hostile_files(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watch: bool | None) -> None:
    limits = Limits(watch_memory=watch)
    monkeypatch.setattr("fakescan.pipeline.sources.Limits", lambda *args, **more: limits)
    folder = shared / "corpus" / "hostile"
    scan = scanned(folder, tmp_path / "run")
    assert told(scan) == sorted(path.name for path in folder.iterdir())
    assert any(isinstance(result.outcome, Failure) for result in scan.results)
    assert exit_code(scan, judge_plainly(tolerant(scan))) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not take")
def test_hostile_names(shared: Path, tmp_path: Path) -> None:
    source, folder = tmp_path / "source.jpg", tmp_path / "names"
    source.write_bytes((shared / "corpus" / "camera" / "Canon_40D.jpg").read_bytes())
    subprocess.run(["bash", str(shared / "corpus" / "gen_names.sh"), str(source), str(folder)], check=True)
    scan = scanned(folder, tmp_path / "run")
    there = [
        Path(parent, name).relative_to(folder).as_posix()
        for parent, folders, files in os.walk(folder)
        for name in [*files, *(entry for entry in folders if Path(parent, entry).is_symlink())]
    ]
    assert told(scan) == sorted(there)
    skipped = {item.path: item.reason for item in scan.skipped}
    assert "outside.jpg" in skipped
    assert {"fifo.jpg", "devzero.jpg", "dangling.jpg", "loop", ".hidden.jpg"} <= set(skipped)
    assert exit_code(scan, judge_plainly(tolerant(scan))) == 3  # the file that is empty and must not be read
