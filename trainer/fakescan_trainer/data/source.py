"""The training set as the loop sees it: records by kind, and what the tower makes of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fakescan.errors import DataError
from fakescan.model.images import Preprocessing, pixel_values
from fakescan_trainer.config import DataConfig
from fakescan_trainer.data.features import PLAIN, JoinedCaches, feature_key, load_variant
from fakescan_trainer.data.mmfr import Record, read_records
from fakescan_trainer.out_of_fold import FeatureShift


class TrainingData:
    """Records of all kinds, with their pixels or cached features.

    Attributes:
        full: records with reasoning.
        labelled: all records with a label (short rows are made of them).
        captions: records with a caption.
        validation: held-out records with a label.
        left_out: how many records the cache has no features of.
        shift: changes cached features of training images once a probe has been fitted on them.
    """

    def __init__(self, config: DataConfig, prep: Preprocessing) -> None:
        """Read and check everything.

        Raises:
            DataError: files are missing or malformed, or nothing is left to train on.
        """
        self.root, self.config, self.prep = Path(config.root), config, prep
        self.cache = JoinedCaches([Path(folder) for folder in config.features]) if config.features else None
        if self.cache and self.cache.views != len(prep.views):
            raise DataError(
                f"the feature caches hold {self.cache.views} views, the model takes {len(prep.views)}",
                "make them again",
            )
        self.shift: FeatureShift | None = None
        self.caption_views = config.caption_views or len(prep.views)
        train = self._read(config.train)
        held = self._read(config.validation)
        aligned = self._read(config.captions) if config.captions else train
        total = len(train) + len(held)
        self.labelled = [record for record in self._available(train) if record.label]
        self.full = [record for record in self.labelled if record.reasoning and record.caption]
        self.captions = [record for record in self._available(aligned, self.caption_views) if record.caption]
        self.validation = [record for record in self._available(held) if record.label]
        self.left_out = total - len(self.labelled) - len(self.validation)
        if overlap := {r.image for r in self.labelled} & {r.image for r in self.validation}:
            raise DataError(
                f"{len(overlap)} images are in training and in validation, e.g. {min(overlap)}", "remove them from one"
            )
        if not self.labelled and not self.captions:
            raise DataError("no record is left to train on", "check data.train, data.features and data.variants")

    def _read(self, names: Sequence[str]) -> list[Record]:
        return [record for name in names for record in read_records(self.root / name, self.root)]

    def _available(self, records: Sequence[Record], views: int | None = None) -> list[Record]:
        return [record for record in records if self.cache is None or self._variants(record.image, views)]

    def _variants(self, image: str, views: int | None = None) -> list[int]:
        """Variants of an image that the cache holds, wanted ones first; the plain one as a last resort."""
        if self.cache is None:
            return []
        held = [variant for variant in self.config.variants if self.cache.holds(feature_key(image, variant), views)]
        return held or ([PLAIN] if self.cache.holds(feature_key(image, PLAIN), views) else [])

    def vision(
        self, records: Sequence[Record], rng: np.random.Generator, *, plain: bool = False, views: int | None = None
    ) -> torch.Tensor:
        """Cached features (B, V, P, C), or pixels (B * V, 3, H, W).

        Args:
            records: the images.
            rng: draws the augmented variant.
            plain: take the picture as it is where there is a choice.
            views: the first so many of the model's views; None: all.
        """
        if self.cache is None:
            variant = int(rng.integers(1, 2**31)) if self.config.augment and not plain else PLAIN
            prep = replace(self.prep, views=self.prep.views[:views])
            return pixel_values([self._picture(record.image, variant) for record in records], prep)
        rows = []
        for record in records:
            held = self._variants(record.image, views)
            if plain and self.cache.holds(feature_key(record.image, PLAIN), views):
                held = [PLAIN]
            row = self.cache.features(feature_key(record.image, held[int(rng.integers(len(held)))]), views)
            rows.append(self.shift.apply(record, row) if self.shift else row)
        return torch.stack(rows)

    def every_variant(self, record: Record) -> list[torch.Tensor]:
        """Cached features (V, P, C) of each variant that training draws from; as they are, without ``shift``.

        Raises:
            ValueError: there is no cache.
        """
        if self.cache is None:
            raise ValueError("only cached features come in variants")
        return [self.cache.features(feature_key(record.image, variant)) for variant in self._variants(record.image)]

    def _picture(self, image: str, variant: int) -> Image.Image:
        try:
            return load_variant(self.root, image, variant)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # Pillow's own faults
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())
            raise DataError(
                f"{self.root / image} cannot be read: {reason}", "mend it, or remove its records; --resume goes on"
            ) from error
