"""Cached features of the frozen vision tower, so that a training step need not run it.

A cache is a folder: ``features.bin`` (float16 rows of equal shape, one an image variant, views one after the other),
``index.jsonl`` (one line a row: key) and ``meta.json`` (what made them). Rows are appended, so a run that was stopped
goes on where it was; a row without its index line is written again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import LlavaForConditionalGeneration

from fakescan.core.records import Failure
from fakescan.errors import DataError
from fakescan.intake.decode import decode
from fakescan.model.build import load_base, tower_features
from fakescan.model.images import Preprocessing, pixel_values
from fakescan_trainer.data.augment import augmented
from fakescan_trainer.data.mmfr import read_records

PLAIN = 0
"""Variant that is not augmented: exactly what inference sees. Variants 1, 2, ... are augmented."""


def feature_key(image: str, variant: int) -> str:
    """Key of an image variant in a cache."""
    return f"{image}#{variant}"


def open_rgb(path: Path) -> Image.Image:
    """Decode an image file with the scan's own decoder, so that training and inference see the same pixels.

    Raises:
        OSError: it cannot be decoded.
    """
    decoded = decode(path.read_bytes(), name=path.name, kinds=False)
    if isinstance(decoded, Failure):
        raise OSError(decoded.message)
    return decoded.image


def load_variant(root: Path, image: str, variant: int) -> Image.Image:
    """One variant of a training image."""
    picture = open_rgb(root / image)
    return picture if variant == PLAIN else augmented(picture, f"{image}#{variant}")


class FeatureCache:
    """Rows of float16 features by key, memory-mapped."""

    def __init__(self, folder: Path) -> None:
        """Open a cache.

        Raises:
            DataError: there is none, or its files disagree.
        """
        try:
            meta = json.loads((folder / "meta.json").read_text("utf-8"))
            self.shape: tuple[int, ...] = tuple(meta["shape"])
            self.tower_sha256: str = meta["tower_sha256"]
            keys = [json.loads(line)["key"] for line in (folder / "index.jsonl").read_text("utf-8").splitlines()]
            self.rows = {key: number for number, key in enumerate(keys)}
            values = np.memmap(folder / "features.bin", np.float16, "r")
            self._data = values[: len(keys) * int(np.prod(self.shape))].reshape(len(keys), *self.shape)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"no feature cache in {folder}, or a damaged one: {error}",
                "make it with python -m fakescan_trainer.data.features",
            ) from error

    def __contains__(self, key: str) -> bool:
        """Whether the cache holds a variant."""
        return key in self.rows

    def __getitem__(self, key: str) -> torch.Tensor:
        """Float32 features of a variant, (V, P, C)."""
        return torch.from_numpy(self._data[self.rows[key]].astype(np.float32))


class JoinedCaches:
    """Caches of different views of the same pictures, their views side by side.

    Attributes:
        views: of all caches together.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        """Open all of them.

        Raises:
            DataError: one is missing or damaged, or their rows do not fit together.
        """
        self._parts = [FeatureCache(folder) for folder in folders]
        shapes = {(part.shape[1:], part.tower_sha256) for part in self._parts}
        if len(shapes) > 1:
            raise DataError(
                f"the feature caches {', '.join(map(str, folders))} are of different towers or poolings",
                "make them with one base and one pooling",
            )
        self.views = sum(part.shape[0] for part in self._parts)

    def holds(self, key: str, views: int | None = None) -> bool:
        """Whether the first ``views`` views (None: all) of a variant are there."""
        return all(key in part for part in self._first(views))

    def features(self, key: str, views: int | None = None) -> torch.Tensor:
        """Float32 features of a variant: (V, P, C), the first ``views`` of its views (None: all)."""
        return torch.cat([part[key] for part in self._first(views)])[:views]

    def _first(self, views: int | None) -> list[FeatureCache]:
        chosen, held = [], 0
        for part in self._parts:
            if views is not None and held >= views:
                break
            chosen.append(part)
            held += part.shape[0]
        return chosen


