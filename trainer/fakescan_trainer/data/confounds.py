"""Whether the label can be told without looking at any picture: from format, size and shape of the files alone.

A detector that is trained on such a set learns the files instead of the pictures. A small decision tree (CART; Breiman
et al. 1984) is fitted to facts of the files and judged by cross-validation, with all facts together and by group.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fakescan_trainer.data.facts import Facts

MIN_IMAGES = 20
"""Of each label; with fewer nothing can be said."""
WARN_ABOVE = 0.55
"""A lower bound of the balanced accuracy above it is a warning; 0.5 is guessing."""

_FOLDS = 5
_DEPTH = 4
_LEAF = 5
_MOST_IMAGES = 20_000
_FORMATS = ("image/jpeg", "image/png", "image/webp")
_Z95 = 1.959964

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

GROUPS: Mapping[str, tuple[int, ...]] = {
    "all facts": tuple(range(9)),
    "width, height and shape": (0, 1, 2, 3),
    "format": (6, 7, 8),
    "bytes and bytes per pixel": (4, 5),
}
"""Which facts are tried together: columns of ``_row``."""


@dataclass(frozen=True, slots=True)
class Confound:
    """How well some facts tell the label."""

    facts: str
    """Which facts."""
    balanced_accuracy: float
    """Mean of the two labels' accuracies over the held-out folds."""
    low: float
    """Lower end of its 95 % interval (normal approximation)."""
    images: int
    """How many images it was measured on."""

    @property
    def is_warning(self) -> bool:
        """Whether it is beyond what chance explains."""
        return self.low > WARN_ABOVE


def confounds_of(facts: Sequence[Facts], fake: Sequence[bool]) -> tuple[Confound, ...]:
    """Measure every group of facts; empty when a label has too few images.

    Args:
        facts: of each file.
        fake: its label.
    """
    labels = np.asarray(fake, dtype=bool)
    if min(labels.sum(), (~labels).sum()) < MIN_IMAGES:
        return ()
    # By digest: no order of the list decides which images are held out together.
    order = sorted(range(len(facts)), key=lambda at: facts[at].sha256)[:_MOST_IMAGES]
    matrix = np.asarray([_row(facts[at]) for at in order])
    labels = labels[order]
    return tuple(_measured(name, matrix[:, columns], labels) for name, columns in GROUPS.items())


def _row(facts: Facts) -> list[float]:
    width, height = facts.width_px, facts.height_px
    return [
        width, height, width / height, float(width == height),
        facts.size_bytes, facts.size_bytes / (width * height),
        *(float(facts.media_type == name) for name in _FORMATS),
    ]  # fmt: skip


def _measured(name: str, matrix: Matrix, fake: Flags) -> Confound:
    folds = np.empty(len(fake), dtype=int)
    for side in (fake, ~fake):
        folds[side] = np.arange(side.sum()) % _FOLDS
    said = np.empty(len(fake), dtype=bool)
    for fold in range(_FOLDS):
        held = folds == fold
        tree = _Tree(matrix[~held], fake[~held])
        said[held] = tree.predict(matrix[held])
    hits = [float((said[side] == fake[side]).mean()) for side in (fake, ~fake)]
    counts = [int(fake.sum()), int((~fake).sum())]
    spread = math.sqrt(sum(hit * (1 - hit) / count for hit, count in zip(hits, counts, strict=True))) / 2
    accuracy = sum(hits) / 2
    return Confound(name, accuracy, accuracy - _Z95 * spread, len(fake))


@dataclass(frozen=True, slots=True)
class _Cut:
    """A knot of the tree."""

    column: int
    cut: float
    below: _Cut | bool
    above: _Cut | bool


class _Tree:
    """A decision tree of little depth, with both labels weighing the same."""

    def __init__(self, matrix: Matrix, fake: Flags) -> None:
        weights = np.where(fake, 0.5 / max(1, fake.sum()), 0.5 / max(1, (~fake).sum()))
        self._root = _grown(matrix, np.where(fake, weights, 0.0), np.where(fake, 0.0, weights), _DEPTH)

    def predict(self, matrix: Matrix) -> Flags:
        said = np.empty(len(matrix), dtype=bool)
        _fill(self._root, matrix, np.arange(len(matrix)), said)
        return said


def _grown(matrix: Matrix, fakes: Vector, reals: Vector, depth: int) -> _Cut | bool:
    best, column, cut = _impurity(fakes.sum(), reals.sum()) - 1e-9, -1, 0.0
    if depth and len(fakes) >= 2 * _LEAF:
        for candidate in range(matrix.shape[1]):
            found = _best_cut(matrix[:, candidate], fakes, reals)
            if found is not None and found[0] < best:
                best, column, cut = found[0], candidate, found[1]
    if column < 0:
        return bool(fakes.sum() > reals.sum())
    low = matrix[:, column] <= cut
    below, above = (_grown(matrix[side], fakes[side], reals[side], depth - 1) for side in (low, ~low))
    return _Cut(column, cut, below, above)


def _fill(node: _Cut | bool, matrix: Matrix, rows: npt.NDArray[np.int64], said: Flags) -> None:
    if not isinstance(node, _Cut):
        said[rows] = node
        return
    low = matrix[rows, node.column] <= node.cut
    _fill(node.below, matrix, rows[low], said)
    _fill(node.above, matrix, rows[~low], said)


def _impurity(fakes: float, reals: float) -> float:
    """Gini impurity times weight."""
    return float(2 * fakes * reals / (fakes + reals)) if fakes + reals > 0 else 0.0


def _best_cut(values: Vector, fakes: Vector, reals: Vector) -> tuple[float, float] | None:
    """Where one fact is best cut in two: impurity of both sides together, and the value; None where it is constant."""
    order = np.argsort(values, kind="stable")
    sorted_values = values[order]
    below_fakes, below_reals = np.cumsum(fakes[order])[:-1], np.cumsum(reals[order])[:-1]
    above_fakes, above_reals = fakes.sum() - below_fakes, reals.sum() - below_reals
    count = np.arange(1, len(values))
    allowed = (np.diff(sorted_values) > 0) & (count >= _LEAF) & (len(values) - count >= _LEAF)
    if not allowed.any():
        return None
    below, above = below_fakes + below_reals, above_fakes + above_reals
    impurity = 2 * below_fakes * below_reals / np.maximum(below, 1e-12)
    impurity = impurity + 2 * above_fakes * above_reals / np.maximum(above, 1e-12)
    at = int(np.argmin(np.where(allowed, impurity, np.inf)))
    return float(impurity[at]), float((sorted_values[at] + sorted_values[at + 1]) / 2)
