"""How much memory a run will need, before it starts. An estimate, said to be one; no weights are loaded for it.

``benchmarks/training_memory.py`` compares it with what runs really take.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from accelerate import init_empty_weights
from torch import nn
from transformers import LlavaForConditionalGeneration

from fakescan.model.build import BASE_FILE, LoraSettings, empty_model, target_modules
from fakescan.model.projector import PooledProjector, pooling_of
from fakescan_trainer.config import StageConfig, TrainConfig
from fakescan_trainer.data.mmfr import Record
from fakescan_trainer.encode import Row
from fakescan_trainer.materials import Materials

FLOAT_BYTES = 4
"""Weights, gradients and moments are float32, mixed precision or not: accelerate casts while it computes."""
PROGRAM_BYTES = 430 * 2**20
"""Python with torch, transformers, peft and accelerate."""
ALLOCATOR_SHARE = 1.08
"""What the allocator takes from the system for each byte that is asked for: gaps, and blocks that it keeps."""
LOOKED_AT = 48
"""Rows that are tokenised to learn how long rows are."""
MIXED_SHARE = 0.6
"""Activations in mixed precision against float32: norms and the residual stream stay float32."""


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_OWN_PAGES_BYTES = 1 << 20
"""Tensors from this size on get pages of their own."""


def give_back_at_once() -> None:
    """Let every large tensor have pages of its own, which go back to the system when it is freed.

    The C library of Linux keeps what was freed in one heap otherwise, and a step's rows of several lengths leave gaps
    in it that fit nothing: a nano run's peak was 3.8 GiB that way, and 2.6 GiB with this. Elsewhere nothing is done,
    nor where the environment already says how (``MALLOC_MMAP_MAX_=0`` keeps memory, which is quicker).
    """
    if sys.platform != "linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _OWN_PAGES_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _OWN_PAGES_BYTES)


def checkpoint_activations(llava: LlavaForConditionalGeneration) -> None:
    """Keep only the layers' inputs for the backward pass, and compute what lies between once more."""
    # Newer releases of transformers have it under another name and warn about the old one.
    enable = getattr(llava, "activation_checkpointing_enable", None) or llava.gradient_checkpointing_enable
    # The reentrant kind gives no gradient to what follows an input without one, such as a frozen embedding.
    enable({"use_reentrant": False})


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes by what holds them."""

    program: int
    """Python and its libraries."""
    weights: int
    """All weights, trained or not."""
    trained: int
    """Gradients and Adam's two moments of what is trained."""
    activations: int
    """What the largest micro-batch keeps for its backward pass, and its logits."""

    @property
    def total(self) -> int:
        """All together."""
        return self.program + int((self.weights + self.trained + self.activations) * ALLOCATOR_SHARE)

    def sentence(self) -> str:
        """For people."""
        parts = (
            ("program", self.program),
            ("weights", self.weights),
            ("gradients and optimizer", self.trained),
            ("activations", self.activations),
        )
        shown = ", ".join(f"{name} {size / 2**30:.1f}" for name, size in parts)
        return f"about {self.total / 2**30:.1f} GiB of memory will be needed ({shown} GiB; an estimate)"

    def warning(self) -> str:
        """A sentence where this machine has less than that; empty otherwise."""
        free, where = psutil.virtual_memory().available, "of memory"
        if torch.cuda.is_available():
            free, where = torch.cuda.mem_get_info()[0], "on the graphics card"
        if self.total <= free:
            return ""
        return (
            f"only {free / 2**30:.1f} GiB {where} are free: fewer rows a micro-batch (stages.N.full, short, captions) "
            "with a larger stages.N.accumulate, or run.gradient_checkpointing=true, need less"
        )


def estimate(config: TrainConfig, materials: Materials) -> MemoryEstimate:
    """Estimate the peak of a run.

    Args:
        config: the recipe.
        materials: what ``gather`` read of it.
    """
    model = _without_weights(materials)
    adapters = _adapters(config, model)
    projector = sum(p.numel() for p in model.model.multi_modal_projector.parameters())
    weights = sum(p.numel() for p in model.parameters())
    mapped = 0
    if (Path(config.model.base) / BASE_FILE).is_file():
        # Ours: the weights that are not quantised are views of the files, which so stay mapped.
        mapped = sum(path.stat().st_size for path in Path(config.model.base).glob("*.safetensors"))
        if model.lm_head.weight is not _embeddings(model):
            weights -= model.lm_head.weight.numel()  # shared in our bases whatever the config says
    steps = [stage for stage in config.stages if stage.task != "probe"]
    lengths = _Lengths(materials)
    trained = max((_trained(config, stage, adapters, projector) for stage in steps), default=0)
    activations = max((_activations(config, stage, model, lengths) for stage in steps), default=0.0)
    return MemoryEstimate(
        PROGRAM_BYTES,
        FLOAT_BYTES * (weights + adapters["language"] + adapters["vision"]) + mapped,
        3 * FLOAT_BYTES * trained,
        int(activations),
    )


