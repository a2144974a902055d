"""Training a network on random crops of squares, and scoring the middle of each: what the rivals from pixels share."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

CROP = 224
Crop = NDArray[np.uint8]
Alter = Callable[[Crop, np.random.Generator], Crop]
"""What is done to a crop, (CROP, CROP, 3), before the network sees it in training."""


def train(
    network: nn.Module,
    squares: NDArray[np.uint8],
    labels: NDArray[np.float64],
    weights: NDArray[np.float64],
    *,
    steps: int,
    batch: int,
    lr: float,
    seed: int = 0,
    minutes: float = 0.0,
    alter: Alter | None = None,
) -> None:
    """Train from where a network stands: crops mirrored at random, Adam, binary cross-entropy.

    Args:
        network: (B, 3, CROP, CROP) of uint8 to (B,) logits, larger = more likely AI-generated.
        squares: (M, S, S, 3), S at least ``CROP``.
        labels: (M,), 1 = fake.
        weights: (M,), the probability of each image to be drawn.
        steps: of the optimizer.
        batch: images a step.
        lr: learning rate.
        seed: of draws and crops.
        minutes: stop after so much time, and say how far it came; 0 = never.
        alter: done to each crop.
    """
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr)
    rng, began, losses = np.random.default_rng(seed), time.monotonic(), []
    for step in range(1, steps + 1):
        chosen = np.sort(rng.choice(len(squares), batch, p=weights))
        room = squares.shape[1] - CROP + 1
        crops = []
        for number in chosen:
            top, left = rng.integers(room, size=2)
            crop = squares[number, top : top + CROP, left : left + CROP]
            crop = crop[:, ::-1] if rng.random() < 0.5 else crop
            crops.append(crop if alter is None else alter(crop, rng))
        logits = network(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2))
        loss = functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(labels[chosen]).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        late = bool(minutes) and time.monotonic() - began > 60 * minutes
        if step % 20 == 0 or step == steps or late:
            spent = time.monotonic() - began
            print(f"step {step} of {steps}: loss {np.mean(losses[-20:]):.3f}, {spent:.0f} s", flush=True)
        if late:
            break


@torch.inference_mode()
def scores(network: nn.Module, squares: NDArray[np.uint8], batch: int = 32) -> NDArray[np.float64]:
    """P(fake) of each square's middle 224, (M,)."""
    network.eval()
    start = (squares.shape[1] - CROP) // 2 // 2 * 2
    found = []
    for first in range(0, len(squares), batch):
        middle = squares[first : first + batch, start : start + CROP, start : start + CROP]
        logits = network(torch.from_numpy(np.ascontiguousarray(middle)).permute(0, 3, 1, 2))
        found.append(torch.sigmoid(logits).numpy())
    return np.concatenate(found).astype(np.float64)
