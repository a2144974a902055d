"""What the loop measures on held-out sources: detection in triage, and whether the text looks at the picture."""

from __future__ import annotations

import numpy as np
import torch

from fakescan_trainer.data.mmfr import Record
from fakescan_trainer.data.source import TrainingData
from fakescan_trainer.encode import RowEncoder, collate
from fakescan_trainer.evaluate.detection import auc
from fakescan_trainer.network import ForensicNetwork

EVAL_BATCH = 16


@torch.inference_mode()
def triage_scores(
    network: ForensicNetwork, encoder: RowEncoder, data: TrainingData, records: list[Record], device: torch.device
) -> np.ndarray:
    """z_fake - z_real of every record with the conclusion forced straight after the question, (M,)."""
    rng, scores = np.random.default_rng(0), []
    for start in range(0, len(records), EVAL_BATCH):
        chosen = records[start : start + EVAL_BATCH]
        batch = collate([encoder.short(record) for record in chosen], encoder.prompt.end_id).to(device)
        states = network.states(batch, network.embed(data.vision(chosen, rng, plain=True).to(device), len(chosen)))
        pairs = network.class_logits(states, batch.index)
        scores.append((pairs[:, 1] - pairs[:, 0]).float().cpu().numpy())
    return np.concatenate(scores).astype(np.float64)


@torch.inference_mode()
def caption_losses(
    network: ForensicNetwork, encoder: RowEncoder, data: TrainingData, records: list[Record], device: torch.device
) -> tuple[float, float]:
    """Mean caption loss with each image's own features, and with another's: equal means it does not look."""
    rng, right, shuffled = np.random.default_rng(0), [], []
    for start in range(0, len(records) - 1, EVAL_BATCH):
        chosen = records[start : start + EVAL_BATCH]
        if len(chosen) < 2:
            break
        batch = collate([encoder.caption(record) for record in chosen], encoder.prompt.end_id).to(device)
        vision = data.vision(chosen, rng, plain=True, views=data.caption_views).to(device)
        per_image = vision.reshape(len(chosen), -1, *vision.shape[1:])
        other = per_image.roll(1, 0).reshape(vision.shape)
        right.append(network(batch, vision, "caption").terms["lm_caption"])
        shuffled.append(network(batch, other, "caption").terms["lm_caption"])
    return float(np.mean(right)), float(np.mean(shuffled))


def evaluate(
    network: ForensicNetwork, encoder: RowEncoder, data: TrainingData, rows: int, device: torch.device
) -> dict[str, float]:
    """Figures on at most ``rows`` validation records; empty when there are none.

    ``auc`` and ``bce`` of the score before reasoning, ``caption_right`` and ``caption_shuffled`` losses a token.
    """
    if not data.validation or rows < 1:
        return {}
    network.eval()
    order = np.random.default_rng(0).permutation(len(data.validation))[:rows]
    records = [data.validation[int(i)] for i in order]
    scores = triage_scores(network, encoder, data, records, device)
    labels = np.array([float(record.label == "fake") for record in records])
    logits = scores / float(network.mapper.tau.detach())
    metrics = {
        "auc": auc(labels, scores),
        "bce": float(np.mean(np.logaddexp(0, logits) - labels * logits)),
        "accuracy": float(np.mean((logits > 0) == (labels == 1))),
    }
    described = [record for record in records if record.caption][: max(2, rows // 4)]
    if len(described) >= 2:
        metrics["caption_right"], metrics["caption_shuffled"] = caption_losses(
            network, encoder, data, described, device
        )
    return metrics
