"""Start the projector from a linear probe: detection is there before the language model learns to speak of it.

A ridge-penalised logistic regression on the class token's features (several layers side by side) is a strong simple
detector, and LLaVA's usual input does not carry those features. The probe's logit is written into the projector, where
two hidden units carry it exactly, since gelu(a) - gelu(-a) = a, onto the direction from the embedding of "real" to
that of "fake": the first visual token then reads like the word that the conclusion needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional
from transformers import LlavaForConditionalGeneration

from fakescan.model.mapper import Anchors
from fakescan.model.projector import PooledProjector
from fakescan_trainer.calibrate import fit_platt
from fakescan_trainer.data.mmfr import Record
from fakescan_trainer.data.source import TrainingData

GAIN = 0.5
"""How far one unit of the probe's logit moves the first visual token, in norms of an average embedding."""


@torch.no_grad()
def class_tokens(
    projector: PooledProjector, data: TrainingData, records: Sequence[Record], rng: np.random.Generator
) -> torch.Tensor:
    """Standardised class tokens of images, averaged over their views, since one projector serves every view.

    Args:
        projector: with its channel statistics set.
        data: where the features come from; a cache.
        records: M images.
        rng: draws the augmented variant of each.

    Returns:
        (M, C) on the CPU.
    """
    rows = []
    for start in range(0, len(records), 64):
        pooled = data.vision(records[start : start + 64], rng)  # (B, V, P, C)
        tokens = projector.standardised(pooled.flatten(0, 1).to(projector.feature_mean.device))[:, 0]
        rows.append(tokens.reshape(*pooled.shape[:2], -1).mean(1).cpu())
    return torch.cat(rows)


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


def deal(groups: Sequence[str], labels: torch.Tensor, folds: int) -> torch.Tensor:
    """Parts for ``out_of_fold``: whole groups, by label, largest first, each to the part that holds fewest.

    A label with a single group is dealt image by image: with the group held out, the probe would have seen the other
    label alone, and would call all of it that.

    Args:
        groups: (M,) names, such as sources.
        labels: (M,), 1 = fake.
        folds: how many parts.

    Returns:
        (M,), the number of each image's part.
    """
    marks = labels.tolist()
    several = {mark: len({g for g, own in zip(groups, marks, strict=True) if own == mark}) > 1 for mark in set(marks)}
    units = [
        (mark, group if several[mark] else f"{group}#{at}")
        for at, (group, mark) in enumerate(zip(groups, marks, strict=True))
    ]
    dealt: dict[tuple[float, str], int] = {}
    filled: dict[float, list[int]] = {mark: [0] * folds for mark in several}
    for unit, size in sorted(Counter(units).items(), key=lambda item: (-item[1], item[0][1], item[0][0])):
        smallest = filled[unit[0]].index(min(filled[unit[0]]))
        filled[unit[0]][smallest] += size
        dealt[unit] = smallest
    return torch.tensor([dealt[unit] for unit in units])


def out_of_fold(
    features: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor,
    groups: Sequence[str],
    penalty: float,
    folds: int = 5,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and P(fake) of every image by probes that saw no image of its group.

    Args:
        features: (M, C), standardised.
        labels: (M,), 1 = fake.
        weights: (M,), summing to 1.
        groups: (M,) names, such as sources, dealt out by ``deal``.
        penalty: as for ``fit_probe``.
        folds: how many parts.

    Returns:
        Logits (M,) as the probes give them, 0 where a probe would have seen one label alone; and P(fake) (M,) in
        (0, 1), scaled to be calibrated as a whole, the share of fakes where larger logits do not mean fake.
    """
    fold = deal(groups, labels, folds)
    scores = torch.zeros(len(labels))
    for number in range(folds):
        held = fold == number
        if not bool(held.any()) or len(labels[~held].unique()) < 2:
            continue
        weight, bias = fit_probe(features[~held], labels[~held], weights[~held] / weights[~held].sum(), penalty)
        scores[held] = features[held] @ weight + bias
    try:
        temperature, shift = fit_platt(scores.double().numpy(), labels.double().numpy(), weights.double().numpy())
    except ValueError:  # one label, or an order that is upside down, as few sources can give: no use as a target
        return scores, torch.full_like(scores, float((weights * labels).sum() / weights.sum()))
    return scores, torch.sigmoid(scores / temperature + shift)


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
    spread = projector(features[:64].to(projector.feature_mean.device)).std()
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
    if projector.probe is not None:  # of a checkpoint that training goes on from: its logit would be added
        projector.probe.direction.zero_()
