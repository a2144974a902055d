"""Images a second of everything that comes before the model, against ``exiftool -j -r`` on the same files.

    python benchmarks/intake_speed.py FOLDER... [--count 1000] [--rounds 3] [--output results/intake_speed.md]

Ours: walk, read, SHA-256, all evidence readers, decoding of all pixels, kind, perceptual hash; in worker processes, as
a scan does it. Once without the model's view of the picture (a single pixel is kept instead), which is what compares
with exiftool, and once with it: the largest square, resized to 224 px, and handed to the parent. exiftool reads
metadata only. All run in turns on a copy of the same JPEG files, so that none profits from a warmer cache or a quieter
machine. Linux and macOS (processor time of children).
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from fakescan.core.views import Views
from fakescan.evidence import READERS
from fakescan.intake.discover import Found, discover
from fakescan.intake.pool import DecodePool

WORKERS = 2
EXIFTOOL = "exiftool -j -r"
MARGIN = (122, 116, 104)
WITHOUT, WITH = Views(("native",), 1, MARGIN), Views(("square",), 224, MARGIN)


@dataclass(frozen=True)
class Round:
    """One pass over all files."""

    wall_s: float
    processor_s: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        size_bytes = copied(args.folders, args.count, Path(place))
        count = len(list(Path(place).iterdir()))
        rows = {
            "fakescan, without the model's view": lambda: ours(Path(place), WITHOUT),
            "fakescan, all before the model": lambda: ours(Path(place), WITH),
            EXIFTOOL: lambda: exiftool(Path(place)),
        }
        turns: dict[str, list[Round]] = {name: [] for name in rows}
        for _ in range(args.rounds):
            for name, work in rows.items():
                turns[name].append(timed(work))
    text = report(count, size_bytes, turns)
    print(text)
    if args.output:
        args.output.write_text(text, encoding="utf-8")


def copied(folders: list[Path], count: int, place: Path) -> int:
    """Copy a sample of the JPEG files; returns its bytes."""
    found = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    drawn = random.Random(0).sample(found, min(count, len(found)))  # noqa: S311 -- a sample, no secret
    for number, path in enumerate(drawn):
        shutil.copyfile(path, place / f"{number:05d}.jpg")
    return sum(path.stat().st_size for path in drawn)


def ours(folder: Path, views: Views) -> None:
    """As the pipeline does it, without a model."""
    with DecodePool(WORKERS, readers=READERS) as pool, ThreadPoolExecutor(WORKERS) as threads:
        pool.views = views
        files = [item for item in discover([folder]) if isinstance(item, Found)]
        pictures = sum(examined.image is not None for examined in threads.map(pool.examine, files))
    if pictures < 0.9 * len(files):
        raise SystemExit(f"only {pictures} of {len(files)} files had a picture: not a fair measurement")


def exiftool(folder: Path) -> None:
    """Its JSON for the whole folder."""
    found = shutil.which("exiftool")
    if found is None:
        raise SystemExit("exiftool is not installed (Debian: libimage-exiftool-perl)")
    subprocess.run([found, "-q", "-j", "-r", str(folder)], check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def timed(work: Callable[[], None]) -> Round:
    """Wall time, and the processor time of this process and its children."""
    before, started = spent(), time.perf_counter()
    work()
    return Round(time.perf_counter() - started, spent() - before)


def spent() -> float:
    """Processor seconds so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def report(count: int, size_bytes: int, turns: Mapping[str, Sequence[Round]]) -> str:
    """The result as Markdown."""
    theirs = turns[EXIFTOOL]
    rows = [
        f"| {name} | {count / median(turn.wall_s for turn in own):.1f} "
        f"| {1e3 * median(turn.processor_s for turn in own) / count:.1f} ms "
        f"| {median(other.wall_s / turn.wall_s for turn, other in zip(own, theirs, strict=True)):.2f} |"
        for name, own in turns.items()
    ]
    lines = [
        "# Speed of intake and evidence", "",
        f"{count} JPEG files, {size_bytes / count / 1e3:.0f} kB each on average, {len(theirs)} turns each; "
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {WORKERS} workers. "
        f"Load average at the end: {os.getloadavg()[0]:.1f}.", "",
        "| | images/s (wall, median) | processor time an image | speed by exiftool's (wall, median turn) |",
        "|---|---:|---:|---:|",
        *rows, "",
        "Both rows of fakescan read the file, its digest and all evidence, decode every pixel, and tell the picture's "
        "kind and perceptual hash; the model's view is the largest square, resized (bicubic) to 224 px. On a "
        "machine that does other things the wall times say little: compare the processor time of fakescan, divided by "
        "the workers that have a core to themselves, with that of exiftool, which runs on one.",
        "", "Made by `benchmarks/intake_speed.py`.", "",
    ]  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    main()
