"""The paper's Tables 4, 5 and 6 at the embedded model's scale, and what the sentence that gives the verdict away does.

    python benchmarks/ablations.py benchmarks/ablations.toml WORK [--minutes 20] [--texts 0] [key=value ...]
    python benchmarks/ablations.py benchmarks/ablations.toml WORK --table

Every row starts from one common start (all stages before the first joint one), sees the same seed, and is what
``fakescan train RECIPE --ablation NAME`` trains after it. Finished rows lie in ``WORK/rows.json``: a run that was
stopped goes on with the next, and in the middle of a row at its last checkpoint. ``--minutes`` begins no further row
after so much time.

Measured on a draw of held-out images, the same for all: the ranking (AUC) and the accuracy at one half of the score
before any text; with ``--texts N`` also the likeness of N written reasonings to the annotators' (CSS). For rows with
and without the sentence "Therefore, this image is ..." in REASONING: the share of images whose verdict after a text
that says the annotator's words is whatever such a sentence says, true or not.
"""

from __future__ import annotations

import argparse
import copy
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.ablation_tables import ROWS, Figures, tables
from fakescan.cli.app import run as fakescan
from fakescan.core.records import Label
from fakescan.errors import FakescanError
from fakescan_trainer.config import TrainConfig
from fakescan_trainer.data.features import PLAIN, JoinedCaches, feature_key
from fakescan_trainer.data.mmfr import Record, read_records
from fakescan_trainer.encode import RowEncoder, collate
from fakescan_trainer.evaluate.detection import auc
from fakescan_trainer.evaluate.validation import triage_scores
from fakescan_trainer.loading import load_config
from fakescan_trainer.loop import Trainer
from fakescan_trainer.state import load_position

_BATCH = 8


# ---------------------------------------------------------------- figures


def held_out(config: TrainConfig, each: int) -> list[Record]:
    """At most so many held-out records of each label whose features are cached, drawn by the recipe's seed."""
    root = Path(config.data.root)
    cache = JoinedCaches([Path(folder) for folder in config.data.features])
    records = [record for name in config.data.validation for record in read_records(root / name, root) if record.label]
    rng = np.random.default_rng(config.run.seed)
    chosen: list[Record] = []
    for label in (Label.REAL, Label.FAKE):
        known = [r for r in records if r.label is label and cache.holds(feature_key(r.image, PLAIN))]
        chosen += [known[int(at)] for at in rng.permutation(len(known))[:each]]
    return chosen


def detection(trainer: Trainer, records: list[Record]) -> Figures:
    """Ranking and accuracy at one half of the score before any text; accuracy as the mean over the labels."""
    network = trainer.network.eval()
    scores = triage_scores(network, trainer.encoder, trainer.data, records, trainer.accelerator.device)
    labels = np.array([float(record.label is Label.FAKE) for record in records])
    fake, real = float((scores[labels == 1] > 0).mean()), float((scores[labels == 0] <= 0).mean())
    return {"auc": auc(labels, scores), "fake": fake, "real": real, "accuracy": (fake + real) / 2}


@torch.inference_mode()
def after_text(trainer: Trainer, records: Sequence[Record], said: Label | None) -> np.ndarray:
    """z_fake - z_real after the annotators' texts, (M,), with a sentence at the end that says a side, or none."""
    network, encoder = trainer.network.eval(), _plain_encoder(trainer.encoder)
    sentence = f" Therefore, this image is {said.value}." if said else ""
    rng, found = np.random.default_rng(0), []
    for start in range(0, len(records), _BATCH):
        chosen = list(records[start : start + _BATCH])
        rows = [encoder.full(replace(r, reasoning=r.reasoning + sentence), steered=False) for r in chosen]
        batch = collate(rows, encoder.prompt.end_id).to(trainer.accelerator.device)
        vision = trainer.data.vision(chosen, rng, plain=True).to(trainer.accelerator.device)
        states = network.states(batch, network.embed(vision, len(chosen)))
        pairs = network.class_logits(states, batch.index)
        found.append((pairs[:, 1] - pairs[:, 0]).float().cpu().numpy())
    return np.concatenate(found).astype(np.float64)


def _plain_encoder(encoder: RowEncoder) -> RowEncoder:
    """The same without a sentence of its own, and with room for the texts."""
    plain = copy.copy(encoder)
    plain.leak, plain.max_text_tokens = False, 2 * encoder.max_text_tokens + 40
    return plain


def sentence_effect(trainer: Trainer, records: Sequence[Record]) -> Figures:
    """How far the verdict after a text is the sentence's, and the ranking where there is none."""
    if not records:
        return {}
    called_fake, called_real = (after_text(trainer, records, side) for side in (Label.FAKE, Label.REAL))
    labels = np.array([float(record.label is Label.FAKE) for record in records])
    follows = float(((called_fake > 0) & (called_real <= 0)).mean())
    return {"follows": follows, "after_auc": auc(labels, after_text(trainer, records, None))}


