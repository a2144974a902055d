"""Files that weights lie in, opened so that no file can do harm: safetensors, or torch's own kind without its objects.

Nothing of a tensor is read before its shape was compared with what the model needs, and then one tensor at a time, so
that a model of 28 GB is converted in a few GB of memory.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from fakescan.errors import ModelError
from fakescan.model.checkpoints.marks import AGAIN, one_line_reason, read_json

INDEX = ".index.json"
SAFETENSORS = "model.safetensors"
_STEMS = ("model.safetensors", "pytorch_model.bin", "adapter_model.safetensors", "adapter_model.bin")
_TORCH_SUFFIXES = (".bin", ".pth", ".pt")
_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file."""

    shape: tuple[int, ...]
    """Its shape."""
    dtype: torch.dtype | None
    """Its number format; None for one that no weight has (whole numbers, for example)."""
    read: Callable[[], torch.Tensor]
    """Reads it."""

    @property
    def values(self) -> int:
        """How many numbers it has."""
        return int(torch.Size(self.shape).numel())


def weight_files(place: Path, *, torch_too: bool = True) -> list[Path]:
    """The files that a model's weights lie in.

    Args:
        place: one file, or a folder that holds one, or parts and their index, under the usual names.
        torch_too: whether torch's own kind of file is taken where there is no safetensors.

    Raises:
        ModelError: there is none, one of the parts is missing, or the index names something outside of the folder.
    """
    if place.is_file():
        return [place]
    stems = [stem for stem in _STEMS if torch_too or stem.endswith(".safetensors")]
    for stem in stems:
        if (place / f"{stem}{INDEX}").is_file():
            return _indexed(place, place / f"{stem}{INDEX}")
        if (place / stem).is_file():
            return [place / stem]
    raise ModelError(f"{place} holds no weights: none of {', '.join(stems)}, and no index of parts", AGAIN)


def _indexed(folder: Path, index: Path) -> list[Path]:
    parts = read_json(index).get("weight_map")
    if not isinstance(parts, dict) or not parts or not all(isinstance(name, str) for name in parts.values()):
        raise ModelError(f"{index} is damaged: it maps no weights to files", AGAIN)
    names = sorted(set(parts.values()))
    for name in names:
        if not name or name in (".", "..") or set(name) & set("/\\:\0"):
            raise ModelError(f"{index} names {name[:80]!r}, which is no file of this folder", "do not trust this model")
        if not (folder / name).is_file():
            raise ModelError(f"{folder / name} is missing", AGAIN)
    return [folder / name for name in names]


def open_weights(place: Path, *, torch_too: bool = True) -> dict[str, Stored]:
    """All tensors of a file, or of a folder with a model's weights, by name; nothing of them is read yet.

    Args:
        place: as for ``weight_files``.
        torch_too: the same.

    Raises:
        ModelError: something is missing, damaged, not weights, or there twice.
    """
    found: dict[str, Stored] = {}
    for path in weight_files(place, torch_too=torch_too):
        for name, stored in _in_file(path):
            if name in found:
                raise ModelError(f"{path} is damaged: {name[:80]} is in two files", AGAIN)
            found[name] = stored
    return found


def _in_file(path: Path) -> Iterator[tuple[str, Stored]]:
    try:
        if path.suffix == ".safetensors":
            yield from _in_safetensors(path)
        elif path.suffix in _TORCH_SUFFIXES:
            yield from _in_torch(path)
        else:
            raise ValueError("it is neither .safetensors nor one of torch's (.bin, .pth, .pt)")
    except ModelError:
        raise
    except Exception as error:  # damaged files raise whatever their readers like
        raise ModelError(f"{path} cannot be read: {one_line_reason(error)}", AGAIN) from error


def _in_safetensors(path: Path) -> Iterator[tuple[str, Stored]]:
    file: Any = safe_open(path, framework="pt")  # kept open by the readers below; checks header, offsets and length
    for name in file.keys():  # noqa: SIM118  (safe_open is no mapping)
        part = file.get_slice(name)
        yield name, Stored(tuple(part.get_shape()), _DTYPES.get(part.get_dtype()), partial(file.get_tensor, name))


def _in_torch(path: Path) -> Iterator[tuple[str, Stored]]:
    """Torch's zip form, plain tensors only. Its older form is one pickle after the other, of unbounded sizes."""
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no zip as torch writes it since version 1.6; save it anew as safetensors")
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("it is compressed, which torch never does")
    loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    if not isinstance(loaded, dict):
        raise TypeError("it holds no tensors by name")
    for name, tensor in loaded.items():
        if not isinstance(name, str) or type(tensor) not in (torch.Tensor, torch.nn.Parameter):
            raise TypeError(f"{str(name)[:80]} is no plain tensor")
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            raise TypeError(f"{name[:80]} is no plain tensor")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise ValueError(f"{name[:80]} claims more numbers than the file holds")
        dtype = tensor.dtype if tensor.dtype in _DTYPES.values() else None
        yield name, Stored(tuple(tensor.shape), dtype, tensor.detach)


def check_against(tensors: Mapping[str, Stored], wanted: Mapping[str, torch.Tensor], what: str) -> None:
    """Compare names and shapes with those of a model, before anything is read.

    Args:
        tensors: what there is.
        wanted: the model's own, of which only shapes are looked at.
        what: named in the message.

    Raises:
        ModelError: a weight is missing, has no place, or has another shape or kind.
    """
    for name in wanted:
        if name not in tensors:
            raise ModelError(f"{what} is incomplete: {name} is missing", AGAIN)
    for name, stored in tensors.items():
        if name not in wanted:
            raise ModelError(f"{what} does not fit its config: {name[:120]} has no place", AGAIN)
        if stored.shape != tuple(wanted[name].shape):
            raise ModelError(
                f"{what} does not fit its config: {name} has shape {list(stored.shape)[:8]}, "
                f"not {list(wanted[name].shape)}",
                AGAIN,
            )
        if stored.dtype is None:
            raise ModelError(f"{what} is damaged: {name} does not hold floating-point numbers", AGAIN)


def read_weight(name: str, stored: Stored, dtype: torch.dtype | None, what: str) -> torch.Tensor:
    """Read one tensor.

    Args:
        name: for the message.
        stored: where it is.
        dtype: number format wanted; None keeps the file's.
        what: named in the message.

    Raises:
        ModelError: it cannot be read, or holds what is no number.
    """
    try:
        tensor = stored.read()
        tensor = tensor.to(dtype or tensor.dtype, copy=False).contiguous()
    except Exception as error:  # a file that was truncated after it was opened, no memory, and the like
        raise ModelError(f"{what} cannot be read: {name}: {one_line_reason(error)}", AGAIN) from error
    if not bool(tensor.isfinite().all()):
        raise ModelError(f"{what} is damaged: {name} holds what is no number", AGAIN)
    return tensor
