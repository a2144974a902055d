"""A small ResNet on neighbouring-pixel residuals, after Tan et al., "Rethinking the Up-Sampling Operations", CVPR 2024.

As in their public recipe: what nearest-neighbour shrinking by two and enlarging loses is all that the network sees; the
first two stages of a ResNet-50 with a 3 x 3 stem (``SIZES`` has a smaller one too); random crops of 224 at native
resolution, mirrored at random; Adam, 2e-4, binary cross-entropy; the last weights are taken (``peer_crops.py``). Not
theirs: images are drawn as for the embedded model, and the number of steps is what the machine allows.
"""

from __future__ import annotations

import torch
from torch import nn
from transformers import ResNetConfig, ResNetModel

LR = 2e-4
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
