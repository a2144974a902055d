"""A whole model as safetensors in parts, in the names of transformers' LLaVA: what ``fakescan model import`` writes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

from fakescan.errors import ReportError
from fakescan.model.checkpoints.files import INDEX, SAFETENSORS, Stored, read_weight

PART_BYTES = 2 << 30
"""Most bytes of a part: a conversion needs about twice as much memory."""

Progress = Callable[[int, int], None]
"""Told bytes done and bytes in all."""


def plan(sizes: Mapping[str, int], most: int) -> list[list[str]]:
    """Names by part, in order, so that no part is larger than ``most`` unless one tensor is."""
    parts: list[list[str]] = []
    room = 0
    for name, size in sizes.items():
        if not parts or size > room:
            parts.append([])
            room = most
        parts[-1].append(name)
        room -= size
    return parts


def write_weights(
    folder: Path,
    tensors: Mapping[str, Stored],
    dtype: torch.dtype | None,
    what: str,
    progress: Progress | None = None,
    part_bytes: int = PART_BYTES,
) -> None:
    """Read, change and write all weights, one part in memory at a time.

    Args:
        folder: where.
        tensors: by our names.
        dtype: number format; None keeps each weight's own.
        what: named in messages.
        progress: told after every part.
        part_bytes: most bytes of a part.

    Raises:
        ModelError: a weight cannot be read, or is no number.
        ReportError: there is no room for them.
    """
    widths = {name: (dtype or tensor.dtype or torch.float32).itemsize for name, tensor in tensors.items()}
    sizes = {name: tensor.values * widths[name] for name, tensor in tensors.items()}
    total, done = sum(sizes.values()), 0
    if shutil.disk_usage(folder).free < total:
        raise ReportError(f"{folder} has no room for {total / 1e9:.1f} GB of weights", "free some space")
    parts = plan(sizes, part_bytes)
    where: dict[str, str] = {}
    for number, part in enumerate(parts, 1):
        file = SAFETENSORS if len(parts) == 1 else f"model-{number:05d}-of-{len(parts):05d}.safetensors"
        save_file(_apart(part, tensors, dtype, what), folder / file, {"format": "pt"})
        where |= dict.fromkeys(part, file)
        done += sum(sizes[name] for name in part)
        if progress:
            progress(done, total)
    if len(parts) > 1:
        index = {"metadata": {"total_size": total}, "weight_map": where}
        (folder / f"{SAFETENSORS}{INDEX}").write_text(json.dumps(index, indent=1) + "\n", "utf-8")


def _apart(
    names: list[str], tensors: Mapping[str, Stored], dtype: torch.dtype | None, what: str
) -> dict[str, torch.Tensor]:
    """Read weights, each with memory of its own: a head that is the embeddings stands by itself in the file."""
    read: dict[str, torch.Tensor] = {}
    taken: set[int] = set()
    for name in names:
        tensor = read_weight(name, tensors[name], dtype, what)
        storage = tensor.untyped_storage()
        if storage.data_ptr() in taken or storage.nbytes() != tensor.nbytes:
            tensor = tensor.clone()
        taken.add(tensor.untyped_storage().data_ptr())
        read[name] = tensor
    return read
