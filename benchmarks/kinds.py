"""How often the scope gate (``fakescan/intake/scope.py``) gets the kind of a picture right, and the fit of its weights.

    python benchmarks/kinds.py DATA... [--per-source N] [--fit]

Each DATA is a folder with a ``manifest.jsonl`` (fields path, split, source, label, content). Weights and bounds come
from the split "train" alone; what is measured on the other split is printed beside it. ``--fit`` prints new weights.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fakescan.core.records import ImageKind
from fakescan.intake.scope import TINY_PX, Look

ART = frozenset(["art", "animal art", "anime", "concept-art", "illustration", "painting", "3d-render"])
PHOTO = frozenset(
    ["photo", "face", "faces", "animals", "fashion", "interior", "landscape-hdr", "phone", "portrait-retouched",
     "product", "street", "travel", "press", "real-estate-exterior", "underwater", "city photo", "food",
     "interior photo", "landscape-architecture", "nature photo", "stock", "people photo", "people photo-like",
     "portrait photo-like", "photo-like"]
)  # fmt: skip
"""What the manifests call contents; "mixed" ones are left out."""
PHOTOS_GIVEN_UP = 0.03
"""Share of the training photographs (in sources that the fit did not see) that may be called art."""
FOLDS, RIDGE = 5, 100.0

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Picture:
    """A labelled picture, measured."""

    split: str
    label: str
    source: str
    is_art: bool
    shares: tuple[float, ...]
    kind: ImageKind
    finest_detail: float
    milliseconds: float


def main() -> None:
    """Measure, and fit if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--per-source", type=int, default=40, help="pictures of each source and content at most")
    parser.add_argument("--fit", action="store_true")
    args = parser.parse_args()
    pictures = [measured(root, row) for root, row in chosen(args.data, args.per_source)]
    print(f"{len(pictures)} pictures, {np.median([each.milliseconds for each in pictures]):.1f} ms of processor each")
    table(pictures)
    if args.fit:
        fit([each for each in pictures if each.kind is not ImageKind.TINY])


def chosen(folders: list[Path], per_source: int) -> list[tuple[Path, dict[str, Any]]]:
    """Rows with a plain content, so many of each source; the same ones every time."""
    groups = defaultdict(list)
    for root in folders:
        for line in (root / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row.get("content") in ART | PHOTO:
                groups[row["split"], row["label"], row["source"], row["content"]].append((root, row))
    drawn = random.Random(1)  # noqa: S311 -- a sample, no secret
    return [item for key in sorted(groups) for item in drawn.sample(groups[key], min(per_source, len(groups[key])))]


def measured(root: Path, row: dict[str, Any]) -> Picture:
    """Statistics and kind of one picture."""
    path = root / row["path"] if (root / row["path"]).exists() else root / "images" / row["path"]
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    started = time.process_time()
    look = Look(image)
    kind = look.kind
    elapsed = time.process_time() - started
    shares = look.shares if min(image.size) >= TINY_PX else ()
    return Picture(
        row["split"], row["label"], row["source"], row["content"] in ART, shares, kind,
        max(look.finest_detail(), default=1.0), elapsed * 1e3,
    )  # fmt: skip


def table(pictures: list[Picture]) -> None:
    """Confusion by split, content and label."""
    kinds = list(ImageKind)
    print("\n| split | labelled | pictures | " + " | ".join(kinds) + " |\n|" + "---|" * (3 + len(kinds)))
    for split in sorted({each.split for each in pictures}, reverse=True):
        for is_art in (False, True):
            for label in ("real", "fake"):
                rows = [each for each in pictures if (each.split, each.is_art, each.label) == (split, is_art, label)]
                counts = Counter(each.kind for each in rows)
                cells = " | ".join(f"{100 * counts[kind] / max(1, len(rows)):.1f} %" for kind in kinds)
                print(f"| {split} | {'art' if is_art else 'photo'}, {label} | {len(rows)} | {cells} |")


def fit(pictures: list[Picture]) -> None:
    """Weights by ridge logistic regression, the bound by sources that the fit did not see. Only "train" is used."""
    train = [each for each in pictures if each.split == "train"]
    roots = np.sqrt(np.array([each.shares for each in train]))
    mean, spread = roots.mean(0), roots.std(0) + 1e-6
    inputs, art = (roots - mean) / spread, np.array([each.is_art for each in train], np.float64)
    sources = sorted({each.source for each in train})
    random.Random(0).shuffle(sources)  # noqa: S311 -- folds, no secret
    folds = np.array([sources.index(each.source) % FOLDS for each in train])
    unseen = np.zeros(len(train))
    for fold in range(FOLDS):
        seen = folds != fold
        unseen[~seen] = scores(inputs[~seen], regression(inputs[seen], art[seen], weights(train, seen)))
    bound = float(np.quantile(unseen[art == 0], 1 - PHOTOS_GIVEN_UP))
    print(f"\nunseen sources: photographs called art {np.mean(unseen[art == 0] > bound):.3f}, "
          f"art called art {np.mean(unseen[art == 1] > bound):.3f}")  # fmt: skip
    solved = regression(inputs, art, weights(train, np.ones(len(train), bool)))
    by_share = solved[:-1] / spread
    bias = solved[-1] - by_share @ mean - bound
    print(f"ART_BIAS = {bias:.4f}\nART_WEIGHTS = ({', '.join(f'{value:.3f}' for value in by_share)})")


def weights(pictures: list[Picture], which: npt.NDArray[np.bool_]) -> Array:
    """Sources by the root of their size, both classes alike."""
    sizes = Counter(each.source for each in pictures)
    raw = np.array([1 / np.sqrt(sizes[each.source]) for each in pictures])[which]
    art = np.array([each.is_art for each in pictures])[which]
    for side in (art, ~art):
        raw[side] /= raw[side].sum()
    scaled: Array = raw * len(raw) / 2
    return scaled


def regression(inputs: Array, art: Array, weight: Array) -> Array:
    """Newton's method; the last number is the constant."""
    columns = np.c_[inputs, np.ones(len(inputs))]
    solved, ridge = np.zeros(columns.shape[1]), np.full(columns.shape[1], RIDGE)
    ridge[-1] = 1e-6
    for _ in range(30):
        p = 1 / (1 + np.exp(-columns @ solved))
        gradient = columns.T @ (weight * (p - art)) + ridge * solved
        hessian = (columns.T * (weight * p * (1 - p))) @ columns + np.diag(ridge)
        solved -= np.linalg.solve(hessian, gradient)
    return solved


def scores(inputs: Array, solved: Array) -> Array:
    """Logits."""
    found: Array = inputs @ solved[:-1] + solved[-1]
    return found


if __name__ == "__main__":
    main()
