"""Start the projector from a linear probe: detection is there before the language model learns to speak of it.

A ridge-penalised logistic regression on the class token's features (several layers side by side) is a strong simple
detector, and LLaVA's usual input does not carry those features. The probe's logit is written into the projector, where
two hidden units carry it exactly, since gelu(a) - gelu(-a) = a, onto the direction from the embedding of "real" to
that of "fake": the first visual token then reads like the word that the conclusion needs.
"""

from __future__ import annotations

import torch
from torch.nn import functional
from transformers import LlavaForConditionalGeneration

from fakescan.model.mapper import Anchors
from fakescan.model.projector import PooledProjector

GAIN = 0.5
"""How far one unit of the probe's logit moves the first visual token, in norms of an average embedding."""


def fit_probe(
    features: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, penalty: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted logistic regression by L-BFGS.

    Args:
        features: (M, C), standardised.
        labels: (M,), 1 = fake.
        weights: (M,), summing to 1.
        penalty: factor of half the squared norm of the weights.

    Returns:
        Weight (C,) and bias, a scalar.
    """
    weight = torch.zeros(features.shape[1], requires_grad=True)
    bias = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        rows = functional.binary_cross_entropy_with_logits(features @ weight + bias, labels.float(), reduction="none")
        loss = (rows * weights).sum() + 0.5 * penalty * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weight.detach(), bias.detach()


@torch.no_grad()
def fit_standardisation(projector: PooledProjector, features: torch.Tensor, embedding_std: float) -> None:
    """Set the projector's channel statistics and bring its output to the spread of word embeddings.

    Args:
        projector: changed in place.
        features: (M, P, C), pooled, class token first.
        embedding_std: standard deviation of the language model's token embeddings.
    """
    groups = (features[:, 0], features[:, 1:].flatten(0, 1))
    projector.feature_mean.copy_(torch.stack([group.mean(0) for group in groups]))
    projector.feature_std.copy_(torch.stack([group.std(0).clamp_min(1e-4) for group in groups]))
    spread = projector(features[:64]).std()
    projector.linear_2.weight.mul_(embedding_std / spread)
    projector.linear_2.bias.zero_()


@torch.no_grad()
def start_from_probe(
    llava: LlavaForConditionalGeneration, anchors: Anchors, weight: torch.Tensor, bias: torch.Tensor
) -> None:
    """Write a probe into the projector of a model, in place; two of its hidden units are taken for it."""
    projector = llava.model.multi_modal_projector
    embeddings = llava.get_input_embeddings().weight
    direction = functional.normalize(embeddings[anchors.fake_id] - embeddings[anchors.real_id], dim=0)
    step = GAIN * float(embeddings.norm(dim=1).mean())
    for unit, sign in ((0, 1.0), (1, -1.0)):
        projector.linear_1.weight[unit] = sign * weight
        projector.linear_1.bias[unit] = sign * bias
        projector.linear_2.weight[:, unit] = sign * step * direction
