"""How many sequences fit: the memory model behind ``--batch-size auto``.

It need not be right to the byte: an engine makes do with less when memory runs out all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import psutil
import torch

from fakescan.engines.cache import CacheShape

_SHARE = 0.8
"""Of the free memory that is counted on: allocators round up, and others live here too."""
_MOST = {"cpu": 8, "mps": 8, "cuda": 64}
"""Beyond these, more rows bring next to nothing (on a CPU 16 rows gave 6 % over 8)."""
_TOKENS_AT_ONCE = {"cpu": 1024, "mps": 2048, "cuda": 16384}
"""Prompt tokens in one pass: on a CPU what its caches hold, elsewhere what fills the device."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a model needs beside its weights."""

    cache: CacheShape
    """Keys and values."""
    columns: int
    """Longest sequence in tokens."""
    prompt: int
    """Tokens of the first pass of a picture."""
    width: int
    """Numbers a token that a layer holds at once: states, projections, feed-forward."""
    vocabulary: int
    """V."""

    @property
    def row_bytes(self) -> int:
        """Of one sequence while it is written: its cache and its logits in float32, twice."""
        return self.cache.bytes_per_token * self.columns + 8 * self.vocabulary

    @property
    def prompt_bytes(self) -> int:
        """Of the first pass of one picture, without its cache."""
        return self.prompt * self.width * max(2, self.cache.dtype.itemsize) * 2


def free_bytes(device: torch.device) -> int:
    """Memory that a device has to give now, in bytes."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + held)
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return int(psutil.virtual_memory().available)


def rows_that_fit(need: Need, free: int, device_type: str) -> int:
    """Sequences that can be written at once, at least 1.

    Args:
        need: of the model.
        free: bytes that the device has to give.
        device_type: cpu, mps or cuda.
    """
    left = int(free * _SHARE) - need.prompt_bytes * prompts_at_once(need.prompt, device_type)
    return max(1, min(_MOST.get(device_type, 8), left // need.row_bytes))


def prompts_at_once(prompt: int, device_type: str) -> int:
    """Pictures that go through their first pass together, at least 1.

    Args:
        prompt: its tokens.
        device_type: cpu, mps or cuda.
    """
    return max(1, _TOKENS_AT_ONCE.get(device_type, 2048) // prompt)
