"""A base in 8 or 4 bits under the adapters (QLoRA, Dettmers et al. 2023), through bitsandbytes.

It takes the language model's linear layers. Tower, projector, embeddings and head stay as they are, and adapters are
trained in full precision.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Literal

import torch
from torch import nn
from transformers import LlavaForConditionalGeneration

from fakescan.errors import ConfigError
from fakescan.model.build import LANGUAGE_LINEARS

Quantised = Literal["8bit", "4bit"]
_FIELD = "model.quantise"
_DEVICES = ("cuda", "cpu")
"""On the CPU they are slow: for trials."""
_THRESHOLD = 6.0
"""From which magnitude on 8-bit layers multiply an input in float16 (LLM.int8's default)."""


def refuse_quantised(bits: str, device: torch.device) -> None:
    """Find out whether a quantised base can be trained on here.

    Args:
        bits: ``8bit`` or ``4bit``.
        device: of the run.

    Raises:
        ConfigError: such layers are not for this kind of device, or bitsandbytes is not installed.
    """
    if device.type not in _DEVICES:
        raise ConfigError(
            [f"{_FIELD}: {bits} needs a graphics card or the CPU, and this run is on {device.type}"],
            f"{_FIELD}=none trains on a base in full precision",
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ConfigError(
            [f"{_FIELD}: {bits} needs bitsandbytes, which is not installed"],
            "pip install 'fakescan-forensics[qlora]'",
        )


def quantise_language(llava: LlavaForConditionalGeneration, bits: str, precision: str, device: torch.device) -> None:
    """Put quantised layers in the place of the language model's linear layers, before adapters are added.

    The numbers are cut to 8 or 4 bits when the model is moved to the device.

    Args:
        llava: on the CPU, changed in place.
        bits: ``8bit`` or ``4bit`` (NF4 with doubly quantised constants).
        precision: of the run, in which 4-bit layers compute.
        device: of the run.

    Raises:
        ConfigError: it cannot be done here.
    """
    refuse_quantised(bits, device)
    import bitsandbytes

    compute = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)
    # Listed first: while it is walked, a model must not change.
    found = [
        (parent, name, child)
        for parent in llava.model.language_model.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Linear) and name in LANGUAGE_LINEARS
    ]
    for parent, name, linear in found:
        setattr(parent, name, _layer(bitsandbytes.nn, linear, bits, compute))
    # What peft looks at to choose the adapters that go with such layers.
    setattr(llava, f"is_loaded_in_{bits}", True)


def _layer(layers: Any, linear: nn.Linear, bits: str, compute: torch.dtype) -> nn.Module:
    shape, biased = (linear.in_features, linear.out_features), linear.bias is not None
    weight = linear.weight.data
    made: Any
    if bits == "4bit":
        made = layers.Linear4bit(*shape, bias=biased, compute_dtype=compute, compress_statistics=True, quant_type="nf4")
        made.weight = layers.Params4bit(
            weight, requires_grad=False, compress_statistics=True, quant_type="nf4", module=made
        )
        # On CPUs with bfloat16 an evaluated layer repacks its numbers for good, and gives no gradient after that.
        made.support_avx512bf16_for_cpu = False
    else:
        made = layers.Linear8bitLt(*shape, bias=biased, has_fp16_weights=False, threshold=_THRESHOLD)
        made.weight = layers.Int8Params(weight, requires_grad=False, has_fp16_weights=False)
    if linear.bias is not None:
        made.bias = linear.bias
    layer: nn.Module = made
    return layer
