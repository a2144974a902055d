"""Images a second of everything that comes before the model, against ``exiftool -j -r`` on the same files.

    python benchmarks/intake_speed.py FOLDER... [--count 1000] [--rounds 3] [--output results/intake_speed.md]

Ours: walk, read, SHA-256, all evidence readers, decoding of all pixels, kind, perceptual hash, the model's view; in
worker processes, as a scan does it. exiftool reads metadata only. Both run in turns on a copy of the same JPEG files,
so that neither profits from a warmer cache or a quieter machine. Linux and macOS (processor time of children).
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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from fakescan.core.views import Views
from fakescan.evidence import READERS
from fakescan.intake.discover import Found, discover
from fakescan.intake.pool import DecodePool

WORKERS = 2
VIEWS = Views(("square",), 224, (122, 116, 104))


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
        turns = [(timed(lambda: ours(Path(place))), timed(lambda: exiftool(Path(place)))) for _ in range(args.rounds)]
    text = report(count, size_bytes, [turn[0] for turn in turns], [turn[1] for turn in turns])
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


def ours(folder: Path) -> None:
    """As the pipeline does it, without a model."""
    with DecodePool(WORKERS, readers=READERS) as pool, ThreadPoolExecutor(WORKERS) as threads:
        pool.views = VIEWS
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


def timed(work: object) -> Round:
    """Wall time, and the processor time of this process and its children."""
    before, started = spent(), time.perf_counter()
    work()  # type: ignore[operator]
    return Round(time.perf_counter() - started, spent() - before)


def spent() -> float:
    """Processor seconds so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def report(count: int, size_bytes: int, our_turns: list[Round], exif_turns: list[Round]) -> str:
    """The result as Markdown."""
    rows = [
        (
            name,
            count / median(turn.wall_s for turn in turns),
            1e3 * median(turn.processor_s for turn in turns) / count,
        )
        for name, turns in (("fakescan, before the model", our_turns), ("exiftool -j -r", exif_turns))
    ]
    ratio = median(theirs.wall_s / mine.wall_s for mine, theirs in zip(our_turns, exif_turns, strict=True))
    lines = [
        "# Speed of intake and evidence", "",
        f"{count} JPEG files, {size_bytes / count / 1e3:.0f} kB each on average, {len(our_turns)} turns each; "
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {WORKERS} workers. "
        f"Load average at the end: {os.getloadavg()[0]:.1f}.", "",
        "| | images/s (wall, median) | processor time an image |", "|---|---:|---:|",
        *(f"| {name} | {rate:.1f} | {ms:.1f} ms |" for name, rate, ms in rows), "",
        f"In the median turn fakescan was {ratio:.2f} times as fast, and it decodes every pixel. On a machine that "
        "does other things the wall times say little: compare the processor time of fakescan, divided by the workers "
        "that have a core to themselves, with that of exiftool, which runs on one.",
        "", "Made by `benchmarks/intake_speed.py`.", "",
    ]  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    main()
