"""A model of somebody else's, opened and named as ours are, before anything of it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import LlavaConfig

from fakescan.core.views import View
from fakescan.errors import ModelError
from fakescan.model.build import EMBEDDINGS, empty_model, is_tied, load_config, load_tokenizer
from fakescan.model.checkpoints.adapters import folded, read_adapter
from fakescan.model.checkpoints.files import Stored, check_against, open_weights
from fakescan.model.checkpoints.huggingface import preparation, template_of
from fakescan.model.checkpoints.marks import is_adapter, one_line_reason
from fakescan.model.checkpoints.names import huggingface
from fakescan.model.images import Preprocessing
from fakescan.model.prompt import AnswerForm


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of a foreign model lie."""

    model: Path
    """The checkpoint: a whole model, or adapters."""
    base: Path | None = None
    """What the adapters change."""
    clip: Path | None = None
    """A CLIP vision tower, where the checkpoint lacks it or another is wanted."""
    dino: Path | None = None
    """A file of DINOv2's weights, likewise."""

    @property
    def whole(self) -> Path:
        """The folder that holds whole weights.

        Raises:
            ModelError: the checkpoint is an adapter and no base was given.
        """
        if not is_adapter(self.model):
            if self.base is not None:
                raise ModelError(f"{self.model} is no adapter, so it needs no base", "leave --base out")
            return self.model
        if self.base is None:
            on = read_adapter(self.model).base_name
            raise ModelError(f"{self.model} is an adapter trained on {on[:120]!r}", "give that model with --base")
        return self.base


@dataclass(frozen=True, slots=True)
class Foreign:
    """A foreign model, ready to be written as ours."""

    layout: str
    """Which layout it had, in words."""
    config: LlavaConfig
    """Its sizes."""
    tensors: Mapping[str, Stored]
    """Its weights, by our names; names and shapes are checked."""
    tokenizer: Any
    """Its tokenizer."""
    preprocessing: Preprocessing
    """How its pictures are prepared."""
    template: str
    """How a turn is written for it."""
    answer: AnswerForm = field(default_factory=AnswerForm)
    """How its answers are written."""


def checked(config: LlavaConfig, tensors: Mapping[str, Stored], what: Path) -> dict[str, Stored]:
    """Compare weights with a config; a head that is the table of embeddings is given its own place.

    Raises:
        ModelError: they do not fit, or the config contradicts itself.
    """
    try:
        wanted: dict[str, torch.Tensor] = empty_model(config).state_dict()
    except Exception as error:  # torch and transformers raise what they like
        raise ModelError(
            f"the config in {what} contradicts itself: {one_line_reason(error)}", "fetch it again"
        ) from error
    all_of_it = dict(tensors)
    if is_tied(config) and "lm_head.weight" not in all_of_it and EMBEDDINGS in all_of_it:
        all_of_it["lm_head.weight"] = all_of_it[EMBEDDINGS]
    check_against(all_of_it, wanted, str(what))
    return {name: all_of_it[name] for name in wanted}


def open_huggingface(places: Places, view: View | None = None) -> Foreign:
    """Open a LLaVA in transformers' layout, with or without a peft adapter.

    Args:
        places: where it lies.
        view: how a picture becomes a square, where that is known from elsewhere.

    Raises:
        ModelError: something is missing, damaged or does not fit.
    """
    folder = places.whole
    config = load_config(folder)
    try:
        wanted = empty_model(config).state_dict()
    except Exception as error:
        raise ModelError(
            f"the config in {folder} contradicts itself: {one_line_reason(error)}", "fetch it again"
        ) from error
    named = {huggingface(name, wanted): stored for name, stored in open_weights(folder).items()}
    tensors = {name: stored for name, stored in named.items() if name is not None}
    layout = "LLaVA in transformers' layout"
    if is_adapter(places.model):
        adapter = read_adapter(places.model)
        tensors = folded(tensors, adapter, lambda name: huggingface(name, wanted))
        layout += " with a LoRA adapter"
    tokenizer = load_tokenizer(folder)
    vision: Any = config.vision_config
    return Foreign(
        layout, config, checked(config, tensors, folder), tokenizer,
        preparation(folder, vision.image_size, view), template_of(tokenizer),
    )  # fmt: skip
