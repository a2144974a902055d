"""Language modelling and the mapper's loss (paper Eq. 9-11). Pure functions.

Shapes: B rows, N positions, L supervised positions, V vocabulary entries.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from fakescan.model.mapper import Anchors, ProbabilityMapper, locate


def lm_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the supervised tokens (Eq. 10), a scalar; 0 without any.

    Args:
        logits: (L, V) at the positions before the supervised tokens.
        targets: (L,) ids of those tokens.
    """
    if targets.numel() == 0:
        return logits.sum() * 0.0
    return functional.cross_entropy(logits.float(), targets)


def cpm_bce_loss(
    class_logits: torch.Tensor,
    targets: torch.Tensor,
    valid: torch.Tensor,
    mapper: ProbabilityMapper,
    *,
    smoothing: float = 0.0,
) -> torch.Tensor:
    """Binary cross-entropy of P(fake) (Eq. 8-9), averaged over the rows that have a classification index.

    Args:
        class_logits: (B, 2), the logits of real and fake at the index; anything where there is none.
        targets: (B,), in [0, 1], 1 = fake: labels, or probabilities.
        valid: (B,) bool, whether a row has an index.
        mapper: holds tau.
        smoothing: how far targets are moved towards 0.5.
    """
    score = mapper(class_logits[:, 0], class_logits[:, 1])
    smoothed = targets.float() * (1 - 2 * smoothing) + smoothing
    rows = functional.binary_cross_entropy_with_logits(score, smoothed, reduction="none")
    # the authors' denominator, so that a batch without any index gives exactly 0
    return (rows * valid).sum() / (valid.sum() + 1e-6)


def predicted_index_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    anchors: Anchors,
    mapper: ProbabilityMapper,
    counted: torch.Tensor | None = None,
) -> torch.Tensor:
    """The mapper's loss as the paper states it: the index is looked for in the argmax ids (Eq. 6-7).

    Args:
        logits: (B, N, V) of the whole sequence.
        labels: (B,), 1 = fake.
        anchors: patterns and class ids.
        mapper: holds tau.
        counted: (B,) bool, rows that may count; all by default.
    """
    index = locate(logits.argmax(-1), anchors.patterns)
    rows = torch.arange(len(index), device=logits.device)
    at = logits[rows, index.clamp_min(0)]  # (B, V)
    valid = index >= 0 if counted is None else (index >= 0) & counted
    return cpm_bce_loss(at[:, [anchors.real_id, anchors.fake_id]], labels, valid, mapper)
