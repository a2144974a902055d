"""The training loop: stages, steps, evaluation, checkpoints.

``train(config)`` is an ordinary function; ``fakescan train`` only builds the config and shows progress.
"""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fakescan.core.records import Calibration, ScoreKind
from fakescan.errors import ModelError
from fakescan.model.build import load_base
from fakescan.model.projector import PooledProjector
from fakescan_trainer import probe
from fakescan_trainer.calibrate import of_held_out
from fakescan_trainer.closed_form import remark, run_closed_form
from fakescan_trainer.config import CLOSED_FORM, StageConfig, TrainConfig, to_toml_table
from fakescan_trainer.data.mmfr import Record
from fakescan_trainer.encode import Row, collate
from fakescan_trainer.evaluate.validation import evaluate, triage_scores
from fakescan_trainer.export import export_checkpoint, finish
from fakescan_trainer.facts import facts_of
from fakescan_trainer.materials import Materials, gather
from fakescan_trainer.memory import checkpoint_activations, give_back_at_once
from fakescan_trainer.network import ForensicNetwork
from fakescan_trainer.out_of_fold import OutOfFold
from fakescan_trainer.processes import (
    any_wants,
    is_sharded,
    make_accelerator,
    mean_terms,
    prepare,
    reduce_scalars,
    whole_state,
)
from fakescan_trainer.qlora import quantise_language
from fakescan_trainer.record import MetricsFile
from fakescan_trainer.sampling import samplers_of, source_weights
from fakescan_trainer.schedule import cosine_with_warmup, steps_of
from fakescan_trainer.start import keep_start, start_from
from fakescan_trainer.state import (
    Position,
    load_position,
    load_progress,
    load_weights,
    refuse_taken,
    save_state,
    seed_everything,
)
from fakescan_trainer.watch import SILENT, TrainObserver


@dataclass(frozen=True)
class TrainReport:
    """How a run ended."""

    folder: Path
    """Folder of the exported checkpoint."""
    metrics: dict[str, float]
    """Last evaluation."""
    steps: int
    """Optimizer steps in all."""
    losses: list[float]
    """Total loss of every step of this call, in order."""


