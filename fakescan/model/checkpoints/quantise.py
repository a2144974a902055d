"""Weights stored in few bits, and back to float32 bit for bit the same on every machine.

A quantised matrix ``name`` lies in the safetensors file under one of

``name.int8`` + ``name.scale``   int8 (rows, ...) and one float32 scale a row:  w = q * scale
``name.q8_0``                    uint8 (rows, blocks, 34): float16 d, 32 int8 q:  w = d * q
``name.q4_1``                    uint8 (rows, blocks, 20): float16 d, float16 m, 32 four-bit q:  w = d * q + m

The last two are the block layouts of the GGUF format (little endian, low nibbles first), so that base weights that
come in them are kept exactly. Anything else in the file is a plain tensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import safe_open

BLOCK = 32
Q8_0_BYTES = 2 + BLOCK
Q4_1_BYTES = 4 + BLOCK // 2


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
    return dict(dequantised(stored))
