"""The authors' v2: CLIP asks, DINOv2 answers, and DINOv2's own attention says where to look (forgery-aware fusion).

It sits in a LLaVA where tower and projector sit, so that engines and trainer need not know of it: the tower gives all
that is frozen as one tensor, the projector does all that is trained.

Shapes: B pictures, P patches, C1 and C2 channels of CLIP and DINOv2, H heads, D hidden size of the language model.
Source: the published code's forward pass (facts, no code), as the notes of its numbers state them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import LlavaConfig, LlavaForConditionalGeneration

from fakescan.model.dino import DinoSettings, DinoTower

FUSION_KEY = "fakescan_fusion"
"""Where a config holds the fusion's sizes."""
FLOOR = 1e-6
"""Added to DINOv2's attention before its logarithm, and to the variance in both norms."""


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """Sizes that a LLaVA's config has no words for."""

    dino: DinoSettings
    """The second tower."""
    heads: int
    """Of the fusion; DINOv2 has as many, since its attention of head h biases the fusion's head h."""
    inner: int
    """Width of the feed-forward layers."""
    bias_inner: int
    """Channels between the two layers that mix DINOv2's heads."""
    dropout: float = 0.1
    """In training only."""
    untrained: bool = False
    """Whether the fusion is freshly initialised: good to train from, not to judge with."""


def fusion_of(config: LlavaConfig) -> FusionSettings | None:
    """The fusion of a config, None for a plain LLaVA.

    Raises:
        ValueError: it is malformed.
    """
    data = getattr(config, FUSION_KEY, None)
    if data is None:
        return None
    try:
        dino = DinoSettings(**{name: _size(value) for name, value in data["dino"].items()})
        sizes = {name: _size(data[name]) for name in ("heads", "inner", "bias_inner")}
        dropout, untrained = float(data.get("dropout", 0.1)), data.get("untrained", False)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the fusion's sizes are malformed: {error}") from error
    if dino.heads != sizes["heads"] or not 0 <= dropout < 1 or not isinstance(untrained, bool):
        raise ValueError("the fusion's sizes contradict each other")
    if config.vision_feature_select_strategy != "default" or not isinstance(config.vision_feature_layer, int):
        raise ValueError("a fusion takes the patches of one layer")
    return FusionSettings(dino, **sizes, dropout=dropout, untrained=untrained)


def _size(value: object) -> int:
    if not isinstance(value, int) or not 1 <= value <= 1 << 17:
        raise ValueError(f"the fusion's sizes are malformed: {value!r}")
    return value


def fusion_to_dict(settings: FusionSettings) -> dict[str, Any]:
    """What a config holds under ``FUSION_KEY``."""
    return asdict(settings)


class DualTower(nn.Module):
    """Both frozen towers over the same pixels."""

    def __init__(self, clip: nn.Module, settings: FusionSettings) -> None:
        """Join LLaVA's own tower and a DINOv2."""
        super().__init__()
        self.clip = clip
        self.dino = DinoTower(settings.dino)

    def clip_features(self, pixel_values: torch.Tensor, layer: int) -> torch.Tensor:
        """CLIP's hidden states of a layer, without the class token, (B, P, C1)."""
        outputs = self.clip(pixel_values, output_hidden_states=True, return_dict=True)
        features: torch.Tensor = outputs.hidden_states[layer][:, 1:]
        return features

    def forward(self, pixel_values: torch.Tensor, layer: int) -> torch.Tensor:
        """All that the projector needs of a picture, patch by patch, as channels side by side.

        Args:
            pixel_values: (B, 3, size, size), normalised for CLIP; DINOv2 gets the same.
            layer: of CLIP.

        Returns:
            (B, P, C1 + C2 + H * P): CLIP, DINOv2, and each patch's attention to all patches, head by head.
        """
        tokens, attention = self.dino(pixel_values)
        rows, heads, _, _ = attention.shape
        # Without the class token, and not normalised again: what the class token drew away stays away.
        between = attention[:, :, 1:, 1:].transpose(1, 2)
        flat = between.reshape(rows, between.shape[1], heads * between.shape[1])
        return torch.cat([self.clip_features(pixel_values, layer), tokens[:, 1:], flat], -1)


