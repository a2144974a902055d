"""A linear classifier on a frozen tower's class tokens: UniFD's recipe; held-out sources choose the penalty."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from benchmarks.peer_data import Array, Item
from fakescan.errors import DataError
from fakescan_trainer.data.features import FeatureCache, feature_key
from fakescan_trainer.evaluate.detection import auc
from fakescan_trainer.probe import fit_probe

PENALTIES = (1.0, 0.3, 0.1, 0.03, 0.01)


def class_tokens(cache: FeatureCache, items: Sequence[Item], variants: Sequence[int]) -> tuple[Array, list[int]]:
    """Cached class tokens (M, C), mean of the views, and which of the items they are.

    Raises:
        DataError: the cache holds none of them.
    """
    found, rows = [], []
    for number, item in enumerate(items):
        key = next((key for variant in variants if (key := feature_key(item.image, variant)) in cache), None)
        if key is not None:
            found.append(number)
            rows.append(cache[key][:, 0].mean(0).numpy())
    if not rows:
        raise DataError(f"the cache has no feature of {items[0].image} and the others", "fill it first")
    return np.stack(rows).astype(np.float64), found


def fit_best_probe(
    train: tuple[Array, Array, Array], held: tuple[Array, Array]
) -> tuple[Callable[[Array], Array], float, float]:
    """Logistic regression with the penalty that does best on held-out sources.

    Args:
        train: features (M, C), labels (M,), weights (M,).
        held: features and labels of the held-out images.

    Returns:
        From features to P(fake), the penalty, and the AUC on the held-out images.
    """
    mean, deviation = train[0].mean(0), train[0].std(0) + 1e-4

    def unit(values: Array) -> torch.Tensor:
        return torch.from_numpy((values - mean) / deviation).float()

    shown, labels = unit(train[0]), torch.from_numpy(train[1])
    weights = torch.from_numpy(train[2] / train[2].sum()).float()
    best: tuple[float, float, torch.Tensor, torch.Tensor] | None = None
    for penalty in PENALTIES:
        weight, bias = fit_probe(shown, labels, weights, penalty)
        reached = auc(held[1], (unit(held[0]) @ weight + bias).double().numpy())
        if best is None or reached > best[0]:
            best = (reached, penalty, weight, bias)
    assert best is not None  # noqa: S101  (there are penalties)
    reached, penalty, weight, bias = best
    return lambda values: torch.sigmoid(unit(values) @ weight + bias).double().numpy(), penalty, reached
