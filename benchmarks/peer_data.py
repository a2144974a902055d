"""What every peer is given: the embedded model's training records, and the labelled rows of test manifests.

A picture is cut to one native-resolution square before anything is learned or measured, since the shape of a file tells
much of its label. Training pictures are shown as the embedded model sees them: variant 1, cut, shrunk and recompressed
alike for both labels. Test pictures are as they are.
"""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fakescan.core.records import Label
from fakescan.errors import DataError
from fakescan_trainer.data.features import load_variant
from fakescan_trainer.data.mmfr import Record, read_records
from fakescan_trainer.sampling import source_weights

Pixels = NDArray[np.uint8]
Array = NDArray[np.float64]

SIDE = 288
"""Of the cut squares, in pixels: room for random crops of 224."""
GRID = 8
"""Cuts start on JPEG's grid, so that what its blocks left can be seen."""


@dataclass(frozen=True, slots=True)
class Item:
    """A labelled image."""

    root: Path
    """The folder that ``image`` is relative to."""
    image: str
    """Path, POSIX."""
    fake: bool
    """Whether it is AI-generated."""
    sha256: str = ""
    """Digest of the file, where a manifest has it."""
    matched: str = ""
    """Name of a group with both labels of one origin, or empty."""


def labels_of(items: Sequence[Item]) -> Array:
    """1 = fake, (M,)."""
    return np.array([float(item.fake) for item in items])


def training_items(root: Path, name: str) -> tuple[list[Item], Array]:
    """Labelled records of an MMFR file, and the probability by which the embedded model's trainer draws each.

    Raises:
        DataError: the file is missing or malformed, or has no labels.
    """
    records: list[Record] = [record for record in read_records(root / name, root) if record.label]
    if not records:
        raise DataError(f"{root / name} holds no labelled record", "give an MMFR file with conclusions")
    items = [Item(root, record.image, record.label is Label.FAKE) for record in records]
    return items, source_weights(records)


def manifest_items(manifest: Path, split: str, limit: int = 0) -> list[Item]:
    """Rows of one split of a ``manifest.jsonl``.

    Args:
        manifest: the list; paths start at its folder.
        split: the split.
        limit: at most so many images of each label of a source, the first by digest; 0 = all.

    Raises:
        DataError: it cannot be read, or has no such row.
    """
    try:
        rows = [json.loads(line) for line in manifest.read_text("utf-8").splitlines() if line.strip()]
        chosen = [row for row in rows if row["split"] == split]
        if limit:
            taken: Counter[tuple[str, str]] = Counter()
            drawn = set()
            for row in sorted(chosen, key=lambda row: str(row["sha256"])):
                taken[row["source"], row["label"]] += 1
                if taken[row["source"], row["label"]] <= limit:
                    drawn.add(row["path"])
            chosen = [row for row in chosen if row["path"] in drawn]
        found = [
            Item(manifest.parent, row["path"], row["label"] == "fake", row["sha256"], row.get("matched") or "")
            for row in chosen
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{manifest}: {error!r}", "give a manifest with path, label, split and sha256") from error
    if not found:
        raise DataError(f"{manifest} has no row of the split {split!a}", "choose another split")
    return found


def cut(picture: Image.Image, side: int = SIDE) -> Pixels:
    """The middle of a picture at its own resolution, (side, side, 3); a smaller picture is mirrored at its edges."""
    width, height = picture.size
    left = max(0, (width - side) // 2) // GRID * GRID
    top = max(0, (height - side) // 2) // GRID * GRID
    pixels = np.asarray(picture.crop((left, top, min(width, left + side), min(height, top + side))))
    lacking = [(0, side - pixels.shape[0]), (0, side - pixels.shape[1]), (0, 0)]
    return np.pad(pixels, lacking, mode="symmetric")


def squares(folder: Path, name: str, items: Sequence[Item], variant: int, jobs: int) -> tuple[Pixels, list[int]]:
    """The cut squares of a set, made once and kept.

    Args:
        folder: where they are kept: ``NAME.npy`` and ``NAME.json``.
        name: of the set.
        items: the set.
        variant: 0 for pictures as they are, 1 for the trainer's augmented variant.
        jobs: threads that decode.

    Returns:
        (M, SIDE, SIDE, 3), mapped from disk, and which of the items they are: those that could be opened.

    Raises:
        DataError: what is kept there is of other images.
    """
    place, index = folder / f"{name}.npy", folder / f"{name}.json"
    names = [item.image for item in items]
    if not index.is_file():
        folder.mkdir(parents=True, exist_ok=True)

        def one(item: Item) -> Pixels | None:
            try:
                return cut(load_variant(item.root, item.image, variant))
            except (OSError, ValueError, Image.DecompressionBombError) as error:
                print(f"left out {item.image}: {error}")
                return None

        shape = (len(items), SIDE, SIDE, 3)
        held = np.lib.format.open_memmap(place, "w+", np.uint8, shape)
        opened: list[int] = []
        with ThreadPoolExecutor(jobs) as pool:
            for number, square in enumerate(pool.map(one, items)):
                if square is not None:
                    held[len(opened)] = square
                    opened.append(number)
        held.flush()
        written = index.with_suffix(".new")
        written.write_text(json.dumps({"names": names, "variant": variant, "opened": opened}), "utf-8")
        written.replace(index)
    kept = json.loads(index.read_text("utf-8"))
    if kept["names"] != names or kept["variant"] != variant:
        raise DataError(f"{place} holds other images", "remove it, or choose another folder")
    rows: Pixels = np.load(place, mmap_mode="r")[: len(kept["opened"])]
    return rows, kept["opened"]


def write_scores(place: Path, names: Iterable[str], scores: Iterable[float]) -> None:
    """A list ``path,score`` that ``fakescan eval --scores`` takes."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("path", "score"))
        lines.writerows((name, f"{score:.6f}") for name, score in zip(names, scores, strict=True))


def read_scores(place: Path) -> dict[str, float]:
    """What ``write_scores`` wrote."""
    with place.open(encoding="utf-8", newline="") as file:
        return {row["path"]: float(row["score"]) for row in csv.DictReader(file)}


def report_scores(report: Path, items: Sequence[Item]) -> dict[str, float]:
    """P(fake) of a scan's JSON report by the manifest's paths, joined by digest.

    Raises:
        DataError: it is no report.
    """
    try:
        results = json.loads(report.read_text("utf-8"))["results"]
        found: Mapping[str, float | None] = {
            result["sha256"]: (result.get("verdict") or {}).get("p_fake") for result in results
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{os.fspath(report)} is no report of a scan: {error!r}", "give one in JSON") from error
    scored = ((item.image, found.get(item.sha256)) for item in items)
    return {image: score for image, score in scored if score is not None}
