"""Linear layers whose weights take half or a quarter of the room, for large models on a graphics card.

int8    bitsandbytes, LLM.int8 (Dettmers et al. 2022): weights a row and activations a token in eight bits
int4    bitsandbytes, NF4 (Dettmers et al. 2023) with its constants quantised again; computes in the placement's dtype
fp8     torchao, e4m3: weights a row and activations a token; a CPU, which has no such product, takes the weights alone

Every row of the activations is quantised by itself, so that a score does not depend on its neighbours in a batch. For
the same reason LLM.int8 runs without its part in float16: which columns are outliers there, all rows decide together.
int8 on a CPU is another thing (``int8.py``).
"""

from __future__ import annotations

import warnings
from typing import Any

from torch import nn

from fakescan.engines.device import Placement


def quantised_linear(linear: nn.Linear, placement: Placement) -> nn.Module:
    """A layer with quantised weights on the placement's device; the layer given is of no use afterwards.

    Args:
        linear: in the placement's dtype, anywhere.
        placement: device and format, as ``choose_placement`` gave it.
    """
    # Said with every pass, long after this; the products are in eight bits either way.
    warnings.filterwarnings("ignore", message="MatMul8bitLt: inputs will be cast")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries' next versions: no news to a user
        make = {"int8": _int8, "int4": _int4, "fp8": _fp8}[str(placement.quantised)]
        return make(linear, placement).eval()


def _bitsandbytes() -> Any:
    import bitsandbytes

    return bitsandbytes.nn  # its types are not for checking


def _int8(linear: nn.Linear, placement: Placement) -> nn.Module:
    layers = _bitsandbytes()
    made = layers.Linear8bitLt(
        linear.in_features, linear.out_features, bias=linear.bias is not None, has_fp16_weights=False, threshold=0.0
    )
    made.weight = layers.Int8Params(linear.weight.detach(), requires_grad=False, has_fp16_weights=False)
    return _placed(made, linear, placement)


def _int4(linear: nn.Linear, placement: Placement) -> nn.Module:
    layers = _bitsandbytes()
    made = layers.Linear4bit(
        linear.in_features, linear.out_features, bias=linear.bias is not None, compute_dtype=placement.dtype,
        compress_statistics=True, quant_type="nf4",
    )  # fmt: skip
    made.weight = layers.Params4bit(
        linear.weight.detach(), requires_grad=False, compress_statistics=True, quant_type="nf4", module=made
    )
    return _placed(made, linear, placement)


def _placed(made: Any, linear: nn.Linear, placement: Placement) -> nn.Module:
    """With the layer's bias, on the device: moving there is what quantises."""
    if linear.bias is not None:
        made.bias = nn.Parameter(linear.bias.detach(), requires_grad=False)
    moved: nn.Module = made.to(placement.device)
    return moved


def _fp8(linear: nn.Linear, placement: Placement) -> nn.Module:
    from torchao.quantization import (
        Float8DynamicActivationFloat8WeightConfig,
        Float8WeightOnlyConfig,
        PerRow,
        quantize_,
    )

    on_card = placement.device.type == "cuda"
    config = Float8DynamicActivationFloat8WeightConfig(granularity=PerRow()) if on_card else Float8WeightOnlyConfig()
    holder = nn.Sequential(linear.to(placement.device).requires_grad_(requires_grad=False))
    quantize_(holder, config)
    layer: nn.Module = holder[0]
    return layer
