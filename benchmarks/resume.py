"""How long it takes to go on with a run of many finished files until the first new one is examined.

    python benchmarks/resume.py                    # 500,000 finished rows, half with text, as a scan writes them
    python benchmarks/resume.py --rows 50000 --walk 20000

The journal is made of copies of rows that the real writer stored. Timed apart: opening the journal, telling new files
from finished ones up to the first new one, and asking the file system about every finished one (which the model does
not wait for). ``--walk N`` makes a folder of N files as well and times finding them. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil

from fakescan.core.policy import Judge
from fakescan.core.records import (
    Evidence,
    ImageKind,
    ImageRecord,
    ImageResult,
    LogitPair,
    ModelIdentity,
    Prediction,
    SourceFile,
    Stage,
    StageReasoning,
    Strength,
    Supports,
)
from fakescan.intake.discover import Found, discover
from fakescan.intake.stamp import stamp_of
from fakescan.pipeline.resume import still_to_do
from fakescan.store.journal import Journal

_KEY = "k" * 64
_NEW = 100
_STAMP = "1234567:1790000000000000000:1790000000000000000:1"
_TEXT = "From a low-level perspective, edges are soft and the grain is even across the whole of the picture. " * 4


def main() -> None:
    """Make the journal, go on with it, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000, help="finished files")
    parser.add_argument("--walk", type=int, default=0, help="files that are made and found")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder when left out")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder, prefix="fakescan-resume-") as name:
        figures = _resumed(Path(name), asked.rows)
        if asked.walk:
            figures |= _walked(Path(name) / "walk", asked.walk)
    for what, value in figures.items():
        print(f"{what:32} {value:,}")
    print(json.dumps(figures))


def _resumed(folder: Path, rows: int) -> dict[str, float]:
    place = folder / "journal.sqlite3"
    started = time.perf_counter()
    with Journal(place) as journal:
        journal.describe({"header": "{}"})
        samples = _samples()
        journal.add(samples, _KEY, stamps={sample.record.file.path: _STAMP for sample in samples})
    _multiply(place, len(samples), rows)
    written_s = time.perf_counter() - started
    # New files between the finished ones, the first of them behind most: the worst case for a walk in order.
    files = [_File(_name(number)) for number in range(rows)] + [
        _File(f"z/new-{number:03}.jpg") for number in range(_NEW)
    ]
    process = psutil.Process()
    before = process.memory_info().rss
    started, cpu = time.perf_counter(), time.process_time()
    with Journal(place) as journal:
        _must(journal.has_done())
        opened_s = time.perf_counter() - started
        left = still_to_do(files, lambda: journal.done(_KEY), lambda file: _stamp(folder), lambda told: None)
        first = next(left)
        first_s, first_cpu_s = time.perf_counter() - started, time.process_time() - cpu
        _must(first.path.startswith("z/new"))
        peak = process.memory_info().rss
        for _ in range(_NEW - 1):
            next(left)
        started = time.perf_counter()
        again = sum(1 for _ in left)
        asked_s = time.perf_counter() - started
        peak = max(peak, process.memory_info().rss)
    _must(again == rows)
    return {
        "rows": rows,
        "journal_mb": round(place.stat().st_size / 1e6, 1),
        "written_s": round(written_s, 2),
        "opened_s": round(opened_s, 3),
        "first_new_file_s": round(first_s, 3),
        "first_new_file_cpu_s": round(first_cpu_s, 3),
        "file_system_asked_s": round(asked_s, 2),
        "memory_grown_mb": round((peak - before) / 1e6, 1),
    }


def _walked(folder: Path, count: int) -> dict[str, float]:
    for number in range(count):
        place = folder / f"{number // 1000:04}" / f"{number:07}.jpg"
        if number % 1000 == 0:
            place.parent.mkdir(parents=True)
        place.write_bytes(b"\xff\xd8\xff")
    cpu = time.process_time()
    found = sum(isinstance(item, Found) for item in discover([folder]))
    spent = time.process_time() - cpu
    _must(found == count)
    return {"walked_files": count, "walk_cpu_s": round(spent, 2), "walk_us_a_file": round(spent / count * 1e6, 1)}


def _must(holds: bool) -> None:
    if not holds:
        sys.exit("the benchmark does not measure what it should")


@dataclass(frozen=True, slots=True)
class _File:
    path: str


def _stamp(folder: Path) -> str:
    """The price of asking, with an answer that never fits, so that every row takes the longest way."""
    return stamp_of(folder / "journal.sqlite3")


def _name(number: int) -> str:
    return f"{number // 1000:04}/{number:07}.jpg"


def _samples() -> list[ImageResult]:
    """Results as scans write them: two in three with some metadata, half with text."""
    model = ModelIdentity("benchmark", "none", None, "1" * 64, "1", "float32", "cpu", "plain")
    judge = Judge(model, {})
    stages = tuple(StageReasoning(stage, _TEXT, complete=True) for stage in Stage)
    evidence = (
        Evidence("exif", "Make", "Canon", Supports.REAL, Strength.UNSIGNED, note="Names a camera."),
        Evidence("jpeg", "Quantisation", "standard tables, quality 92", note="How strongly the file is compressed."),
    )
    outcomes = [
        judge.assess(Prediction(LogitPair(0.1, value, 4), None, said, tokens=120), evidence, ImageKind.PHOTO)
        for value in (-3.0, 0.0, 3.0)
        for said in ((), stages)
    ]
    results = []
    for number, outcome in enumerate(outcomes):
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        file = SourceFile(_name(number), 1_234_567, digest, "image/jpeg")
        record = ImageRecord(file, 4000, 3000, 1, 1, ImageKind.PHOTO, digest[:32])
        results.append(ImageResult(record, evidence if number % 3 else (), outcome, {"decode": 0.03}))
    return results


def _multiply(place: Path, samples: int, rows: int) -> None:
    """Fill the journal by copying its rows under other names: writing each as a scan does takes minutes."""
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute(
            """
            WITH RECURSIVE numbers(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?)
            INSERT INTO results (path, run_key, row_key, sha256, label, stamp, cached, body)
            SELECT CAST(printf('%04d/%07d.jpg', n / 1000, n) AS BLOB), run_key, row_key, printf('%064x', n), label,
                   stamp, cached, body
            FROM numbers JOIN results ON id = 1 + n % ?
            """,
            (samples, rows, samples),
        )


if __name__ == "__main__":
    main()
