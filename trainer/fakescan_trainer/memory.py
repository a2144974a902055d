"""How much memory a run will need, before it starts. An estimate, said to be one; no weights are loaded for it.

``benchmarks/training_memory.py`` compares it with what runs really take.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from accelerate import init_empty_weights
from torch import nn
from transformers import LlavaForConditionalGeneration

from fakescan.model.build import BASE_FILE, LoraSettings, empty_model, target_modules
from fakescan.model.projector import PooledProjector, pooling_of
from fakescan_trainer.activations import FLOAT_BYTES, freed_bytes, kept_bytes, micro_batches
from fakescan_trainer.config import CLOSED_FORM, TrainConfig
from fakescan_trainer.materials import Materials

LIBRARY_BYTES = 48 * 2**20
"""What libraries take when training begins: code that is read from their files, working space of the products."""
_REFILLED_SHARE = 0.5
"""A freed block of glibc's heap takes no block of its own size, for its edges are aligned; it takes one when a
neighbour is freed as well. So about half of what a pass frees is filled again."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_OWN_PAGES_BYTES = 1 << 20
"""Tensors from this size on get pages of their own."""


def give_back_at_once() -> None:
    """Let every large tensor have pages of its own, which go back to the system when it is freed.

    The C library of Linux keeps what was freed in one heap otherwise, and a step's rows of several lengths leave gaps
    in it that fit nothing: a nano run's peak was 3.8 GiB that way, and 2.6 GiB with this. Elsewhere nothing is done,
    nor where the environment already says how (``MALLOC_MMAP_MAX_=0`` keeps memory, which is quicker).
    """
    heap = _heap()
    if heap is not None:
        heap(_M_MMAP_THRESHOLD, _OWN_PAGES_BYTES)
        heap(_M_TRIM_THRESHOLD, _OWN_PAGES_BYTES)


def _heap() -> Callable[[int, int], int] | None:
    """What sets the C library's heap up; None where there is nothing to set, or the environment does."""
    if sys.platform != "linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return None
    return getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none


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
    """Python and its libraries: what this process holds already, and what libraries take later."""
    weights: int
    """All weights, trained or not."""
    trained: int
    """Gradients and Adam's two moments of what is trained."""
    activations: int
    """What the largest micro-batch keeps for its backward pass, and its logits."""
    gaps: int = 0
    """What the C library keeps of small tensors that were freed."""
    kernel: int = 0
    """What the largest kernel stage takes beside program and weights, while nothing is trained by steps."""

    @property
    def steps(self) -> int:
        """What training by steps takes beside program and weights."""
        return self.trained + self.activations + self.gaps

    @property
    def total(self) -> int:
        """At the peak."""
        return self.program + self.weights + max(self.steps, self.kernel)

    def sentence(self) -> str:
        """For people."""
        parts: tuple[tuple[str, int], ...] = (("program", self.program), ("weights", self.weights))
        if self.kernel > self.steps:
            parts += (("kernel stage", self.kernel),)
        else:
            parts += (
                ("gradients and optimizer", self.trained),
                ("activations", self.activations),
                ("gaps between them", self.gaps),
            )
        shown = ", ".join(f"{name} {size / 2**30:.1f}" for name, size in parts)
        return f"about {self.total / 2**30:.1f} GiB of memory will be needed ({shown} GiB; an estimate)"

    def warning(self) -> str:
        """A sentence where this machine has less than that; empty otherwise."""
        free, where = psutil.virtual_memory().available, "of memory"
        if torch.cuda.is_available() and self.kernel <= self.steps:
            free, where = torch.cuda.mem_get_info()[0], "on the graphics card"
        if self.total - self.program <= free:  # most of the program is there already, and none of it on a card
            return ""
        less = (
            "fewer rows a micro-batch (stages.N.full, short, captions) with a larger stages.N.accumulate, or "
            "run.gradient_checkpointing=true, need less"
        )
        if self.kernel > self.steps:
            less = "fewer images (data.train) or variants of them (data.variants) need less"
        return f"only {free / 2**30:.1f} GiB {where} are free: {less}"


def estimate(config: TrainConfig, materials: Materials) -> MemoryEstimate:
    """Estimate the peak of a run.

    Args:
        config: the recipe.
        materials: what ``gather`` read of it.
    """
    model = _without_weights(materials)
    adapters = _adapters(config, model)
    projector = sum(
        p.numel() for name, p in model.model.multi_modal_projector.named_parameters() if not name.startswith("probe.")
    )
    statistics = model.model.multi_modal_projector.buffers()
    weights = sum(value.numel() for value in (*model.parameters(), *statistics))
    is_ours = (Path(config.model.base) / BASE_FILE).is_file()
    if is_ours and model.lm_head.weight is not _embeddings(model):
        weights -= model.lm_head.weight.numel()  # shared in our bases whatever the config says
    trained, kernel, activations, gaps = 0, 0, 0.0, 0.0
    for stage in config.stages:
        if stage.task == "kernel":
            channels = model.model.multi_modal_projector.linear_1.in_features
            kernel = max(kernel, _kernel(kernel_rows(config, materials), channels))
        if stage.task in CLOSED_FORM:
            continue
        modules = config.modules_of(stage)
        trained = max(trained, _trained(modules, adapters, projector))
        for batch in micro_batches(stage, materials):
            activations = max(activations, kept_bytes(config, modules, model, batch))
            gaps = max(gaps, (1 - _REFILLED_SHARE) * freed_bytes(config, modules, model, batch, _OWN_PAGES_BYTES))
    return MemoryEstimate(
        psutil.Process().memory_info().rss + LIBRARY_BYTES,
        FLOAT_BYTES * (weights + adapters["language"] + adapters["vision"]),
        3 * FLOAT_BYTES * trained,
        int(activations),
        int(gaps) if _heap() is not None and not torch.cuda.is_available() else 0,
        kernel,
    )


def kernel_rows(config: TrainConfig, materials: Materials) -> int:
    """Class tokens that a kernel stage is fitted on: of every view of every variant of every labelled image.

    Args:
        config: the recipe.
        materials: what ``gather`` read of it.
    """
    return len(materials.data.labelled) * len(config.data.variants) * len(config.model.views)


def _kernel(rows: int, channels: int) -> int:
    """The matrix of all pairs with its factors, in float64, and three copies of the tokens; no card is used for it."""
    return 16 * rows**2 + 3 * FLOAT_BYTES * rows * channels


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


def _trained(modules: tuple[str, ...], adapters: dict[str, int], projector: int) -> int:
    return sum(adapters.get(module, 0) for module in modules) + (projector if "projector" in modules else 0)