def written(work: Path, name: str, root: Path, records: Sequence[Record], checkpoint: Path) -> Figures:
    """CSS of what a checkpoint writes about some held-out images; empty where it wrote nothing comparable."""
    place, figures = work / "texts.jsonl", work / "rows" / f"{name}.json"
    rows = [{"path": r.image, "label": str(r.label), "reference": r.reasoning} for r in records]
    place.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    free = ["--decode", "free"] if name == "no-cot" else []
    fakescan(["eval", str(place), "--root", str(root), "--model", str(checkpoint), "--reasoning", "all", *free,
              "--bootstrap", "0", "-o", str(figures)])  # fmt: skip
    told = json.loads(figures.read_text("utf-8")).get("reasoning") or {}
    css = told.get("css")
    return {} if css is None else {"css": float(css)}


# ---------------------------------------------------------------- runs


def advanced(config: TrainConfig, folder: Path, stages: int) -> Trainer:
    """A run of the first so many stages in a folder, gone on with where it stands."""
    config = replace(
        config, stages=config.stages[:stages], run=replace(config.run, out=str(folder)),
        data=replace(config.data, validation=()),  # measured here, not in every run
    )  # fmt: skip
    trainer = Trainer(config)
    trainer.run(resume=(folder / "last").is_dir())
    return trainer


def train_row(config: TrainConfig, start: Path, folder: Path) -> Trainer:
    """A row from the common start, or from its own last checkpoint."""
    if not (folder / "last").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("out_of_fold.json", "last"):
            fresh = folder / f"{name}.new"
            shutil.rmtree(fresh, ignore_errors=True)
            if (start / name).is_dir():
                shutil.copytree(start / name, fresh)
            elif (start / name).is_file():
                shutil.copyfile(start / name, fresh)
            else:
                continue
            fresh.replace(folder / name)
    return advanced(config, folder, len(config.stages))


def parameters(trainer: Trainer) -> float:
    """How many values the last stage updated."""
    return float(sum(p.numel() for p in trainer.network.parameters() if p.requires_grad))


def run_rows(args: argparse.Namespace) -> None:
    """Run what is not finished yet, row by row."""
    began = time.monotonic()
    config = load_config(args.recipe, args.overrides)
    first = next(number for number, stage in enumerate(config.stages) if stage.task == "joint")
    labelled = next((number for number, stage in enumerate(config.stages) if stage.task == "probe"), first)
    records = held_out(config, args.held)
    reasoned = [r for r in records if r.reasoning and r.caption]
    per_side = [[r for r in reasoned if r.label is side] for side in (Label.REAL, Label.FAKE)]
    start, finished = args.work / "start", read_rows(args.work)
    for row in (row for row in ROWS if not args.only or row.name in args.only):
        if row.name in finished:
            continue
        if args.minutes and time.monotonic() - began > 60 * args.minutes:
            print(f"time is over before {row.name}; the same command goes on")
            break
        clock = time.monotonic()
        if row.name == "zero-shot":
            if not labelled or ((start / "last").is_dir() and load_position(start / "last").stage > labelled):
                continue
            trainer = advanced(config, start, labelled)
        else:
            if first and (not (start / "last").is_dir() or load_position(start / "last").stage < first):
                advanced(config, start, first)
                clock = time.monotonic()
            ablation = None if row.name == "all" else row.name
            trainer = train_row(
                load_config(args.recipe, args.overrides, ablation=ablation), start, args.work / "rows" / row.name
            )
        figures = {"seconds": round(time.monotonic() - clock), **detection(trainer, records)}
        if row.name != "zero-shot":
            figures["parameters"] = parameters(trainer)
        if "leak" in row.cells:
            figures |= sentence_effect(trainer, [r for side in per_side for r in side[: args.sentences // 2]])
        if args.texts and row.name != "no-reasoning":
            chosen = [r for side in per_side for r in side[: max(1, args.texts // 2)]]
            figures |= written(args.work, row.name, trainer.data.root, chosen, Path(trainer.out) / "checkpoint")
        finished[row.name] = figures
        write_rows(args.work, finished)
        print(f"{row.name}: " + ", ".join(f"{key} {value:.4g}" for key, value in figures.items()), flush=True)


def read_rows(work: Path) -> dict[str, Figures]:
    """Finished rows."""
    place = work / "rows.json"
    found: dict[str, Figures] = json.loads(place.read_text("utf-8")) if place.is_file() else {}
    return found


def write_rows(work: Path, finished: dict[str, Figures]) -> None:
    """Keep finished rows, in one piece."""
    fresh = work / "rows.json.new"
    fresh.write_text(json.dumps(finished, indent=1), "utf-8")
    fresh.replace(work / "rows.json")


def main(words: Sequence[str] | None = None) -> int:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--held", type=int, default=80, help="held-out images of each label to measure on")
    parser.add_argument("--sentences", type=int, default=24, help="annotated images for the effect of the sentence")
    parser.add_argument("--texts", type=int, default=0, help="images to write about; seconds each")
    parser.add_argument("--minutes", type=float, default=0.0, help="begin no further row after so much time")
    parser.add_argument("--only", nargs="+", default=[], choices=[row.name for row in ROWS])
    parser.add_argument("--table", action="store_true", help="only print what is finished")
    args = parser.parse_intermixed_args(words)
    try:
        if not args.table:
            args.work.mkdir(parents=True, exist_ok=True)
            run_rows(args)
    except FakescanError as error:
        print(f"error: {error}; {error.hint}")
        return 2
    print("\n".join(tables(read_rows(args.work))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
