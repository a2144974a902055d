"""Low-rank adapters as peft saves them, folded into the weights one tensor at a time.

peft itself would need the whole model in memory, in float32 for the same result; here each weight is read, changed and
handed on. The update is B A times alpha / r (with rank-stabilised adapters alpha / sqrt(r)), computed in float32.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from fakescan.errors import ModelError
from fakescan.model.checkpoints.files import Stored, open_weights
from fakescan.model.checkpoints.marks import ADAPTER_CONFIG, read_json

BESIDE = "non_lora_trainables.bin"
"""What LLaVA's training code saves beside the adapters: modules that were trained as a whole."""

_PREFIX = "base_model.model."
_LORA = re.compile(r"(.*)\.lora_([AB])(?:\.default)?\.weight")
_HINT = "merge it with the program that made it, then import the merged model"
_MAX_RANK = 1 << 14


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter folder, opened."""

    pairs: Mapping[str, tuple[Stored, Stored]]
    """A and B by the name of the weight that they change, as the base's layout calls it."""
    whole: Mapping[str, Stored]
    """Weights that replace the base's or are new, by the same."""
    alpha: float
    """Scaling, before it is divided by the rank."""
    stabilised: bool
    """Whether it is divided by the root of the rank instead."""
    base_name: str
    """What the adapter says it was trained on."""


def read_adapter(folder: Path) -> Adapter:
    """Open an adapter folder.

    Raises:
        ModelError: it is damaged, incomplete, or of a kind that cannot be folded in.
    """
    config = read_json(folder / ADAPTER_CONFIG)
    _refuse(config, folder)
    alpha = config.get("lora_alpha")
    if not isinstance(alpha, int | float) or isinstance(alpha, bool) or not math.isfinite(alpha):
        raise ModelError(f"{folder / ADAPTER_CONFIG} is damaged: lora_alpha is {alpha!r:.40}", _HINT)
    halves: dict[str, dict[str, Stored]] = {}
    whole: dict[str, Stored] = {}
    for name, stored in open_weights(folder).items():
        plain = name.removeprefix(_PREFIX)
        if match := _LORA.fullmatch(plain):
            halves.setdefault(f"{match[1]}.weight", {})[match[2]] = stored
        elif "lora_" in plain:
            raise ModelError(f"{folder} cannot be folded in: {plain[:120]} is of a kind that is not supported", _HINT)
        else:
            whole[plain.replace(".modules_to_save.default.", ".")] = stored
    if (folder / BESIDE).is_file():
        whole |= {name.removeprefix(_PREFIX): stored for name, stored in open_weights(folder / BESIDE).items()}
    for name, half in halves.items():
        _fit(name, half, folder)
    pairs = {name: (half["A"], half["B"]) for name, half in halves.items()}
    if not pairs:
        raise ModelError(f"{folder} holds no adapter weights", "fetch it again")
    return Adapter(
        pairs, whole, float(alpha), bool(config.get("use_rslora")), str(config.get("base_model_name_or_path"))
    )


def _refuse(config: Mapping[str, Any], folder: Path) -> None:
    kind = str(config.get("peft_type"))[:40]
    if kind != "LORA":
        raise ModelError(f"{folder} is an adapter of kind {kind}; only LoRA can be folded in", _HINT)
    for name in ("use_dora", "fan_in_fan_out", "alpha_pattern", "layer_replication", "use_qalora"):
        if config.get(name):
            raise ModelError(f"{folder} cannot be folded in: it uses {name}", _HINT)


def _fit(name: str, half: Mapping[str, Stored], folder: Path) -> None:
    """Both halves must be there, be matrices, and share a rank."""
    fault = ""
    if set(half) != {"A", "B"}:
        fault = f"only one half of {name[:120]} is there"
    elif any(len(part.shape) != 2 or part.dtype is None for part in half.values()):
        fault = f"{name[:120]} is changed by what is no matrix of numbers"
    elif half["A"].shape[0] != half["B"].shape[1] or not 1 <= half["A"].shape[0] <= _MAX_RANK:
        fault = f"the halves of {name[:120]} have different ranks"
    if fault:
        raise ModelError(f"{folder} is damaged: {fault}", "fetch it again")


def folded(base: Mapping[str, Stored], adapter: Adapter, named: Callable[[str], str | None]) -> dict[str, Stored]:
    """A base's weights with an adapter folded in when they are read.

    Args:
        base: by our names.
        adapter: what changes them.
        named: our name for one of the adapter's, None for what has no use.

    Returns:
        By our names; a folded weight keeps the number format of its base.

    Raises:
        ModelError: the adapter changes a weight that the base does not have, or one of another shape.
    """
    tensors = dict(base)
    for name, stored in adapter.whole.items():
        if (ours := named(name)) is not None:
            tensors[ours] = stored
    for name, (low, high) in adapter.pairs.items():
        ours = named(name)
        if ours is None or ours not in tensors:
            raise ModelError(f"the adapter changes {name[:120]}, which the base does not have", "give its own base")
        weight = tensors[ours]
        if weight.shape != (high.shape[0], low.shape[1]):
            raise ModelError(
                f"the adapter changes {ours} of shape {[high.shape[0], low.shape[1]]}, the base's is "
                f"{list(weight.shape)[:8]}",
                "give its own base",
            )
        rank = low.shape[0]
        scale = adapter.alpha / (math.sqrt(rank) if adapter.stabilised else rank)
        tensors[ours] = Stored(weight.shape, weight.dtype, partial(_sum, weight, low, high, scale))
    return tensors


def _sum(weight: Stored, low: Stored, high: Stored, scale: float) -> torch.Tensor:
    before = weight.read()
    return (before.float() + (high.read().float() @ low.read().float()) * scale).to(before.dtype)
