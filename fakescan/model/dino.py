"""DINOv2's vision transformer as the authors' v2 runs it: tokens before the last norm, and the last block's attention.

transformers has a DINOv2 too, but it gives neither of the two, and interpolates the position table to a size where
the published code scales it by a factor (which moves every sampling point a little).

Shapes: B pictures, T = 1 + side**2 tokens (class token first), C width, H heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

OFFSET = 0.1
"""What the published code adds to the number of patches before it divides by the table's side."""


@dataclass(frozen=True, slots=True)
class DinoSettings:
    """Sizes of a DINOv2 tower."""

    table_side: int
    """Side of the position table, in patches (37 for the published weights: 518 px)."""
    patch_px: int
    """Side of a patch."""
    width: int
    """C."""
    blocks: int
    """How many."""
    heads: int
    """H."""
    inner: int
    """Width between the two layers of a block's MLP."""


class _Scale(nn.Module):
    """One factor a channel (DINOv2's layer scale)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return states * self.gamma


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, states: torch.Tensor, *, keep: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(B, T, C) to the same, and to (B, H, T, T) attention where it is kept."""
        rows, tokens, width = states.shape
        query, key, value = self.qkv(states).reshape(rows, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if keep:
            scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
            attention = scores.float().softmax(-1).to(states.dtype)
            mixed = attention @ value
        else:
            attention, mixed = None, functional.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).reshape(rows, tokens, width)), attention


class _Mlp(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        projected: torch.Tensor = self.fc2(functional.gelu(self.fc1(states)))
        return projected


class _Block(nn.Module):
    """Named as in the published weights."""

    def __init__(self, settings: DinoSettings) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(settings.width, eps=1e-6)
        self.attn = _Attention(settings.width, settings.heads)
        self.ls1 = _Scale(settings.width)
        self.norm2 = nn.LayerNorm(settings.width, eps=1e-6)
        self.mlp = _Mlp(settings.width, settings.inner)
        self.ls2 = _Scale(settings.width)

    def forward(self, states: torch.Tensor, *, keep: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
        mixed, attention = self.attn(self.norm1(states), keep=keep)
        states = states + self.ls1(mixed)
        return states + self.ls2(self.mlp(self.norm2(states))), attention


class DinoTower(nn.Module):
    """DINOv2 without registers, up to its last block; the final norm and the mask token have no use here."""

    def __init__(self, settings: DinoSettings) -> None:
        """Size everything by the settings.

        Raises:
            ValueError: the heads do not divide the width.
        """
        super().__init__()
        if settings.width % settings.heads:
            raise ValueError(f"{settings.heads} heads do not divide a width of {settings.width}")
        self.table_side = settings.table_side
        self.cls_token = nn.Parameter(torch.zeros(1, 1, settings.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + settings.table_side**2, settings.width))
        patch = settings.patch_px
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, settings.width, patch, patch)})
        self.blocks = nn.ModuleList(_Block(settings) for _ in range(settings.blocks))

    def positions(self, side: int) -> torch.Tensor:
        """The position table for a grid of ``side`` patches, (1, 1 + side**2, C); interpolated in float32."""
        if side == self.table_side:
            return self.pos_embed
        table = self.pos_embed.float()
        grid = table[:, 1:].reshape(1, self.table_side, self.table_side, -1).permute(0, 3, 1, 2)
        factor = (side + OFFSET) / self.table_side
        scaled = functional.interpolate(grid, scale_factor=(factor, factor), mode="bicubic", align_corners=False)
        patches = scaled.permute(0, 2, 3, 1).reshape(1, side * side, -1)
        return torch.cat([table[:, :1], patches], 1).to(self.pos_embed.dtype)

    def tokens(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """What goes into the first block, (B, T, C)."""
        patches = self.patch_embed["proj"](pixel_values)
        side = patches.shape[-1]
        flat = patches.flatten(2).transpose(1, 2)
        return torch.cat([self.cls_token.expand(len(flat), -1, -1), flat], 1) + self.positions(side)

    def forward(self, pixel_values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Square pictures (B, 3, size, size) to tokens (B, T, C) and the last block's attention (B, H, T, T)."""
        states = self.tokens(pixel_values)
        attention: torch.Tensor | None = None
        for number, block in enumerate(self.blocks):
            states, attention = block(states, keep=number == len(self.blocks) - 1)
        if attention is None:
            raise ValueError("a tower without blocks has no attention")
        return states, attention
