"""What int8 (or int4, fp8) does to P(fake): the first score of the same pictures with both formats.

    python benchmarks/int8_effect.py FOLDER [--images 100] [--model nano] [--dtype int8]

Every n-th picture below the folder is taken, so that all sources have their part. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from PIL import Image

from fakescan import engines
from fakescan.core.calibration import calibration_of, probability, side
from fakescan.core.records import Calibration, Label, LogitPair, Prediction, ScoreKind
from fakescan.engines.base import EngineOptions
from fakescan.engines.device import choose_placement
from fakescan.engines.slot import SlotEngine
from fakescan.intake.decode import DecodedImage
from fakescan.model.checkpoints import load_any


def scores(folder: Path, dtype: str, paths: list[Path]) -> tuple[list[LogitPair], Calibration]:
    """The score before any text of every picture, and the record that scales it."""
    engine = SlotEngine(load_any(folder), choose_placement("cpu", dtype), EngineOptions())
    found = []
    for path in paths:
        with Image.open(path) as file:
            image = file.convert("RGB")
        decoded = DecodedImage(image, path.name, image.width, image.height, 1, None)
        [outcome] = engine.infer([decoded], reasoning=False)
        if not isinstance(outcome, Prediction) or outcome.before is None:
            raise SystemExit(f"{path} has no score")
        found.append(outcome.before)
    return found, calibration_of(ScoreKind.BEFORE, engine.calibration, engine.info.tau, None)


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--model", default=None)
    parser.add_argument("--dtype", default="int8")
    args = parser.parse_args()
    every = sorted(path for path in args.folder.rglob("*") if path.is_file())
    paths = every[:: max(1, len(every) // args.images)][: args.images]
    folder = engines.model_folder(args.model)
    exact, record = scores(folder, "float32", paths)
    coarse, _ = scores(folder, args.dtype, paths)
    one, two = ([probability(pair, record) or 0.0 for pair in pairs] for pairs in (exact, coarse))
    differences = [abs(a - b) for a, b in zip(one, two, strict=True)]
    labels: list[tuple[Label, Label]] = [(side(a, record), side(b, record)) for a, b in zip(one, two, strict=True)]
    told: dict[str, Any] = {
        "dtype": args.dtype,
        "images": len(paths),
        "max_dp": round(max(differences), 6),
        "mean_dp": round(sum(differences) / len(differences), 6),
        "changed_verdicts": sum(a is not b for a, b in labels),
        "fake_to_real_or_back": sum({a, b} == {Label.FAKE, Label.REAL} for a, b in labels),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
