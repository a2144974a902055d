"""Which of the choices that the paper's Sec. 4.2 leaves open serves FACL best, at the embedded model's scale.

    python benchmarks/facl_choices.py RECIPE WORK [--seeds 0] [--rows 200] [--only WORDS] [key=value ...]

Every variant starts from the same base model and the same linear probe, sees the same batches in the same order, and
differs in one choice only; the first row is the loss without FACL. The table gives, on held-out sources, the AUC of the
score before reasoning, its binary cross-entropy, and how well the pooled image features alone order the two labels: the
AUC of their product with the mean fake minus the mean real training feature. Evaluations during
training are switched off.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from fakescan_trainer.config import TrainConfig
from fakescan_trainer.data.mmfr import Record
from fakescan_trainer.encode import collate
from fakescan_trainer.evaluate.detection import auc
from fakescan_trainer.evaluate.validation import triage_scores
from fakescan_trainer.loading import load_config
from fakescan_trainer.loop import Trainer

VARIANTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("without FACL", ("loss.facl=0.0",)),
    ("default: projector, last hidden, queue 256, unit length, both text pairs", ()),
    ("image: last hidden states", ('facl.image_states="last_hidden"',)),
    ("text: input embeddings", ('facl.text_states="embedding"',)),
    ("queue 0", ("facl.queue=0",)),
    ("queue 64", ("facl.queue=64",)),
    ("not normalised", ("facl.normalise=false",)),
    ("text pairs: reasoning alone", ('facl.text_pairs="reasoning"',)),
)


@torch.no_grad()
def image_features(trainer: Trainer, records: list[Record], rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Pooled image features of the kind that the variant contrasts, (M, D), and labels, (M,)."""
    network = trainer.network.eval()
    rng = np.random.default_rng(0)
    features, labels = [], []
    for start in range(0, min(rows, len(records)), 16):
        chosen = records[start : start + 16]
        visual = network.embed(trainer.data.vision(chosen, rng, plain=True), len(chosen))
        if trainer.config.facl.image_states == "projector":
            pooled = visual.mean(1)
        else:
            batch = collate([trainer.encoder.short(record) for record in chosen], trainer.encoder.prompt.end_id)
            states = network.states(batch, visual)
            mask = (batch.ids == network.llava.config.image_token_id).unsqueeze(-1)
            pooled = (states * mask).sum(1) / mask.sum(1)
        features.append(functional.normalize(pooled, dim=-1).numpy())
        labels += [float(record.label == "fake") for record in chosen]
    return np.concatenate(features), np.array(labels)


def separation(trainer: Trainer, rows: int) -> float:
    """AUC on held-out sources of the direction between the labels' mean training features."""
    rng = np.random.default_rng(0)
    labelled = trainer.data.labelled
    some = [labelled[int(i)] for i in rng.permutation(len(labelled))[:rows]]
    train, y = image_features(trainer, some, rows)
    held, labels = image_features(trainer, trainer.data.validation, rows)
    return auc(labels, held @ (train[y == 1].mean(0) - train[y == 0].mean(0)))


def run(config: TrainConfig, rows: int) -> dict[str, float]:
    """Train one variant and measure it."""
    trainer = Trainer(config)
    trainer.run()
    records = trainer.data.validation[:rows]
    scores = triage_scores(trainer.network.eval(), trainer.encoder, trainer.data, records, torch.device("cpu"))
    labels = np.array([float(record.label == "fake") for record in records])
    logits = scores / float(trainer.network.mapper.tau.detach())
    bce = float(np.mean(np.logaddexp(0, logits) - labels * logits))
    return {"auc": auc(labels, scores), "bce": bce, "separation": separation(trainer, rows)}


def main() -> None:
    """Run every variant and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--only", default="", help="variants whose name contains this")
    args = parser.parse_args()
    header = None
    for name, changes in (variant for variant in VARIANTS if args.only in variant[0]):
        for seed in args.seeds:
            out = args.work / f"{name.replace(' ', '-').replace(':', '').replace(',', '')}-{seed}"
            settings = ["run.eval_rows=0", *args.overrides, *changes, f"run.seed={seed}", f"run.out={str(out)!r}"]
            started = time.monotonic()
            metrics = run(load_config(args.recipe, settings), args.rows)
            if header is None:
                header = sorted(metrics)
                print("| variant | seed | " + " | ".join(header) + " | seconds |")
                print("|---|---|" + "---|" * (len(header) + 1))
            cells = " | ".join(f"{metrics[key]:.4f}" for key in header)
            print(f"| {name} | {seed} | {cells} | {time.monotonic() - started:.0f} |", flush=True)


if __name__ == "__main__":
    main()
