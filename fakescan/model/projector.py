"""A LLaVA projector that pools: fewer visual tokens for the same picture; with room for a detector in it.

With ``vision_feature_select_strategy="full"`` and several feature layers, transformers' LLaVA hands the projector the
class token and all patches, the layers' channels side by side. This one averages patches two by two (or more),
keeps the class token as the first visual token, and standardises channels by constants of the training data, since
layers differ in scale by orders of magnitude. Then it is LLaVA's own two-layer MLP. A ``ClassTokenProbe`` beside it
tells the language model what a detector says of the class token.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import LlavaConfig
from transformers.models.llava.modeling_llava import LlavaMultiModalProjector

POOLING_KEY = "projector_pooling"
PROBE_KEY = "projector_probe_units"
_UNBOUNDED = 1e4
"""A logit that no probe comes near; infinity would not count as a weight that is a number."""


def pooling_of(config: LlavaConfig) -> int:
    """Side of the pooled square of patches; 1 is LLaVA as it comes."""
    return int(getattr(config, POOLING_KEY, 1) or 1)


def probe_units_of(config: LlavaConfig) -> int:
    """Hidden units of the class token's probe; 0 is none."""
    return int(getattr(config, PROBE_KEY, 0) or 0)


def visual_tokens_of(config: LlavaConfig) -> int:
    """Visual tokens of one view of a picture."""
    vision: Any = config.vision_config
    side = vision.image_size // vision.patch_size
    has_class_token = config.vision_feature_select_strategy == "full"
    return int(side // pooling_of(config)) ** 2 + int(has_class_token)


class ClassTokenProbe(nn.Module):
    """A detector of two layers that only the class token goes through; its logit moves the first visual token.

    Shapes: B pictures, C channels, D hidden size of the language model. As made, it moves nothing. ``bounds`` are the
    least and the largest logit: such a network grows without end where nothing like it was in training.
    """

    direction: torch.Tensor
    bounds: torch.Tensor

    def __init__(self, channels: int, units: int, hidden_size: int) -> None:
        """Size everything."""
        super().__init__()
        self.linear_1 = nn.Linear(channels, units)
        self.linear_2 = nn.Linear(units, 1)
        self.register_buffer("direction", torch.zeros(hidden_size))
        self.register_buffer("bounds", torch.tensor([-_UNBOUNDED, _UNBOUNDED]))

    def logit(self, class_token: torch.Tensor) -> torch.Tensor:
        """(B, C) standardised to (B,); above 0 speaks for fake."""
        hidden = nn.functional.gelu(self.linear_1(class_token))
        logit: torch.Tensor = self.linear_2(hidden)[:, 0]
        return torch.maximum(torch.minimum(logit, self.bounds[1]), self.bounds[0])

    def forward(self, class_token: torch.Tensor) -> torch.Tensor:
        """(B, C) standardised to what is added to the first visual token, (B, D)."""
        return self.logit(class_token)[:, None] * self.direction


class PooledProjector(LlavaMultiModalProjector):  # type: ignore[misc]  # transformers ships no types for it
    """LLaVA's projector behind pooling and standardisation.

    Shapes: B pictures, T = 1 + side**2 tower tokens (class token first), P = 1 + (side / pooling)**2 pooled tokens,
    C tower channels times layers, D hidden size of the language model.
    """

    feature_mean: torch.Tensor
    feature_std: torch.Tensor

    def __init__(self, config: LlavaConfig) -> None:
        """Size everything by the config.

        Raises:
            ValueError: the side of the patch grid is not divisible by the pooling, or there is no class token.
        """
        super().__init__(config)
        vision: Any = config.vision_config
        self.pooling = pooling_of(config)
        self.side = vision.image_size // vision.patch_size
        if self.side % self.pooling or config.vision_feature_select_strategy != "full":
            raise ValueError(f"a {self.side} x {self.side} grid with a class token cannot be pooled by {self.pooling}")
        channels = self.linear_1.in_features
        # row 0 for the class token, row 1 for patches: their statistics have little in common
        self.register_buffer("feature_mean", torch.zeros(2, channels))
        self.register_buffer("feature_std", torch.ones(2, channels))
        units = probe_units_of(config)
        self.probe = ClassTokenProbe(channels, units, self.linear_2.out_features) if units else None

    def pool(self, features: torch.Tensor) -> torch.Tensor:
        """(B, T, C) to (B, P, C): class token, then averaged patches row by row."""
        rows, _, channels = features.shape
        grid = features[:, 1:].transpose(1, 2).reshape(rows, channels, self.side, self.side)
        pooled = nn.functional.avg_pool2d(grid, self.pooling).flatten(2).transpose(1, 2)
        return torch.cat([features[:, :1], pooled], 1)

    def forward(self, image_features: torch.Tensor) -> torch.Tensor:
        """(B, T, C) of the tower, or (B, P, C) already pooled, to (B, P, D)."""
        if image_features.shape[1] == 1 + self.side**2:
            image_features = self.pool(image_features)
        standardised = self.standardised(image_features)
        projected: torch.Tensor = super().forward(standardised)
        if self.probe is None:
            return projected
        first = projected[:, :1] + self.probe(standardised[:, 0])[:, None]
        return torch.cat([first, projected[:, 1:]], 1)

    def standardised(self, pooled: torch.Tensor) -> torch.Tensor:
        """(B, P, C) with the class token and the patches each brought to mean 0 and deviation 1."""
        class_token = (pooled[:, :1] - self.feature_mean[0]) / self.feature_std[0]
        patches = (pooled[:, 1:] - self.feature_mean[1]) / self.feature_std[1]
        return torch.cat([class_token, patches], 1)
