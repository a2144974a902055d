"""Start the projector from the words of captions: visual tokens point at what is seen before any step is trained.

Alignment by gradient needs hundreds of thousands of captions to find out which direction of the visual features means
"dog". A ridge regression finds the larger part at once: from the tower's features to the sum of the embeddings of a
caption's words, each by how rare it is. Its leading directions are written into the projector, two hidden units a
direction, since gelu(a) - gelu(-a) = a. The alignment stage goes on from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional
from transformers import LlavaForConditionalGeneration

from fakescan.model.projector import PooledProjector
from fakescan.model.prompt import Tokenizer
from fakescan_trainer.data.mmfr import Record
from fakescan_trainer.data.source import TrainingData

RESERVED_UNITS = 2
"""Hidden units that are left to the detection probe."""
MIN_CAPTIONS = 3
"""A token in fewer captions says more about them than about pictures."""
MAX_SHARE = 0.3
"""A token in more than this share of the captions ("a", "the") says nothing about any."""


def word_targets(captions: Sequence[Sequence[int]], embeddings: torch.Tensor) -> torch.Tensor:
    """What a visual token should point at: the sum of a caption's unit embeddings by inverse document frequency.

    Args:
        captions: M captions as token ids.
        embeddings: (V, D) of the language model.

    Returns:
        (M, D), its mean over the captions taken off.
    """
    sets = [set(ids) for ids in captions]
    seen = Counter(token for ids in sets for token in ids)
    known = {
        token: float(np.log(len(sets) / count))
        for token, count in seen.items()
        if count >= MIN_CAPTIONS and count <= MAX_SHARE * len(sets)
    }
    targets = torch.zeros(len(sets), embeddings.shape[1])
    for row, ids in enumerate(sets):
        for token in sorted(ids & known.keys()):
            targets[row] += known[token] * functional.normalize(embeddings[token].float(), dim=0)
    return targets - targets.mean(0)


def fit_words(features: torch.Tensor, targets: torch.Tensor, penalty: float) -> torch.Tensor:
    """Ridge regression in its dual form, since there are fewer captions than channels.

    Args:
        features: (M, C), standardised.
        targets: (M, D).
        penalty: in mean squared norms of a row of ``features``.

    Returns:
        (C, D).
    """
    kernel = features @ features.T
    ridge = penalty * kernel.diagonal().mean()
    coefficients = torch.linalg.solve(kernel + ridge * torch.eye(len(kernel)), targets)
    mapping: torch.Tensor = features.T @ coefficients
    return mapping


@torch.no_grad()
def caption_features(
    projector: PooledProjector, data: TrainingData, records: Sequence[Record], rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Standardised class tokens and mean patches of images, averaged over views: two times (M, C)."""
    classes, patches = [], []
    for start in range(0, len(records), 64):
        pooled = data.vision(records[start : start + 64], rng, views=data.caption_views)  # (B, V, P, C)
        device = projector.feature_mean.device
        rows = projector.standardised(pooled.flatten(0, 1).to(device)).reshape(pooled.shape).cpu()
        classes.append(rows[:, :, 0].mean(1))
        patches.append(rows[:, :, 1:].mean((1, 2)))
    return torch.cat(classes), torch.cat(patches)


@torch.no_grad()
def start_from_words(
    llava: LlavaForConditionalGeneration,
    tokenizer: Tokenizer,
    data: TrainingData,
    penalty: float,
    seed: int,
) -> dict[str, float]:
    """Fit on the caption records and write the map into the projector, in place.

    Args:
        llava: with a pooled projector whose channel statistics are set.
        tokenizer: of the language model.
        data: with captions and cached features.
        penalty: as for ``fit_words``.
        seed: draws each image's augmented variant.

    Returns:
        ``words_captions`` and ``words_explained``: how many captions it was fitted on, and the share of the targets'
        square that the map explains on them.
    """
    projector = llava.model.multi_modal_projector
    embeddings = llava.get_input_embeddings().weight.cpu()
    records = data.captions
    ids = [tokenizer.encode(" " + (record.caption or ""), add_special_tokens=False) for record in records]
    targets = word_targets(ids, embeddings)
    classes, patches = caption_features(projector, data, records, np.random.default_rng(seed))
    # both kinds of tokens go through one map; a class token and the mean patch of an image share its words
    mapping = fit_words(torch.cat([classes, patches]), torch.cat([targets, targets]), penalty)
    explained = 1 - float((classes @ mapping - targets).square().sum() / targets.square().sum())
    rank = min((projector.linear_1.out_features - RESERVED_UNITS) // 2, *mapping.shape)
    left, sizes, right = torch.linalg.svd(mapping, full_matrices=False)
    outputs = (classes @ left[:, :rank] * sizes[:rank]) @ right[:rank]
    scale = float(embeddings.float().norm(dim=1).mean() / outputs.norm(dim=1).mean())
    spread = (classes @ left[:, :rank]).std(0).clamp_min(1e-6)  # hidden units of about unit size
    units = RESERVED_UNITS + 2 * torch.arange(rank)
    first, second = projector.linear_1, projector.linear_2
    for offset, sign in ((0, 1.0), (1, -1.0)):
        first.weight[units + offset] = (sign * left[:, :rank] / spread).T.to(first.weight)
        first.bias[units + offset] = 0.0
        second.weight[:, units + offset] = (sign * scale * (sizes[:rank] * spread)[:, None] * right[:rank]).T.to(
            second.weight
        )
    return {"words_captions": float(len(records)), "words_explained": explained}
