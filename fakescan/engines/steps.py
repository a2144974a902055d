"""One decoding step over the first rows of a cache; on a CUDA device replayed from graphs.

A step of a 13B model in bfloat16 is some hundred small kernels; launching them one by one takes longer than running
them. A graph has fixed shapes, so rows and columns are rounded up to a few sizes; rows behind the active ones get a
token at the cache's last column, which nobody reads.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from fakescan.engines.cache import StaticCache
from fakescan.engines.lean import LeanDecoder, Piece, piece_of

_COLUMN_STEP = 256
"""Columns of a graph are a multiple of this."""
_WARM_UPS = 2
"""Runs before a graph is recorded, so that libraries have set themselves up."""

logger = logging.getLogger(__name__)


def graph_size(rows: int, columns: int, all_rows: int, all_columns: int) -> tuple[int, int]:
    """The size of the graph that serves a step: a power of two of rows, a multiple of ``_COLUMN_STEP`` of columns.

    Args:
        rows: active ones.
        columns: that are looked at.
        all_rows: of the cache.
        all_columns: of the cache.
    """
    wide = -(-columns // _COLUMN_STEP) * _COLUMN_STEP
    return min(1 << (rows - 1).bit_length(), all_rows), min(wide, all_columns)


@dataclass(frozen=True, slots=True)
class _Graph:
    """A recorded step with its inputs and its output."""

    graph: Any
    ids: torch.Tensor
    starts: torch.Tensor
    hidden: torch.Tensor


class DecodeStep:
    """Appends one token to each of the first rows."""

    def __init__(self, decoder: LeanDecoder, cache: StaticCache) -> None:
        """Nothing is recorded before it is needed."""
        self._decoder, self._cache = decoder, cache
        self._graphs: dict[tuple[int, int], _Graph] = {}
        self.graphed = decoder.placement.device.type == "cuda"
        """Whether steps are replayed; falls to False when recording fails."""

    def __call__(self, tokens: Sequence[int], starts: Sequence[int]) -> torch.Tensor:
        """One step.

        Args:
            tokens: of rows 0 to B - 1.
            starts: their columns.

        Returns:
            Hidden states, normalised, (B, D).
        """
        rows, columns = len(tokens), max(starts) + 1
        if self.graphed:
            size = graph_size(rows, columns, self._cache.rows, self._cache.columns)
            graph = self._graphs.get(size) or self._recorded(size)
            if graph is not None:
                return self._replayed(graph, tokens, starts)
        device = self._decoder.placement.device
        ids = torch.tensor([[token] for token in tokens], device=device)
        piece = piece_of(range(rows), starts, columns, device)
        return self._decoder.extend(self._decoder.embed(ids), self._cache, piece)[:, 0]

    def _replayed(self, graph: _Graph, tokens: Sequence[int], starts: Sequence[int]) -> torch.Tensor:
        spare = len(graph.ids) - len(tokens)
        graph.ids.copy_(torch.tensor([[token] for token in [*tokens, *[0] * spare]]))
        graph.starts.copy_(torch.tensor([*starts, *[self._cache.columns - 1] * spare]))
        graph.graph.replay()
        return graph.hidden[: len(tokens)].clone()

    def _recorded(self, size: tuple[int, int]) -> _Graph | None:
        rows, columns = size
        device = self._decoder.placement.device
        ids = torch.zeros(rows, 1, dtype=torch.long, device=device)
        # The last column of every row: recording must not disturb what the others hold.
        starts = torch.full((rows,), self._cache.columns - 1, dtype=torch.long, device=device)
        piece = Piece(slice(0, rows), torch.arange(rows, device=device), starts, columns)

        def step() -> torch.Tensor:
            return self._decoder.extend(self._decoder.embed(ids), self._cache, piece)[:, 0]

        try:
            side = torch.cuda.Stream(device)
            side.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(side):
                for _ in range(_WARM_UPS):
                    step()
            torch.cuda.current_stream(device).wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                hidden = step()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:  # a kernel that cannot be recorded: slower, not wrong
            logger.warning("decoding steps are not replayed from CUDA graphs: %s", error)
            self.graphed = False
            return None
        self._graphs[size] = _Graph(graph, ids, starts, hidden)
        return self._graphs[size]
