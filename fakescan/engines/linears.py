"""Linear layers in the form that is quickest where they run; the numbers stay those of torch's own up to rounding.

On a CPU in float32 the weights are laid out once in oneDNN's blocked form: with the few rows of a decoding step that
took half the time of ``torch.nn.functional.linear`` (measured; see ``benchmarks/results/engine.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import nn
from torch.nn import functional

from fakescan.engines.device import Placement
from fakescan.engines.int8 import DynamicInt8Linear
from fakescan.engines.quantised import quantised_linear

_ROWS_HINT = 8
"""The layout is chosen for so many rows; it serves one and hundreds equally well."""


class PackedLinear(nn.Module):
    """float32 weights in oneDNN's own layout, on the CPU."""

    def __init__(self, linear: nn.Linear) -> None:
        """Lay a layer's weights out anew."""
        super().__init__()
        self.packed = _packed(linear.weight.detach())
        self.bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(..., in) to (..., out)."""
        return _packed_linear(inputs, self.packed, self.bias)


def _packed(weight: torch.Tensor) -> torch.Tensor:
    laid_out: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), _ROWS_HINT)
    return laid_out


def _packed_linear(inputs: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    outputs: torch.Tensor = torch.ops.mkldnn._linear_pointwise(inputs, packed, bias, "none", [], "")
    return outputs


@cache
def packing_works() -> bool:
    """Whether this build of torch has the operators behind ``PackedLinear``, and they compute what they should.

    They are torch's own, used by its compiler, but no public interface: hence the test instead of a version.
    """
    try:
        made = torch.Generator().manual_seed(0)
        inputs, weight = torch.randn(3, 5, 16, generator=made), torch.randn(24, 16, generator=made)
        found = _packed_linear(inputs, _packed(weight), torch.ones(24))
    except (AttributeError, RuntimeError, TypeError):
        return False
    return torch.allclose(found, functional.linear(inputs, weight, torch.ones(24)), atol=1e-4)


def merged(linears: Sequence[nn.Linear]) -> nn.Linear:
    """One layer that computes several of the same input, their outputs side by side."""
    first = linears[0]
    has_bias = first.bias is not None
    with torch.device("meta"):
        whole = nn.Linear(first.in_features, sum(linear.out_features for linear in linears), bias=has_bias)
    whole.weight = nn.Parameter(torch.cat([linear.weight.detach() for linear in linears]), requires_grad=False)
    if has_bias:
        whole.bias = nn.Parameter(torch.cat([linear.bias.detach() for linear in linears]), requires_grad=False)
    return whole


def quickest(linear: nn.Linear, placement: Placement, *, quantised: bool = True) -> nn.Module:
    """A linear layer's quickest form at a place.

    Args:
        linear: already there, in the placement's dtype.
        placement: device and format.
        quantised: whether its weights are quantised where the placement says so.
    """
    if quantised and placement.dynamic_int8:
        return DynamicInt8Linear(linear)
    if quantised and placement.quantised is not None:
        return quantised_linear(linear, placement)
    if placement.device.type == "cpu" and placement.dtype is torch.float32 and packing_works():
        return PackedLinear(linear)
    return linear


def quicken(module: nn.Module, placement: Placement) -> None:
    """Replace every linear layer below a module by its quickest form in float, in place."""
    for name, child in module.named_children():
        if type(child) is nn.Linear:
            setattr(module, name, quickest(child, placement, quantised=False))
        else:
            quicken(child, placement)


def quantise(module: nn.Module, placement: Placement) -> None:
    """Replace every linear layer below a module by one with quantised weights, in place."""
    for name, child in module.named_children():
        if type(child) is nn.Linear:
            setattr(module, name, quickest(child, placement))
        else:
            quantise(child, placement)
