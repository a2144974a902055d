"""Weights stored in few bits, and back to float32 bit for bit the same on every machine.

A quantised matrix ``name`` lies in the safetensors file under one of

``name.int8`` + ``name.scale``   int8 (rows, ...) and one float32 scale a row:  w = q * scale
``name.q6``                      uint8 (rows, blocks, 50): float16 d, 64 six-bit q:  w = d * (q - 32)
``name.q8_0``                    uint8 (rows, blocks, 34): float16 d, 32 int8 q:  w = d * q
``name.q4_1``                    uint8 (rows, blocks, 20): float16 d, float16 m, 32 four-bit q:  w = d * q + m

Six-bit values lie four in three bytes, the first in the lowest bits. The last two are the block layouts of the GGUF
format (little endian, low nibbles first), so that base weights that come in them are kept exactly. Anything else in the
file is a plain tensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import safe_open

BLOCK = 32
Q8_0_BYTES = 2 + BLOCK
Q4_1_BYTES = 4 + BLOCK // 2
Q6_BLOCK = 64
_Q6_ZERO = 32
_Q6_SHRINKS = 12
"""How many smaller scales are tried a block: cutting the largest weight a little often serves the others."""
_ROWS = 4096
"""Rows that are unpacked at a time."""


def quantise_rows(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Symmetric int8 with one scale a row.

    Args:
        weight: float of shape (rows, ...).

    Returns:
        int8 of the same shape and float32 scales of shape (rows,).
    """
    flat = weight.float().flatten(1)
    scale = (flat.abs().amax(1) / 127).clamp_min(torch.finfo(torch.float32).tiny)
    quantised = (flat / scale[:, None]).round().clamp(-127, 127).to(torch.int8)
    return quantised.view(weight.shape), scale


def dequantise_rows(quantised: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Float32 of an int8 matrix with one scale a row."""
    return (quantised.float().flatten(1) * scale[:, None]).view(quantised.shape)


def quantise_q6(weight: torch.Tensor) -> torch.Tensor:
    """Blocks of 64 six-bit values; each block's scale is the one, of a few, with the least squared error.

    Args:
        weight: float of shape (rows, columns), columns a multiple of 64.

    Returns:
        uint8 of shape (rows, columns / 64, 50).
    """
    blocks = weight.float().view(weight.shape[0], -1, Q6_BLOCK)
    largest = blocks.abs().amax(-1) / (_Q6_ZERO - 1)
    best = torch.full(largest.shape, torch.inf)
    scale, values = largest.half(), torch.zeros(blocks.shape, dtype=torch.int32)
    for step in range(_Q6_SHRINKS):
        tried = (largest * (1 - 0.025 * step)).half()
        safe = tried.float().clamp_min(torch.finfo(torch.float16).tiny)[..., None]
        rounded = (blocks / safe).round().clamp(-_Q6_ZERO, _Q6_ZERO - 1)
        error = (rounded * tried.float()[..., None] - blocks).square().sum(-1)
        better = error < best
        best = torch.where(better, error, best)
        scale = torch.where(better, tried, scale)
        values = torch.where(better[..., None], rounded.int() + _Q6_ZERO, values)
    quads = values.view(*values.shape[:-1], -1, 4)
    words = quads[..., 0] | quads[..., 1] << 6 | quads[..., 2] << 12 | quads[..., 3] << 18
    packed = torch.stack([words & 0xFF, words >> 8 & 0xFF, words >> 16 & 0xFF], -1).to(torch.uint8).flatten(-2)
    return torch.cat([scale.contiguous().view(torch.uint8).view(*scale.shape, 2), packed], -1)


def dequantise_q6(blocks: torch.Tensor) -> torch.Tensor:
    """Float32 of shape (rows, blocks * 64) from uint8 (rows, blocks, 50)."""
    # Row by row in parts: a table of embeddings at once would take five times its own size on the way.
    parts = [_dequantised_q6(part) for part in blocks.split(_ROWS)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _dequantised_q6(blocks: torch.Tensor) -> torch.Tensor:
    scale = blocks[..., :2].contiguous().view(torch.float16).float()
    triples = blocks[..., 2:].int().view(*blocks.shape[:-1], -1, 3)
    words = triples[..., 0] | triples[..., 1] << 8 | triples[..., 2] << 16
    values = torch.stack([words >> shift & 0x3F for shift in (0, 6, 12, 18)], -1).flatten(-2)
    return (scale * (values - _Q6_ZERO).float()).flatten(1)


def dequantise_q8_0(blocks: torch.Tensor) -> torch.Tensor:
    """Float32 of shape (rows, blocks * 32) from uint8 (rows, blocks, 34)."""
    scale = blocks[..., :2].contiguous().view(torch.float16).float()
    return (scale * blocks[..., 2:].contiguous().view(torch.int8).float()).flatten(1)


def dequantise_q4_1(blocks: torch.Tensor) -> torch.Tensor:
    """Float32 of shape (rows, blocks * 32) from uint8 (rows, blocks, 20)."""
    scale = blocks[..., 0:2].contiguous().view(torch.float16).float()
    minimum = blocks[..., 2:4].contiguous().view(torch.float16).float()
    nibbles = blocks[..., 4:]
    values = torch.cat([nibbles & 0x0F, nibbles >> 4], -1).float()
    return (scale * values + minimum).flatten(1)


def dequantised(tensors: Mapping[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    """Name and float tensor of every weight of a file; plain tensors pass unchanged."""
    for key, tensor in tensors.items():
        name, _, kind = key.rpartition(".")
        if kind == "int8":
            yield name, dequantise_rows(tensor, tensors[f"{name}.scale"])
        elif kind == "q6":
            yield name, dequantise_q6(tensor)
        elif kind == "q8_0":
            yield name, dequantise_q8_0(tensor)
        elif kind == "q4_1":
            yield name, dequantise_q4_1(tensor)
        elif not (kind == "scale" and f"{name}.int8" in tensors):
            yield key, tensor


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """All weights of a safetensors file by name, quantised ones as float32.

    Raises:
        OSError: the file cannot be read.
        safetensors.SafetensorError: the file is truncated or not a safetensors file.
    """
    with safe_open(path, framework="pt") as file:
        stored = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (safe_open is no mapping)
    # A tensor that is taken over as it is would keep the whole file mapped, for as long as the model lives.
    return {name: tensor.clone() if name in stored else tensor for name, tensor in dequantised(stored)}
