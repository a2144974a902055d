"""A small ResNet on neighbouring-pixel residuals, after Tan et al., "Rethinking the Up-Sampling Operations", CVPR 2024.

As in their public recipe: what nearest-neighbour shrinking by two and enlarging loses is all that the network sees; the
first two stages of a ResNet-50 with a 3 x 3 stem (``SIZES`` has a smaller one too); random crops of 224 at native
resolution, mirrored at random; Adam, 2e-4, binary cross-entropy; the last weights are taken. Not theirs: images are
drawn as for the embedded model, and the number of steps is what the machine allows.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from transformers import ResNetConfig, ResNetModel

CROP = 224
SIZES = {"paper": (64, (256, 512), (3, 4)), "small": (32, (128, 256), (2, 2))}
"""Channels of the stem, channels of the two stages, blocks of the two stages. ``small`` takes a sixth of the time."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class NeighbouringPixels(nn.Module):
    """One logit a picture, larger = more likely AI-generated."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, stem: int, widths: tuple[int, int], depths: tuple[int, int]) -> None:
        """Random weights.

        Args:
            stem: channels of the first convolution.
            widths: channels of the two stages.
            depths: blocks of the two stages.
        """
        super().__init__()
        config = ResNetConfig(
            embedding_size=stem, hidden_sizes=list(widths), depths=list(depths), layer_type="bottleneck"
        )
        self.body = ResNetModel(config)
        self.body.embedder.embedder.convolution = nn.Conv2d(3, stem, 3, stride=2, padding=1, bias=False)
        self.head = nn.Linear(widths[-1], 1)
        self.register_buffer("mean", torch.tensor(_MEAN).reshape(3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).reshape(3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits (B,) of pixels (B, 3, H, W), uint8; H and W even."""
        unit = (pixels.float() / 255 - self.mean) / self.std
        pooled: torch.Tensor = self.body(residual(unit) * (2 / 3)).pooler_output.flatten(1)
        logits: torch.Tensor = self.head(pooled)[:, 0]
        return logits


def residual(pixels: torch.Tensor) -> torch.Tensor:
    """Each pixel less the first of its 2 x 2 block, (B, C, H, W)."""
    return pixels - pixels[..., ::2, ::2].repeat_interleave(2, -1).repeat_interleave(2, -2)


def train_npr(
    squares: NDArray[np.uint8],
    labels: NDArray[np.float64],
    weights: NDArray[np.float64],
    size: tuple[int, tuple[int, int], tuple[int, int]],
    *,
    steps: int,
    batch: int,
    lr: float = 2e-4,
    seed: int = 0,
    minutes: float = 0.0,
) -> NeighbouringPixels:
    """Train from random weights.

    Args:
        squares: (M, S, S, 3), S at least ``CROP``.
        labels: (M,), 1 = fake.
        weights: (M,), the probability of each image to be drawn.
        size: of the network, as in ``SIZES``.
        steps: of the optimizer.
        batch: images a step.
        lr: learning rate.
        seed: of weights, draws and crops.
        minutes: stop after so much time, and say how far it came; 0 = never.
    """
    torch.manual_seed(seed)
    network = NeighbouringPixels(*size)
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
            crops.append(crop[:, ::-1] if rng.random() < 0.5 else crop)
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
    return network


@torch.inference_mode()
def npr_scores(network: NeighbouringPixels, squares: NDArray[np.uint8], batch: int = 32) -> NDArray[np.float64]:
    """P(fake) of each square's middle 224, (M,)."""
    network.eval()
    start = (squares.shape[1] - CROP) // 2 // 2 * 2
    found = []
    for first in range(0, len(squares), batch):
        middle = squares[first : first + batch, start : start + CROP, start : start + CROP]
        logits = network(torch.from_numpy(np.ascontiguousarray(middle)).permute(0, 3, 1, 2))
        found.append(torch.sigmoid(logits).numpy())
    return np.concatenate(found).astype(np.float64)
