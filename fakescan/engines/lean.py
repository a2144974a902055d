"""A Llama-style language model's forward pass over a fixed cache: the weights of transformers' modules, without them.

Shapes: B rows, L new positions, N positions in all, D hidden size, Q and K heads of queries and of keys and values, H
size of a head, V vocabulary entries.

What it saves against transformers' own: queries, keys and values come from one product, gate and up projection from
another; the rotary table is computed once; heads that share keys are laid along the query axis, so that keys are never
repeated; a pass of which only the last position is read computes only that one in the last layer; keys and values go
into a cache that never grows. Greedy texts and scores are those of transformers' modules up to float noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import LlamaModel

from fakescan.engines.cache import CacheShape, StaticCache, runs
from fakescan.engines.device import Placement
from fakescan.engines.linears import merged, quickest

_FIXED_ROTARY = ("default", "linear", "llama3", "yarn")
"""Kinds of rotary positions whose frequencies do not depend on the length of the text."""


def runs_lean(language_model: Any) -> bool:
    """Whether this forward pass is that of a language model of transformers."""
    if type(language_model) is not LlamaModel:
        return False
    rope = getattr(language_model.config, "rope_parameters", None) or {}
    return rope.get("rope_type", "default") in _FIXED_ROTARY


@dataclass(frozen=True, slots=True)
class _Layer:
    """One decoder layer's weights."""

    norm_attention: torch.Tensor
    norm_feed: torch.Tensor
    attend: nn.Module
    """D to (Q + 2 K) * H."""
    merge: nn.Module
    gate_up: nn.Module
    """D to twice the inner size."""
    down: nn.Module


@dataclass(frozen=True, slots=True)
class Piece:
    """New tokens of some rows that have a past."""

    rows: slice | torch.Tensor
    """Rows of the cache; a slice where they lie together, since a view costs nothing and a gathered copy much."""
    places: torch.Tensor
    """The same as numbers, (B,)."""
    starts: torch.Tensor
    """Column of each row's first new token, (B,)."""
    columns: int
    """How many columns of the cache are looked at; at least the largest start plus L."""


def piece_of(rows: Sequence[int], starts: Sequence[int], columns: int, device: torch.device) -> Piece:
    """New tokens of rows given by number.

    Args:
        rows: B rows of the cache.
        starts: column of each row's first new token.
        columns: how many columns are looked at.
        device: where the cache lies.
    """
    places = torch.tensor(list(rows), device=device)
    return Piece(runs(rows) or places, places, torch.tensor(list(starts), device=device), columns)