def tower_digest(model: LlavaForConditionalGeneration) -> str:
    """Digest of the tower's weights: features of another tower must not be mixed in."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.model.vision_tower.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()


def _batches(
    root: Path, todo: list[tuple[str, int]], prep: Preprocessing, size: int
) -> Iterator[tuple[list[str], torch.Tensor]]:
    """Pixel tensors of the variants, prepared one batch ahead; images that do not open are left out with a line."""

    def one(item: tuple[str, int]) -> tuple[str, torch.Tensor] | None:
        try:
            return feature_key(*item), pixel_values([load_variant(root, *item)], prep)
        except (OSError, ValueError) as error:
            print(f"left out {item[0]}: {error}")  # noqa: T201  (a command's own output)
            return None

    def batch(items: list[tuple[str, int]]) -> tuple[list[str], torch.Tensor]:
        made = [row for row in map(one, items) if row]
        return [key for key, _ in made], torch.cat([pixels for _, pixels in made]) if made else torch.empty(0)

    chunks = [todo[i : i + size] for i in range(0, len(todo), size)]
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(batch, chunks[0]) if chunks else None
        for number in range(len(chunks)):
            ready = ahead.result() if ahead else batch([])
            ahead = pool.submit(batch, chunks[number + 1]) if number + 1 < len(chunks) else None
            yield ready


@torch.inference_mode()
def extend_cache(
    folder: Path,
    model: LlavaForConditionalGeneration,
    prep: Preprocessing,
    root: Path,
    wanted: Iterable[tuple[str, int]],
    batch_size: int = 16,
) -> Iterator[int]:
    """Add what is missing; yields the number of rows after each batch.

    Args:
        folder: the cache's folder, made when it does not exist.
        model: only its tower and its projector's pooling are used.
        prep: views and normalisation.
        root: folder of the images.
        wanted: (image, variant) pairs in the order in which they shall be made.
        batch_size: pictures a forward pass.

    Raises:
        DataError: the cache was made by another tower or with other views.
    """
    folder.mkdir(parents=True, exist_ok=True)
    projector = model.model.multi_modal_projector
    digest, views = tower_digest(model), len(prep.views)
    meta_path, index_path, data_path = folder / "meta.json", folder / "index.jsonl", folder / "features.bin"
    done: list[str] = []
    meta = {"tower_sha256": digest, "views": list(prep.views), "size_px": prep.size_px}
    if meta_path.is_file():
        old = json.loads(meta_path.read_text("utf-8"))
        if any(old.get(key) != value for key, value in meta.items()):
            raise DataError(f"{folder} holds features of another tower or of other views", "choose another folder")
        done = (
            [json.loads(line)["key"] for line in index_path.read_text("utf-8").splitlines()]
            if index_path.is_file()
            else []
        )
        if data_path.is_file():
            with data_path.open("r+b") as file:
                file.truncate(len(done) * int(np.prod(old["shape"])) * 2)
    known = set(done)
    todo = [item for item in dict.fromkeys(wanted) if feature_key(*item) not in known]
    with data_path.open("ab") as data, index_path.open("a", encoding="utf-8") as index:
        for keys, pixels in _batches(root, todo, prep, batch_size):
            if not keys:
                continue
            features = tower_features(model, pixels)
            pooled = projector.pool(features) if hasattr(projector, "pool") else features
            rows = pooled.reshape(len(keys), views, *pooled.shape[1:]).half().numpy()
            if not meta_path.is_file():
                meta_path.write_text(json.dumps({**meta, "shape": list(rows.shape[1:])}), "utf-8")
            data.write(rows.tobytes())
            data.flush()
            index.writelines(json.dumps({"key": key}) + "\n" for key in keys)
            index.flush()
            known.update(keys)
            yield len(known)


def main() -> None:
    """``python -m fakescan_trainer.data.features BASE CACHE ROOT FILE[:VARIANT,...]...`` fills a cache in order."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("base", type=Path, help="folder of the base model")
    parser.add_argument("cache", type=Path, help="folder of the cache")
    parser.add_argument("root", type=Path, help="folder that image paths are relative to")
    parser.add_argument("files", nargs="+", help="annotation files below ROOT, with the variants to make (0 = plain)")
    parser.add_argument("--pooling", type=int, default=2)
    parser.add_argument("--limit", type=int, help="at most so many images of each file, a fair sample; default: all")
    parser.add_argument("--view", action="append", help="views in order; default: square")
    args = parser.parse_args()
    model = load_base(args.base, projector_pooling=args.pooling)
    prep = Preprocessing(model.config.vision_config.image_size, tuple(args.view or ["square"]))
    wanted: list[tuple[str, int]] = []
    for spec in args.files:
        name, _, variants = spec.partition(":")
        images = sorted({record.image for record in read_records(args.root / name, args.root)})
        random.Random(0).shuffle(images)  # noqa: S311  (a stopped run then holds a fair sample)
        wanted += [(image, int(variant)) for variant in (variants or "0").split(",") for image in images[: args.limit]]
    started = time.monotonic()
    for count in extend_cache(args.cache, model, prep, args.root, wanted):
        print(f"{count} of {len(set(wanted))} rows, {time.monotonic() - started:.0f} s", flush=True)  # noqa: T201  (a command)


if __name__ == "__main__":
    main()