class TwoLayers(nn.Module):
    """LLaVA's projector ("mlp2x_gelu"), for a tower of any width."""

    def __init__(self, channels: int, hidden: int) -> None:
        """C to D."""
        super().__init__()
        self.linear_1 = nn.Linear(channels, hidden)
        self.linear_2 = nn.Linear(hidden, hidden)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, P, C) to (B, P, D)."""
        projected: torch.Tensor = self.linear_2(functional.gelu(self.linear_1(features)))
        return projected


class ForgeryFusion(nn.Module):
    """One layer of cross-attention with a bias, each half followed by its norm."""

    def __init__(self, hidden: int, settings: FusionSettings) -> None:
        """Size everything.

        Raises:
            ValueError: the heads do not divide the hidden size.
        """
        super().__init__()
        if hidden % settings.heads:
            raise ValueError(f"{settings.heads} heads do not divide a hidden size of {hidden}")
        self.heads, self.dropout = settings.heads, settings.dropout
        self.query, self.key, self.value, self.merge = (nn.Linear(hidden, hidden) for _ in range(4))
        self.bias_in = nn.Conv2d(settings.heads, settings.bias_inner, 1)
        self.bias_out = nn.Conv2d(settings.bias_inner, settings.heads, 1)
        self.norm_attention = nn.LayerNorm(hidden, eps=FLOOR)
        self.norm_feed = nn.LayerNorm(hidden, eps=FLOOR)
        self.feed_in = nn.Linear(hidden, settings.inner)
        self.feed_out = nn.Linear(settings.inner, hidden)

    def bias(self, attention: torch.Tensor) -> torch.Tensor:
        """DINOv2's attention between patches, (B, H, P, P), as a bias of the same shape."""
        logarithm = (attention.float() + FLOOR).log().to(self.bias_in.weight.dtype)
        biased: torch.Tensor = self.bias_out(functional.gelu(self.bias_in(logarithm)))
        return biased

    def attend(self, clip: torch.Tensor, dino: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """CLIP's patches ask DINOv2's; (B, P, D), (B, P, D) and (B, H, P, P) to (B, P, D)."""
        query, key, value = (
            layer(states).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, states in ((self.query, clip), (self.key, dino), (self.value, dino))
        )
        dropped = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias, dropout_p=dropped)
        merged: torch.Tensor = self.merge(mixed.transpose(1, 2).flatten(2))
        return merged

    def feed(self, states: torch.Tensor) -> torch.Tensor:
        """The feed-forward half before its residual."""
        inner = functional.dropout(functional.relu(self.feed_in(states)), self.dropout, self.training)
        fed: torch.Tensor = self.feed_out(inner)
        return fed

    def forward(self, clip: torch.Tensor, dino: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
        """Visual tokens (B, P, D) from both projected towers and the attention between patches (B, H, P, P)."""
        mixed = self.attend(clip, dino, self.bias(attention))
        states = self.norm_attention(clip + functional.dropout(mixed, self.dropout, self.training))
        fused: torch.Tensor = self.norm_feed(
            states + functional.dropout(self.feed(states), self.dropout, self.training)
        )
        return fused


class FusionProjector(nn.Module):
    """Everything of v2 between the frozen towers and the language model."""

    def __init__(self, clip_channels: int, hidden: int, settings: FusionSettings) -> None:
        """C1, D, and the rest."""
        super().__init__()
        self.channels = (clip_channels, settings.dino.width)
        self.clip = TwoLayers(clip_channels, hidden)
        self.dino = TwoLayers(settings.dino.width, hidden)
        self.fusion = ForgeryFusion(hidden, settings)

    def parts(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What ``DualTower`` laid side by side: (B, P, C1), (B, P, C2), (B, H, P, P)."""
        clip, dino, flat = features.split([*self.channels, features.shape[-1] - sum(self.channels)], -1)
        return clip, dino, flat.unflatten(-1, (self.fusion.heads, -1)).transpose(1, 2)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, P, C1 + C2 + H * P) to (B, P, D)."""
        clip, dino, attention = self.parts(features)
        fused: torch.Tensor = self.fusion(self.clip(clip), self.dino(dino), attention)
        return fused


def make_dual(model: LlavaForConditionalGeneration, settings: FusionSettings) -> None:
    """Put the second tower and the fusion into a LLaVA, in place.

    Raises:
        ValueError: the sizes do not go together.
    """
    vision: Any = model.config.vision_config
    side = vision.image_size // vision.patch_size
    if vision.image_size // settings.dino.patch_px != side:
        raise ValueError("both towers must cut a picture into the same patches")
    model.model.vision_tower = DualTower(model.model.vision_tower, settings)
    hidden = model.config.text_config.hidden_size
    model.model.multi_modal_projector = FusionProjector(vision.hidden_size, hidden, settings)


def dino_sizes(shapes: Mapping[str, tuple[int, ...]], heads: int) -> DinoSettings:
    """Sizes of a DINOv2 by the shapes of its weights.

    Args:
        shapes: by the published names.
        heads: which no shape tells.

    Raises:
        KeyError: a weight is missing.
        ValueError: the position table is no square, or a weight has another number of dimensions.
    """
    _, positions, width = shapes["pos_embed"]
    side = round((positions - 1) ** 0.5)
    if 1 + side * side != positions:
        raise ValueError(f"a position table of {positions} entries is no square with a class token")
    blocks = {name.split(".")[1] for name in shapes if name.startswith("blocks.")}
    patch, inner = shapes["patch_embed.proj.weight"], shapes["blocks.0.mlp.fc1.weight"]
    if len(patch) != 4 or len(inner) != 2:
        raise ValueError("the weights of the second tower have unknown shapes")
    return DinoSettings(side, patch[-1], width, len(blocks), heads, inner[0])