class LeanDecoder:
    """The language model of a LLaVA; takes its weights over, so that transformers' modules are of no use afterwards."""

    def __init__(self, llava: Any, placement: Placement, classes: tuple[int, int]) -> None:
        """Merge and lay out the weights, layer by layer.

        Args:
            llava: in the placement's dtype; all but the layers of its language model on the device.
            placement: device and format.
            classes: token ids of "real" and "fake", whose rows of the head stay float in any case.
        """
        model = llava.model.language_model
        config = model.config
        self.placement = placement
        self.queries, self.heads = config.num_attention_heads, config.num_key_value_heads
        self.head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self.epsilon, self.hidden = float(config.rms_norm_eps), int(config.hidden_size)
        self.embeddings, self.norm = model.embed_tokens, model.norm.weight
        self.activation: Callable[[torch.Tensor], torch.Tensor] = model.layers[0].mlp.act_fn
        self.layers: list[_Layer] = []
        for number in range(len(model.layers)):
            self.layers.append(_taken(model.layers[number].to(placement.device), placement))
            model.layers[number] = nn.Identity()  # its weights live on in the merged ones
        self.class_rows = llava.lm_head.weight[list(classes)].detach().clone()
        self.vocabulary = llava.lm_head.weight.shape[0]
        # Small beside the layers, and where text is chosen: libraries leave it in float, too.
        self.head = quickest(llava.lm_head, placement, quantised=placement.dynamic_int8)
        if self.head is not llava.lm_head:
            llava.lm_head = nn.Identity()
        self._rotary = model.rotary_emb
        self._cosine = self._sine = torch.empty(0)

    def shape(self) -> CacheShape:
        """What a cache must hold."""
        return CacheShape(
            len(self.layers), self.heads, self.head_size, self.placement.dtype, self.placement.device
        )  # fmt: skip

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """(...) token ids to (..., D)."""
        embedded: torch.Tensor = self.embeddings(ids)
        return embedded

    def pair(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of real and fake as the next token, (B, D) to float32 (B, 2)."""
        found: torch.Tensor = hidden.to(self.class_rows.dtype) @ self.class_rows.T
        return found.float()

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of the next token, (B, D) to float32 (B, V)."""
        found: torch.Tensor = self.head(hidden)
        return found.float()

    def reach(self, columns: int) -> None:
        """Compute the rotary table for so many positions, once."""
        if len(self._cosine) >= columns:
            return
        positions = torch.arange(columns, device=self.placement.device)[None]
        cosine, sine = self._rotary(torch.empty(0, dtype=self.placement.dtype, device=self.placement.device), positions)
        half = self.head_size // 2
        # Turning is x * cos + (-x2, x1) * sin: with the sign in the table, the second factor is x rolled by half.
        self._cosine, self._sine = cosine[0], torch.cat([-sine[0][:, :half], sine[0][:, half:]], -1)

    def begin(
        self, embedded: torch.Tensor, prefix: StaticCache | None, cache: StaticCache | None, rows: Sequence[int]
    ) -> torch.Tensor:
        """A first pass: rows whose past is nothing but the shared prefix.

        Args:
            embedded: (B, L, D).
            prefix: keys and values of the shared prefix in one row, all of its columns; None: there is no prefix.
            cache: takes the new keys and values, behind the prefix; None: nobody needs them.
            rows: B rows of the cache.

        Returns:
            Hidden states of the last position, normalised, (B, D).
        """
        start, length = prefix.columns if prefix else 0, embedded.shape[1]
        positions = torch.arange(start, start + length, device=embedded.device)[None]
        states, last = embedded, len(self.layers) - 1
        for number, layer in enumerate(self.layers):
            query, key, value = self._projected(layer, states, positions)
            if cache is not None:
                cache.write(number, rows, start, key, value)
            if prefix is not None:
                key = torch.cat([prefix.keys[number].expand(len(key), -1, -1, -1), key], 2)
                value = torch.cat([prefix.values[number].expand(len(value), -1, -1, -1), value], 2)
            if number == last:  # nobody reads the other positions
                states, query = states[:, -1:], query[:, :, -1:]
                mixed = self._attend(query, key, value, None)
            else:
                # Empty queries before the first make the causal square complete; they cost next to nothing.
                whole = functional.pad(query, (0, 0, start, 0)) if start else query
                mixed = functional.scaled_dot_product_attention(
                    whole, key, value, is_causal=True, enable_gqa=self.heads != self.queries
                )[:, :, start:]
            states = self._fed(layer, states + self._merged(layer, mixed))
        return self._normed(states[:, -1], self.norm)

    def extend(self, embedded: torch.Tensor, cache: StaticCache, piece: Piece) -> torch.Tensor:
        """A pass over new tokens of rows that have a past, each row from its own column on.

        Args:
            embedded: (B, L, D); shorter pieces are filled up on the right, and what comes of the filling is waste.
            cache: the new columns are written.
            piece: which rows, and where they stand.

        Returns:
            Hidden states of every position, normalised, (B, L, D).
        """
        length = embedded.shape[1]
        offsets = torch.arange(length, device=embedded.device)
        positions = piece.starts[:, None] + offsets  # (B, L)
        seen = torch.arange(piece.columns, device=embedded.device) <= positions[:, :, None]  # (B, L, N)
        mask = torch.zeros(seen.shape, dtype=embedded.dtype, device=embedded.device).masked_fill_(~seen, -torch.inf)
        shared = self.queries // self.heads
        mask = mask[:, None] if length == 1 else mask[:, None].repeat(1, 1, shared, 1)  # (B, 1, 1 or shared * L, N)
        places = piece.places[:, None]
        states = embedded
        for number, layer in enumerate(self.layers):
            query, key, value = self._projected(layer, states, positions)
            cache.keys[number][places, :, positions] = key.transpose(1, 2)
            cache.values[number][places, :, positions] = value.transpose(1, 2)
            mixed = self._attend(
                query, cache.keys[number][piece.rows, :, : piece.columns],
                cache.values[number][piece.rows, :, : piece.columns], mask,
            )  # fmt: skip
            states = self._fed(layer, states + self._merged(layer, mixed))
        return self._normed(states, self.norm)

    def _attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """(B, Q, L, H) over (B, K, N, H), heads that share keys laid along L; the same shape as the query."""
        rows, _, length, size = query.shape
        laid = query.reshape(rows, self.heads, -1, size)
        mixed = functional.scaled_dot_product_attention(laid, key, value, attn_mask=mask)
        return mixed.reshape(rows, self.queries, length, size)

    def _projected(
        self, layer: _Layer, states: torch.Tensor, positions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Queries (B, Q, L, H), keys and values (B, K, L, H); queries and keys turned by their positions."""
        rows, length, _ = states.shape
        projected = layer.attend(self._normed(states, layer.norm_attention)).view(rows, length, -1, self.head_size)
        turned = projected[:, :, : self.queries + self.heads]
        cosine, sine = self._cosine[positions][:, :, None], self._sine[positions][:, :, None]
        turned = torch.addcmul(turned * cosine, turned.roll(self.head_size // 2, -1), sine)
        query, key = turned[:, :, : self.queries], turned[:, :, self.queries :]
        value = projected[:, :, self.queries + self.heads :]
        return query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)

    def _merged(self, layer: _Layer, mixed: torch.Tensor) -> torch.Tensor:
        merged_: torch.Tensor = layer.merge(mixed.transpose(1, 2).flatten(2))
        return merged_

    def _fed(self, layer: _Layer, states: torch.Tensor) -> torch.Tensor:
        gate, up = layer.gate_up(self._normed(states, layer.norm_feed)).chunk(2, -1)
        fed: torch.Tensor = states + layer.down(self.activation(gate) * up)
        return fed

    def _normed(self, states: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(states, (self.hidden,), weight, self.epsilon)


def _taken(layer: Any, placement: Placement) -> _Layer:
    attention, feed = layer.self_attn, layer.mlp
    return _Layer(
        layer.input_layernorm.weight.detach(), layer.post_attention_layernorm.weight.detach(),
        quickest(merged([attention.q_proj, attention.k_proj, attention.v_proj]), placement),
        quickest(attention.o_proj, placement),
        quickest(merged([feed.gate_proj, feed.up_proj]), placement),
        quickest(feed.down_proj, placement),
    )  # fmt: skip
