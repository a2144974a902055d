"""Keys and values of a fixed number of sequences, in memory that is taken once.

Shapes: R rows, K heads of keys and values, N columns (positions), H size of a head.

A row's columns are its positions: there is no padding. What lies behind a row's length is waste that the next tokens
overwrite. The first columns of every row hold the prompt's shared start, computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class CacheShape:
    """What a language model needs of a cache."""

    layers: int
    """Decoder layers."""
    heads: int
    """K."""
    head_size: int
    """H."""
    dtype: torch.dtype
    """Number format."""
    device: torch.device
    """Where it lies."""

    @property
    def bytes_per_token(self) -> int:
        """Keys and values of one position in all layers."""
        return 2 * self.layers * self.heads * self.head_size * self.dtype.itemsize


class StaticCache:
    """Memory for R sequences of at most N tokens."""

    def __init__(self, shape: CacheShape, rows: int, columns: int) -> None:
        """Take the memory.

        Raises:
            RuntimeError: there is not enough (torch's own errors).
        """
        self.shape, self.rows, self.columns = shape, rows, columns
        size = (rows, shape.heads, columns, shape.head_size)
        # Zeroed: a masked position still takes part in arithmetic, where a stray NaN would spread.
        self.keys = [torch.zeros(size, dtype=shape.dtype, device=shape.device) for _ in range(shape.layers)]
        self.values = [torch.zeros(size, dtype=shape.dtype, device=shape.device) for _ in range(shape.layers)]

    def share(self, prefix: StaticCache) -> None:
        """Put a shared prefix (one row, all of its columns) at the start of every row."""
        for own, given in zip((*self.keys, *self.values), (*prefix.keys, *prefix.values), strict=True):
            own[:, :, : prefix.columns] = given

    def grow(self, columns: int) -> None:
        """Make room for longer rows; what is there stays."""
        added = columns - self.columns
        if added <= 0:
            return
        for stored in (self.keys, self.values):
            for layer, held in enumerate(stored):
                stored[layer] = torch.cat([held, held.new_zeros(*held.shape[:2], added, held.shape[3])], 2)
        self.columns = columns

    def move(self, source: int, target: int, start: int, end: int) -> None:
        """Copy columns ``start`` to ``end`` of one row to another."""
        for stored in (*self.keys, *self.values):
            stored[target, :, start:end] = stored[source, :, start:end]

    def write(self, layer: int, rows: Sequence[int], start: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Put a piece that begins at the same column in every row.

        Args:
            layer: number of the layer.
            rows: which rows, in the order of the tensors.
            start: first column.
            keys: (len(rows), K, L, H).
            values: the same.
        """
        end = start + keys.shape[2]
        for number, row in enumerate(rows):
            self.keys[layer][row, :, start:end] = keys[number]
            self.values[layer][row, :, start:end] = values[number]


def runs(rows: Sequence[int]) -> slice | None:
    """The slice that takes exactly these rows in this order, None where they do not lie together."""
    if not rows or list(rows) != list(range(rows[0], rows[0] + len(rows))):
        return None
    return slice(rows[0], rows[0] + len(rows))