class Trainer:
    """One run: what is built once and used by every stage."""

    def __init__(self, config: TrainConfig, watch: TrainObserver = SILENT, materials: Materials | None = None) -> None:
        """Load data and model.

        Args:
            config: the recipe.
            watch: told what happens.
            materials: what ``gather`` read of the recipe, where that was done before; with its ``resume``, weights of
                ``model.start`` are not loaded.

        Raises:
            DataError: the data is missing or malformed.
            ModelError: the base is missing or does not fit.
        """
        if config.run.threads:
            torch.set_num_threads(config.run.threads)
        give_back_at_once()
        seed_everything(config.run.seed)
        self.config, self.watch = config, watch
        self.out = Path(config.run.out)
        self.accelerator = make_accelerator(config)
        materials = materials or gather(config)
        self.start = materials.start
        self.tokenizer, self.prep, self.data = materials.tokenizer, materials.prep, materials.data
        self.anchors, self.encoder = materials.anchors, materials.encoder
        if self.data.left_out:
            watch.message(f"{self.data.left_out} records are left out: the feature cache does not hold them yet")
        llava = load_base(
            config.model.base,
            projector_pooling=config.model.projector_pooling,
            projector_probe_units=config.model.projector_probe_units,
        )
        if config.model.quantise != "none":
            quantise_language(llava, config.model.quantise, config.run.precision, self.accelerator.device)
        if config.run.gradient_checkpointing:
            checkpoint_activations(llava)
        self.network = ForensicNetwork(llava, config, self.anchors).to(self.accelerator.device)
        self.wrapped: Any = None
        self._standardise()
        if self.start and self.start.info:
            start_from(Path(config.model.start), self.start.info, self.network)
        self.position = Position()
        self.losses: list[float] = []
        self.unseen = OutOfFold(config.loss.soft_targets, self.out)

    def _standardise(self) -> None:
        """Channel statistics of a pooled projector, from cached features of training images."""
        projector = self.network.llava.model.multi_modal_projector
        if not isinstance(projector, PooledProjector) or self.data.cache is None:
            return
        rng = np.random.default_rng(self.config.run.seed)
        pool = self.data.labelled or self.data.captions
        chosen = [pool[int(i)] for i in rng.choice(len(pool), min(384, len(pool)), replace=False)]
        features = self.data.vision(chosen, rng).flatten(0, 1)
        spread = float(self.network.llava.get_input_embeddings().weight.std())
        probe.fit_standardisation(projector, features, spread)

    def run(self, *, resume: bool = False) -> TrainReport:
        """Go through the stages.

        Args:
            resume: go on from the last checkpoint in the run's folder.

        Raises:
            ConfigError: the folder holds a run already.
            DataError: there is nothing to go on with, or a picture cannot be read.
            ReportError: the folder cannot be written.
            KeyboardInterrupt: whoever watches asked for an end; what was done is saved.
        """
        last = self.out / "last"
        refuse_taken(self.out, resume=resume)
        self.accelerator.wait_for_everyone()  # before one of them makes it a taken one
        if resume:
            self.position = load_position(last)
            load_weights(last, self.network)
            self.unseen.load()
            self.data.shift = self.unseen.shift
        self._note_config(resume=resume)
        if self.start and not resume and self.accelerator.is_main_process:
            keep_start(self.out, self.start)
        if self.accelerator.process_index:
            torch.manual_seed(self.config.run.seed + self.accelerator.process_index)  # dropout of its own
        metrics_file = MetricsFile(
            self.out, self.position.total_steps if resume else None, keep=self.accelerator.is_main_process
        )
        metrics: dict[str, float] = {}
        try:
            if not resume:
                metrics = self._evaluate(metrics_file, "start")
            for number in range(self.position.stage, len(self.config.stages)):
                stage = self.config.stages[number]
                before = self.position.auc
                if stage.task in CLOSED_FORM:
                    self._closed_form(stage, metrics_file)
                else:
                    self._stage(stage, metrics_file, resume=resume)
                    resume = False
                metrics = self._evaluate(metrics_file, stage.name)
                if stage.task == "kernel" and metrics.get("auc", before) < before:
                    self.watch.message(
                        f"warning: stage {stage.name} lowered the AUC on held-out images from {before:.3f} to "
                        f"{self.position.auc:.3f}: leave it out, or fit it on more sources of each label"
                    )
                self.position.stage, self.position.step = number + 1, 0
                self._save(None)
        finally:
            metrics_file.close()
        folder = self.export(self.out / "checkpoint", calibration=self._calibration())
        if self.accelerator.is_main_process:
            processes = self.accelerator.num_processes
            facts = facts_of(self.config, self.data, self.network, self.position, metrics, processes, self.start)
            finish(self.out, folder, facts, self.config)
        return TrainReport(folder, metrics, self.position.total_steps, self.losses)

    def _note_config(self, *, resume: bool) -> None:
        """Write the resolved recipe; tell where a resumed run no longer follows the one that it began with."""
        if not self.accelerator.is_main_process:
            return
        path, table = self.out / "config.json", json.loads(json.dumps(to_toml_table(self.config)))
        if resume and path.is_file():
            try:
                earlier = json.loads(path.read_text("utf-8"))
                changed = [section for section in table if section != "run" and earlier.get(section) != table[section]]
            except (ValueError, AttributeError):
                changed = []
            if changed:
                self.watch.message(f"warning: other settings than this run began with in {', '.join(changed)}")
        path.write_text(json.dumps(table, indent=1), "utf-8")

    def _closed_form(self, stage: StageConfig, metrics_file: MetricsFile) -> None:
        """A stage without steps; counted as one."""
        self.watch.stage_started(stage.name, 1, 0)
        clock = time.monotonic()
        figures = run_closed_form(stage, self.config, self.network, self.tokenizer, self.data, self.unseen)
        self.position.total_steps += 1
        self.position.elapsed_s += time.monotonic() - clock
        self.position.figures[stage.name] = figures
        metrics_file.write(self.position.total_steps, stage.name, figures)
        self.watch.step(1, figures)
        if said := remark(figures):
            self.watch.message(said)

    def _stage(self, stage: StageConfig, metrics_file: MetricsFile, *, resume: bool) -> None:
        data, config, accelerator = self.data, self.config, self.accelerator
        processes = accelerator.num_processes
        total = steps_of(stage, len(data.full), len(data.labelled), len(data.captions), processes)
        modules = config.modules_of(stage)
        self.network.rest_idle_adapters(modules)
        groups = self.network.parts(modules)
        rates = {
            "adapters": stage.lr,
            "projector": stage.lr_projector or stage.lr,
            "scalars": stage.lr_scalars or stage.lr,
        }
        optimizer = torch.optim.AdamW(
            [
                {"params": parameters, "lr": rates[name], "base_lr": rates[name], "name": name}
                for name, parameters in groups.items()
            ],
            weight_decay=stage.weight_decay,
        )
        if resume:
            load_progress(self.out / "last", optimizer)
        samplers = samplers_of(stage, data, config.run.seed, balance=config.data.balance)
        rows = max(size for _, _, size in samplers.values())
        network, optimizer = prepare(accelerator, self.network, optimizer, stage.accumulate * len(samplers), rows)
        self.wrapped = network
        self.watch.stage_started(stage.name, total, self.position.step)
        sums: dict[str, list[float]] = defaultdict(list)
        clock = time.monotonic()
        for step in range(self.position.step, total):
            factor = cosine_with_warmup(step, total, stage.warmup)
            for group in optimizer.param_groups:
                group["lr"] = group["base_lr"] * factor
            self.network.train()
            terms = mean_terms(accelerator, self._step(stage, step, network, optimizer, samplers))
            self.losses.append(terms["total"])
            for name, value in terms.items():
                sums[name].append(value)
            self.position.step, self.position.total_steps = step + 1, self.position.total_steps + 1
            self.position.elapsed_s += time.monotonic() - clock
            clock = time.monotonic()
            if (step + 1) % config.run.log_every == 0 or step + 1 == total:
                means = {name: float(np.mean(values)) for name, values in sums.items()}
                means |= {
                    "tau": float(self.network.mapper.tau.detach()),
                    "temperature": float(self.network.contrast.temperature.detach()),
                }
                means |= {"lr": stage.lr * factor, "elapsed_s": self.position.elapsed_s}
                metrics_file.write(self.position.total_steps, stage.name, means)
                self.watch.step(step + 1, means)
                sums.clear()
            if config.run.eval_every and (step + 1) % config.run.eval_every == 0 and step + 1 < total:
                self._evaluate(metrics_file, stage.name)
            stop = any_wants(accelerator, self.watch.stop_wanted())
            if stop or (config.run.save_every and (step + 1) % config.run.save_every == 0 and step + 1 < total):
                self._save(optimizer)
            if stop:
                raise KeyboardInterrupt
            clock = time.monotonic()

    def _step(
        self, stage: StageConfig, step: int, network: Any, optimizer: Any, samplers: dict[str, Any]
    ) -> dict[str, float]:
        """One optimizer step: every micro-batch of every kind, then the update."""
        accelerator = self.accelerator
        totals: dict[str, float] = defaultdict(float)
        for micro in range(stage.accumulate):
            number = (step * stage.accumulate + micro) * accelerator.num_processes + accelerator.process_index
            for kind, (sampler, records, size) in samplers.items():
                rng = np.random.default_rng([self.config.run.seed, number, len(kind)])
                chosen = [records[i] for i in sampler.draw(number, size)]
                if kind == "short" and stage.read:
                    chosen = self._exchanged(chosen, stage.read, rng)
                rows = [self._row(kind, record, rng) for record in chosen]
                batch = collate(rows, self.encoder.prompt.end_id).to(accelerator.device)
                views = self.data.caption_views if kind == "caption" else None
                vision = self.data.vision(chosen, rng, views=views).to(accelerator.device)
                with accelerator.accumulate(network):
                    with accelerator.autocast():
                        losses = network(batch, vision, kind)
                    # accelerate divides by the backward passes of a step, which are as many for each kind
                    accelerator.backward(losses.total * len(samplers))
                if not math.isfinite(float(losses.total.detach())):
                    raise ModelError(
                        f"the loss is not a number at step {step} of {stage.name}",
                        "lower the learning rate, or use float32",
                    )
                for name, value in losses.terms.items():
                    totals[name] += value / stage.accumulate
                totals["total"] += float(losses.total.detach()) / stage.accumulate
        reduce_scalars(accelerator, self.network)
        if self.config.run.max_grad_norm:
            accelerator.clip_grad_norm_(network.parameters(), self.config.run.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        return dict(totals)

    def _exchanged(self, records: Sequence[Record], share: float, rng: np.random.Generator) -> list[Record]:
        """With probability ``share``, an image with the logit and label of another of the same draw."""
        others = [records[int(i)] for i in rng.permutation(len(records))]
        return [
            self.unseen.exchange(record, other) if rng.random() < share else record
            for record, other in zip(records, others, strict=True)
        ]

    def _row(self, kind: str, record: Any, rng: np.random.Generator) -> Row:
        if kind == "full":
            return self.encoder.full(record, steered=bool(rng.random() < self.config.data.steer))
        return self.encoder.short(record, self.unseen.aim(record)) if kind == "short" else self.encoder.caption(record)

    def _evaluate(self, metrics_file: MetricsFile, stage: str) -> dict[str, float]:
        if is_sharded(self.accelerator):  # no process could run it alone: fakescan eval, afterwards
            return {}
        metrics = evaluate(self.network, self.encoder, self.data, self.config.run.eval_rows, self.accelerator.device)
        if not metrics:
            return {}
        metrics_file.write(
            self.position.total_steps, stage, {f"validation_{name}": value for name, value in metrics.items()}
        )
        self.watch.evaluated(metrics)
        self.position.auc = metrics["auc"]
        if self.position.auc > self.position.best:
            self.position.best = self.position.auc
            self.export(self.out / "best")
        return metrics

    def _save(self, optimizer: torch.optim.Optimizer | None) -> None:
        state = whole_state(self.accelerator, self.network, self.wrapped)
        if self.accelerator.is_main_process:
            # The pieces of a sharded optimizer are not put together: such a run goes on with fresh moments.
            kept = None if is_sharded(self.accelerator) else optimizer
            save_state(self.out / "last", state, kept, self.position)
            self.watch.saved(self.out / "last")
        self.accelerator.wait_for_everyone()

    def _calibration(self) -> dict[ScoreKind, Calibration]:
        """Of the score before the text, on the held-out images; empty where it cannot be fitted."""
        records = self.data.validation
        if not records or is_sharded(self.accelerator):
            return {}
        self.network.eval()
        scores = triage_scores(self.network, self.encoder, self.data, records, self.accelerator.device)
        labels = np.array([float(record.label == "fake") for record in records])
        found = of_held_out(scores, labels, source_weights(records), [record.source for record in records])
        return {} if found is None else {ScoreKind.BEFORE: found}

    def export(self, folder: Path, *, calibration: dict[ScoreKind, Calibration] | None = None) -> Path:
        """Write a checkpoint that ``fakescan scan --model`` takes."""
        state = whole_state(self.accelerator, self.network, self.wrapped)
        if self.accelerator.is_main_process:
            export_checkpoint(folder, state, self.config.model, self.prep, calibration, self.start)
        self.accelerator.wait_for_everyone()
        return folder


def train(config: TrainConfig, *, resume: bool = False, watch: TrainObserver = SILENT) -> TrainReport:
    """Train by a recipe.

    Raises:
        ConfigError: the recipe contradicts itself or the run's folder is taken.
        DataError: the data is missing or malformed.
        ModelError: the base does not fit, or training diverged.
    """
    return Trainer(config, watch, gather(config, resume=resume)).run(resume=resume)
