"""Checks beside resuming and the cache of answers: never missing, never taken for those of another question."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import fakescan
from fakescan.core.records import ImageResult
from fakescan.core.schema import scan_to_dict
from fakescan.store.journal import Journal
from fakescan.store.places import answers_file
from fakescan.store.run_dir import RunDir
from tests.support.pictures import png

pytestmark = pytest.mark.slow

CHECKS: dict[str, Any] = {"stability": 2, "audit": True}


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> Any:
    return fakescan.load_engine(model=str(tiny_model), device="cpu", batch_size=1)  # looks at two at once


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Four that were written long ago: resuming believes the disk that they are as they were."""
    folder = tmp_path / "in"
    folder.mkdir()
    long_ago = time.time() - 3600
    for number in range(4):
        (folder / f"{number}.png").write_bytes(png(number))
        os.utime(folder / f"{number}.png", (long_ago, long_ago))
    return folder


def results_of(scan: fakescan.Scan) -> str:
    """As they stand in the report, apart from what the clock said."""
    rows = scan_to_dict(scan)["results"]
    for row in rows:
        del row["timings_s"]
    return json.dumps(rows)


def keys_of(run: Path) -> tuple[str | None, str | None]:
    with Journal(RunDir(run).journal, read_only=True) as journal:
        return journal.about("run_key"), journal.about("row_key")


def test_checks_are_part_of_the_keys(engine: Any, pictures: Path, tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = [{}, {"stability": 1}, {"stability": 2}, {"audit": True}, CHECKS]
    found = []
    for number, checks in enumerate(asked):
        fakescan.run_scan(pictures, engine=engine, limit=1, run_dir=tmp_path / f"run-{number}", **checks)
        found.append(keys_of(tmp_path / f"run-{number}"))
    assert len({run_key for run_key, _ in found}) == len({row_key for _, row_key in found}) == len(asked)
    with closing(sqlite3.connect(answers_file())) as answers:
        # Only the scan without checks has left an answer, under its key.
        assert answers.execute("SELECT run_key FROM answers").fetchall() == [(found[0][0],)]


def test_an_answer_of_an_earlier_run_stands_for_no_check(engine: Any, pictures: Path) -> None:
    plain = fakescan.run_scan(pictures, engine=engine, limit=2)
    for _ in range(2):
        checked = fakescan.run_scan(pictures, engine=engine, limit=2, **CHECKS)
        assert checked.from_cache == ()
        assert [len(result.stability) for result in checked.results] == [2, 2]
        assert all(result.claims for result in checked.results)
    again = fakescan.run_scan(pictures, engine=engine, limit=2)
    assert len(again.from_cache) == 2
    assert results_of(again) == results_of(plain)


def test_a_resumed_report_holds_the_same_checks(engine: Any, pictures: Path, tmp_path: Path) -> None:
    whole = fakescan.run_scan(pictures, engine=engine, run_dir=tmp_path / "whole", **CHECKS)
    assert all(result.stability and result.claims for result in whole.results)

    class Impatient(fakescan.Observer):
        """Presses Ctrl-C after the first batch of two."""

        def result(self, result: ImageResult, done: int, total: int) -> None:
            if done == 2:
                raise KeyboardInterrupt

    run = tmp_path / "run"
    stopped = fakescan.run_scan(pictures, engine=engine, observer=Impatient(), run_dir=run, **CHECKS)
    assert stopped.interrupted
    assert len(stopped.results) == 2
    taken: list[int] = []

    class Listening(fakescan.Observer):
        def resumed(self, labels: Any, done: int, total: int) -> None:
            taken.append(sum(labels.values()))

    resumed = fakescan.run_scan(pictures, engine=engine, observer=Listening(), run_dir=run, resume=True, **CHECKS)
    assert taken == [2]
    assert results_of(resumed) == results_of(whole)


def test_a_row_without_checks_is_not_gone_on_with(engine: Any, pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    plain = fakescan.run_scan(pictures, engine=engine, run_dir=run, limit=2)
    checked = fakescan.run_scan(pictures, engine=engine, run_dir=run, resume=True, limit=2, **CHECKS)
    assert all(result.stability and result.claims for result in checked.results)
    back = fakescan.run_scan(pictures, engine=engine, run_dir=run, resume=True, limit=2)
    assert results_of(back) == results_of(plain)
