"""Whether the parts of a model belong together: what is missing or strange must not end as a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import LlavaForConditionalGeneration

from fakescan.errors import ModelError
from fakescan.model.fusion import fusion_of

LICENCE_STARTS = ("LICENSE", "LICENCE", "NOTICE", "USE_POLICY", "COPYING")
"""How files begin that say under which terms weights are."""


def complete(llava: LlavaForConditionalGeneration, weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """What was trained must all be there and be numbers: the rest of a fresh model is noise, and looks like a verdict.

    Raises:
        ModelError: a weight is missing, or is not finite.
    """
    wanted = [name for name in llava.state_dict() if "lora_" in name or "multi_modal_projector" in name]
    missing = [name for name in wanted if name not in weights]
    if missing:
        raise ModelError(f"{path} is incomplete: {missing[0]} is missing", "fetch the model again, or train it again")
    broken = [name for name, weight in weights.items() if not bool(weight.isfinite().all())]
    if broken:
        raise ModelError(f"{path} is damaged: {broken[0]} holds what is no number", "train the model again")


def fitting(llava: LlavaForConditionalGeneration, tokenizer: Any, base: Path, *, fused: bool = False) -> None:
    """The tokenizer must belong to the weights, and v2's fusion must be trained.

    Args:
        llava: the model.
        tokenizer: its base's.
        base: for the message.
        fused: whether a trained fusion was put in after the base was loaded.

    Raises:
        ModelError: they do not belong together, or it is not.
    """
    fusion = fusion_of(llava.config)
    if fusion and fusion.untrained and not fused:
        raise ModelError(f"the fusion of the model in {base} is not trained", "train it first: it is only a start")
    entries = llava.get_input_embeddings().weight.shape[0]
    if not 0 <= llava.config.image_token_id < entries or len(tokenizer) > entries:
        raise ModelError(
            f"the tokenizer in {base} does not fit the model's {entries} tokens", "fetch or build the model again"
        )
