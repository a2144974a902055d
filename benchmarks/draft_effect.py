"""What draft decoding does to P(fake), verdicts and kinds: the same pictures scanned both ways, without text.

    python benchmarks/draft_effect.py FOLDER... [--images 150] [--model nano]

Of the JPEGs below the folders that a draft is for (the short side has four times the pixels of the model's view), every
n-th is taken, so that all sources have their part. The last line is one JSON object; ``decode_ratio`` is the time of a
full decoding by that of a draft, means over the same pictures.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import mean

from PIL import Image, UnidentifiedImageError

import fakescan
from fakescan.core.records import Assessed, ImageResult, Label
from fakescan.errors import FakescanError
from fakescan.intake.decode import DRAFTED
from fakescan.protocols import Engine, SeesViews

TIMES = 4
"""From this many times the view's side on, a half still has twice of it."""


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--images", type=int, default=150)
    parser.add_argument("--model", default=None)
    args = parser.parse_args()
    engine = fakescan.load_engine(model=args.model)
    if not isinstance(engine, SeesViews):
        raise SystemExit("this model looks at whole pictures: they are never drafted")
    every = sorted(path for folder in args.folders for path in folder.rglob("*") if path.is_file())
    fit = [path for path in every if is_large(path, TIMES * engine.views.size_px)]
    paths = fit[:: max(1, len(fit) // args.images)][: args.images]
    print(f"{len(every)} files, {len(fit)} of them are JPEGs that a draft is for; {len(paths)} taken")
    try:
        whole, draft = (scanned(paths, engine, draft=draft) for draft in (False, True))
    except FakescanError as fault:
        raise SystemExit(f"{fault.message}: {fault.hint}") from None
    print(json.dumps(compared(whole, draft)))


def is_large(path: Path, least_px: int) -> bool:
    """Whether a file is a JPEG with at least so short a side."""
    try:
        with Image.open(path, formats=["JPEG"]) as image:
            return min(image.size) >= least_px
    except (UnidentifiedImageError, OSError):
        return False


def scanned(paths: list[Path], engine: Engine, *, draft: bool) -> list[ImageResult]:
    """One scan of all pictures: the model alone decides, before any text."""
    with tempfile.TemporaryDirectory() as place:
        return list(
            fakescan.run_scan(
                paths, engine=engine, reasoning="none", policy="model", cache=False, run_dir=place + "/run", draft=draft
            ).results
        )


def compared(whole: list[ImageResult], draft: list[ImageResult]) -> dict[str, float | int]:
    """The differences over the pictures that were drafted."""
    pairs = [
        (one, two) for one, two in zip(whole, draft, strict=True) if any(item.note == DRAFTED for item in two.evidence)
    ]
    if not pairs:
        raise SystemExit("no picture was drafted")
    moves = [abs(p_of(one) - p_of(two)) for one, two in pairs]
    labels = [(label_of(one), label_of(two)) for one, two in pairs]
    kinds = [(one.record.kind, two.record.kind) for one, two in pairs]
    seconds = [mean(side.timings_s["decode"] for side in sides) for sides in zip(*pairs, strict=True)]
    return {
        "images": len(pairs),
        "max_dp": round(max(moves), 6),
        "mean_dp": round(mean(moves), 6),
        "changed_verdicts": sum(one is not two for one, two in labels),
        "fake_to_real_or_back": sum({one, two} == {Label.FAKE, Label.REAL} for one, two in labels),
        "changed_kinds": sum(one is not two for one, two in kinds),
        "decode_ratio": round(seconds[0] / seconds[1], 2),
    }


def p_of(result: ImageResult) -> float:
    """The deciding probability."""
    outcome = result.outcome
    if not isinstance(outcome, Assessed) or outcome.verdict.p_fake is None:
        raise SystemExit(f"{result.record.file.path} has no score")
    return outcome.verdict.p_fake


def label_of(result: ImageResult) -> Label | None:
    """The verdict."""
    return result.outcome.verdict.label if isinstance(result.outcome, Assessed) else None


if __name__ == "__main__":
    main()
