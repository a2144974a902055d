"""Images a second of everything that comes before the model, against ``exiftool -j -r`` on the same files.

    python benchmarks/intake_speed.py FOLDER... [--whole FOLDER] [--count 1000] [--rounds 5] [--output RESULT.md]

The files: every JPEG of the folders named with --whole (such as the evidence corpus, so that metadata of every sort is
among them), and as many drawn from the other folders as are missing to the count.

Ours, in worker processes, as a scan does it, three times: walk, read, all evidence readers, SHA-256 and perceptual
hash, decoding of all pixels; the same and the picture's kind; the same and the model's view of the picture (the
largest square, resized to 224 px, and handed to the parent; a single pixel otherwise). exiftool reads metadata only.
All run in turns on a copy of the same files, so that none profits from a warmer cache or a quieter machine. Linux and
macOS (processor time of children).
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
    parser.add_argument("--whole", action="append", type=Path, default=[])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        size_bytes = copied(args.folders, args.whole, args.count, Path(place))
        count = len(list(Path(place).iterdir()))
        rows = {
            "fakescan: evidence, hashes, all pixels decoded": lambda: ours(Path(place), WITHOUT, kinds=False),
            "fakescan: the same, and the kind of picture": lambda: ours(Path(place), WITHOUT),
            "fakescan: the same, and the model's view": lambda: ours(Path(place), WITH),
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


def copied(folders: list[Path], whole: list[Path], count: int, place: Path) -> int:
    """Copy the JPEG files that are measured; returns their bytes."""
    named, found = jpegs(whole), jpegs(folders)
    drawn = named + random.Random(0).sample(found, min(max(0, count - len(named)), len(found)))  # noqa: S311 -- a sample, no secret
    for number, path in enumerate(drawn):
        shutil.copyfile(path, place / f"{number:05d}.jpg")
    return sum(path.stat().st_size for path in drawn)


def jpegs(folders: list[Path]) -> list[Path]:
    """The JPEG files in folders, by name."""
    return sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))


def ours(folder: Path, views: Views, *, kinds: bool = True) -> None:
    """As the pipeline does it, without a model."""
    with DecodePool(WORKERS, readers=READERS) as pool, ThreadPoolExecutor(WORKERS) as threads:
        pool.views, pool.kinds = views, kinds
        files = [item for item in discover([folder]) if isinstance(item, Found)]
        left = iter(files)  # a list's iterator may be shared by threads

        def some() -> int:
            return sum(pool.examine(file).image is not None for file in left)

        pictures = sum(share.result() for share in [threads.submit(some) for _ in range(WORKERS)])
    if pictures < 0.9 * len(files):
        raise SystemExit(f"only {pictures} of {len(files)} files had a picture: not a fair measurement")


def exiftool(folder: Path) -> None:
    """Its JSON for the whole folder."""
    found = shutil.which("exiftool")
    if found is None:
        raise SystemExit("exiftool is not installed (Debian: libimage-exiftool-perl)")
    done = subprocess.run([found, "-q", "-j", "-r", str(folder)], check=False, stdout=subprocess.DEVNULL)  # noqa: S603
    if done.returncode not in (0, 1):  # 1: a file was damaged
        raise SystemExit(f"exiftool ended with {done.returncode}")


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
        "All rows of fakescan read the file, take its digest (SHA-256) and perceptual hash, ask all evidence readers "
        "and decode every pixel; the model's view is the largest square, resized (bicubic) to 224 px. On a machine "
        "that does other things the wall times say little: compare the processor time of fakescan, divided by the "
        "workers that have a core to themselves, with that of exiftool, which runs on one.",
        "", "Made by `benchmarks/intake_speed.py`.", "",
    ]  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    main()
