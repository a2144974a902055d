"""Peak memory of a scan by number of files: it should be the same for 1,000 and 20,000.

    python benchmarks/flat_memory.py [--files 1000,20000] [--model nano]

Small JPEGs, all different, are drawn into a temporary folder; each scan runs in a process of its own. Without
``--model`` a constant score stands in for the model, so that what grows is the host's side alone: decoding, evidence,
journal, report. Peaks are those of the process until the last file was done ("scan"), until the run's JSON report was
written ("report"), and until JSON Lines and CSV were written from it ("others"). The last line is one JSON object: MB
by phase and number of files, and the largest over the smallest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

import fakescan
from fakescan.core.records import Calibration, Failure, LogitPair, ModelIdentity, Prediction, ScoreKind
from fakescan.observer import Observer
from fakescan.protocols import Engine, RgbImage
from fakescan.reports.write import write_report

PHASES = ("scan", "report", "others")


class ConstantEngine:
    """Says the same of every picture."""

    batch_size = 16
    identity = ModelIdentity("constant", "none", None, "0" * 64, "1", "float32", "cpu", "constant", ScoreKind.BEFORE)
    calibration: Mapping[ScoreKind, Calibration] = {}

    def infer(self, images: Sequence[RgbImage], *, reasoning: bool = True) -> list[Prediction | Failure]:
        """An answer for each."""
        return [Prediction(LogitPair(0.0, -9.0, 1), None) for _ in images]


def draw(folder: Path, count: int) -> None:
    """Different JPEGs of 96 x 72 pixels, a thousand in a folder."""
    rng = np.random.default_rng(0)
    for number in range(count):
        place = folder / f"{number // 1000:03d}"
        place.mkdir(exist_ok=True)
        small = Image.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8))
        small.resize((96, 72)).save(place / f"{number:06d}.jpg", quality=85)


def peak_mb() -> float:
    """Peak resident memory of this process, in MB."""
    import psutil

    process = psutil.Process().memory_info()
    if hasattr(process, "peak_wset"):  # Windows
        return float(process.peak_wset) / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


class Peaks(Observer):
    """Notes the peak when the last file is done, before any report is begun."""

    def __init__(self) -> None:
        self.scanning_mb = 0.0

    def caught_up(self, done: int, total: int) -> None:
        """Called after each batch."""
        self.scanning_mb = peak_mb()


def scan(folder: Path, model: str | None) -> None:
    """Scan one folder and print the peaks: of the scan, of its JSON report too, and of a JSON Lines and a CSV file."""
    engine: Engine = fakescan.load_engine(model=model) if model else ConstantEngine()
    peaks = Peaks()
    run_dir = folder.parent / f"run-{folder.name}"
    run = fakescan.run_scan(folder, engine=engine, reasoning="none", run_dir=run_dir, cache=False, observer=peaks)
    found = {"files": len(run.results), "scan": peaks.scanning_mb, "report": peak_mb()}
    for name in ("lines.jsonl", "table.csv"):
        write_report(run, folder.parent / name)
    print(json.dumps(found | {"others": peak_mb()}))


def main() -> None:
    """Scan folders of growing size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", default="1000,20000")
    parser.add_argument("--model", default=None)
    parser.add_argument("--here", type=Path, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        scan(args.here, args.model)
        return
    peaks: dict[str, dict[str, float]] = {phase: {} for phase in PHASES}
    for count in map(int, args.files.split(",")):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / str(count)
            folder.mkdir()
            draw(folder, count)
            command = [sys.executable, __file__, "--here", str(folder)]
            done = subprocess.run(  # noqa: S603  (ours)
                command + (["--model", args.model] if args.model else []), capture_output=True, text=True, check=True
            )
        found = json.loads(done.stdout.splitlines()[-1])
        shown = "  ".join(f"{phase} {found[phase]:7.1f} MB" for phase in PHASES)
        print(f"{found['files']:7d} files  {shown}", file=sys.stderr, flush=True)
        for phase in PHASES:
            peaks[phase][str(count)] = round(found[phase], 1)
    ratios = {phase: round(max(each.values()) / min(each.values()), 3) for phase, each in peaks.items()}
    print(json.dumps(peaks | {"ratio": ratios}))


if __name__ == "__main__":
    main()
