"""CNNDetection's recipe: Wang et al., "CNN-generated images are surprisingly easy to spot... for now", CVPR 2020.

A whole ResNet-50 on pixels; in training crops of 224, mirrored at random, half of them blurred (sigma 0 to 3) and half
of them compressed as JPEG (quality 30 to 100), as in their ``Blur+JPEG (0.5)``; Adam, 1e-4, binary cross-entropy. Not
theirs: the weights start at random instead of ImageNet's (none are to be had without a download), a crop is altered
instead of the whole picture that it is cut from, images are drawn as for the embedded model, and the number of steps is
what the machine allows.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import nn
from transformers import ResNetConfig, ResNetModel

from benchmarks.peer_crops import Crop

LR = 1e-4
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SHARE = 0.5
_MOST_BLUR = 3.0
_LEAST_QUALITY = 30


class PlainPixels(nn.Module):
    """One logit a picture, larger = more likely AI-generated."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, config: ResNetConfig | None = None) -> None:
        """Random weights.

        Args:
            config: of the network; None = ResNet-50.
        """
        super().__init__()
        config = config or ResNetConfig()
        self.body = ResNetModel(config)
        self.head = nn.Linear(config.hidden_sizes[-1], 1)
        self.register_buffer("mean", torch.tensor(_MEAN).reshape(3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).reshape(3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits (B,) of pixels (B, 3, H, W), uint8."""
        pooled: torch.Tensor = self.body((pixels.float() / 255 - self.mean) / self.std).pooler_output.flatten(1)
        logits: torch.Tensor = self.head(pooled)[:, 0]
        return logits


def blurred_or_compressed(crop: Crop, rng: np.random.Generator) -> Crop:
    """A crop with their augmentation, each part of it with a probability of one half.

    Args:
        crop: (H, W, 3).
        rng: draws.
    """
    picture = Image.fromarray(np.ascontiguousarray(crop))
    if rng.random() < _SHARE:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, _MOST_BLUR)))
    if rng.random() < _SHARE:
        held = BytesIO()
        picture.save(held, "JPEG", quality=int(rng.integers(_LEAST_QUALITY, 101)))
        picture = Image.open(held)
    return np.asarray(picture)
