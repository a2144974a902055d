"""Classification Probability Mapper (paper Sec. 4.3): from the logits at the classification index to P(fake).

Shapes: B rows, N positions, V vocabulary entries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from fakescan.core.answer import CONCLUSION_STARTS, open_tag
from fakescan.core.records import Stage
from fakescan.errors import ModelError
from fakescan.model.prompt import Tokenizer, continuation_ids

TAU_INIT = 10.0


@dataclass(frozen=True, slots=True)
class Anchors:
    """What marks the classification index in a tokenizer's ids."""

    patterns: tuple[tuple[int, ...], ...]
    """Ids of ``<CONCLUSION> This image is`` and of the paper's longer form, each without its first piece: that piece
    depends on what stands before the tag (``<`` after a line break, ``▁<`` after a blank, ``><`` after a tag)."""
    real_id: int
    """Id of " real" as it follows "is"."""
    fake_id: int
    """Id of " fake" as it follows "is"."""


def derive_anchors(tokenizer: Tokenizer) -> Anchors:
    """Find pattern and class ids for any tokenizer.

    Raises:
        ModelError: "real" or "fake" is not one token after "This image is", so there is no pair of logits to compare.
    """
    patterns = []
    for start in CONCLUSION_STARTS:
        ids = tokenizer.encode(f"{open_tag(Stage.CONCLUSION)} {start}", add_special_tokens=False)
        patterns.append(tuple(ids[1:]))
    words = {}
    for word in ("real", "fake"):
        ids = continuation_ids(tokenizer, CONCLUSION_STARTS[0], f" {word}")
        if len(ids) != 1:
            raise ModelError(
                f'"{word}" is {len(ids)} tokens for this tokenizer; the mapper needs exactly one',
                "use a model whose vocabulary holds the words real and fake",
            )
        words[word] = ids[0]
    if words["real"] == words["fake"] or not all(patterns):
        # A vocabulary without the words gives both the same id for "unknown": every score would be a silent 0.5.
        raise ModelError(
            'this tokenizer does not tell "real" from "fake"',
            "use a model whose vocabulary holds the words real and fake",
        )
    return Anchors(tuple(patterns), words["real"], words["fake"])


def locate(output_ids: torch.Tensor, patterns: Sequence[Sequence[int]]) -> torch.Tensor:
    """Classification index k of each row (Eq. 7): the position right after the first match of a pattern.

    Position i of the output predicts token i + 1, so the logits at k are the distribution of the word after "is".

    Args:
        output_ids: argmax of the logits (Eq. 6), or the ids of an answer, (B, N).
        patterns: alternatives; the earliest match of any counts.

    Returns:
        (B,) int64, -1 where there is no match or where it ends at the last position.
    """
    rows, length = output_ids.shape
    best = torch.full((rows,), length, dtype=torch.long, device=output_ids.device)
    for pattern in patterns:
        size = len(pattern)
        if size >= length:
            continue
        wanted = torch.tensor(list(pattern), device=output_ids.device)
        match = (output_ids.unfold(1, size, 1) == wanted).all(-1)  # (B, N - size + 1)
        first = torch.where(match.any(1), match.long().argmax(1) + size, length)
        best = torch.minimum(best, first)
    return torch.where(best < length, best, -1)


class ProbabilityMapper(nn.Module):
    """P(fake) = sigmoid((z_fake - z_real) / tau), tau > 0 trainable, 10 at first (Eq. 8).

    tau is kept as its logarithm, so that no step can make it negative.
    """

    def __init__(self, tau: float = TAU_INIT, *, trainable: bool = True) -> None:
        """Start at a temperature."""
        super().__init__()
        self.log_tau = nn.Parameter(torch.tensor(math.log(tau)), requires_grad=trainable)

    @property
    def tau(self) -> torch.Tensor:
        """The temperature, a scalar tensor."""
        return self.log_tau.exp()

    def forward(self, z_real: torch.Tensor, z_fake: torch.Tensor) -> torch.Tensor:
        """The logit of P(fake): (z_fake - z_real) / tau, any shape. Its sigmoid is Eq. 8."""
        return (z_fake.float() - z_real.float()) / self.tau