class _Lengths:
    """How long the rows of each kind are: the longest, and how many of its tokens are learnt on average."""

    def __init__(self, materials: Materials) -> None:
        data, encoder = materials.data, materials.encoder
        self.full = _longest(data.full, lambda record: encoder.full(record, steered=False))
        self.short = _longest(data.labelled, encoder.short)
        self.caption = _longest(data.captions, encoder.caption)


def _longest(records: Sequence[Record], encode: Callable[[Record], Row]) -> tuple[int, float]:
    by_length = sorted(records, key=lambda record: len(record.caption) + len(record.reasoning), reverse=True)
    rows = [encode(record) for record in by_length[:LOOKED_AT]]
    some = [encode(record) for record in by_length[:: max(1, len(by_length) // LOOKED_AT)]]
    longest = max((len(row.ids) for row in rows), default=0)
    return longest, sum(sum(row.supervised) for row in some) / max(1, len(some))


def _without_weights(materials: Materials) -> LlavaForConditionalGeneration:
    model = empty_model(materials.llava)
    if pooling_of(materials.llava) > 1:
        with init_empty_weights(include_buffers=False):
            model.model.multi_modal_projector = PooledProjector(materials.llava)
    model.tie_weights()
    return model


def _embeddings(model: LlavaForConditionalGeneration) -> nn.Parameter:
    weight: nn.Parameter = model.get_input_embeddings().weight
    return weight


def _adapters(config: TrainConfig, model: LlavaForConditionalGeneration) -> dict[str, int]:
    """Values of the adapters on the language model and on the tower."""
    lora, found = config.model.lora, {"language": 0, "vision": 0}
    if not lora.rank:
        return found
    wanted = re.compile(target_modules(LoraSettings(lora.rank, lora.alpha, 0.0, lora.vision_blocks)))
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and wanted.fullmatch(name):
            part = "vision" if "vision_tower" in name else "language"
            found[part] += lora.rank * (module.in_features + module.out_features)
    return found


def _modules(config: TrainConfig, stage: StageConfig) -> tuple[str, ...]:
    return stage.train or (("projector",) if stage.task == "caption" else config.model.train)


def _trained(config: TrainConfig, stage: StageConfig, adapters: dict[str, int], projector: int) -> int:
    modules = _modules(config, stage)
    return sum(adapters.get(module, 0) for module in modules) + (projector if "projector" in modules else 0)


def _activations(
    config: TrainConfig, stage: StageConfig, model: LlavaForConditionalGeneration, lengths: _Lengths
) -> float:
    """Bytes of the largest micro-batch of a stage: one kind of row after the other, each with its own backward pass."""
    kinds = [(stage.captions, lengths.caption, False)]
    if stage.task == "joint":
        kinds += [(stage.full, lengths.full, True), (stage.short, lengths.short, False)]
    return max(_of_batch(config, stage, model, rows, length, full=full) for rows, length, full in kinds)


def _of_batch(
    config: TrainConfig,
    stage: StageConfig,
    model: LlavaForConditionalGeneration,
    rows: int,
    length: tuple[int, float],
    *,
    full: bool,
) -> float:
    text: Any = model.config.text_config
    adapted = bool(config.model.lora.rank) and "language" in _modules(config, stage)
    tokens, learnt = rows * length[0], rows * length[1]
    values = tokens * _of_layers(text, text.num_hidden_layers, config, adapted=adapted)
    share = MIXED_SHARE if config.run.precision != "no" else 1.0
    # Logits, their logarithms, and the gradient of both, gathered and scattered: float32 always.
    scored = tokens if full and config.mapper.locate == "predicted" else 0
    logits = 4 * (learnt + scored) * int(text.vocab_size)
    return FLOAT_BYTES * (share * (values + _of_tower(config, stage, model, rows)) + logits)


def _of_tower(config: TrainConfig, stage: StageConfig, model: LlavaForConditionalGeneration, rows: int) -> float:
    """Values that the tower keeps, where it is trained; a frozen one keeps none."""
    if "vision" not in _modules(config, stage) or not config.model.lora.vision_blocks:
        return 0.0
    vision: Any = model.config.vision_config
    tokens = int(vision.image_size // vision.patch_size) ** 2 + 1
    blocks = int(vision.num_hidden_layers) - min(config.model.lora.vision_blocks)
    return rows * len(config.model.views) * tokens * _of_layers(vision, blocks, config, adapted=True)


def _of_layers(shape: Any, layers: int, config: TrainConfig, *, adapted: bool) -> float:
    """Values a token that transformer layers keep for the backward pass, as torch's own hooks count them.

    A layer keeps both norms' inputs, query, key, value and output of the attention, the gate, its activation and the
    other half of the MLP; with adapters, what goes into each linear layer as well, and with dropout a copy of that for
    each. With gradient checkpointing every layer keeps its input, and one layer at a time the rest.
    """
    wide, inner = int(shape.hidden_size), int(shape.intermediate_size)
    layer = 7.0 * wide + 3.0 * inner
    if adapted:
        layer += 2.0 * wide + inner
        if config.model.lora.dropout:
            layer += 1.5 * (6.0 * wide + inner)  # the copy and its mask
    if config.run.gradient_checkpointing:
        return layers * wide + layer
    return layers * layer
