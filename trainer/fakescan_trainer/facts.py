"""What a finished run was, as data: ``facts.json`` in its folder, which the model card and the report are made of."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

from fakescan.errors import DataError
from fakescan.model.checkpoints.fit import LICENCE_STARTS
from fakescan.model.checkpoints.ours import file_sha256
from fakescan.version import __version__
from fakescan_trainer.config import CLOSED_FORM, Module, StageConfig, TrainConfig
from fakescan_trainer.data.source import TrainingData
from fakescan_trainer.network import ForensicNetwork, module_of
from fakescan_trainer.start import Start
from fakescan_trainer.state import Position

FACTS = "facts.json"
_LIBRARIES = ("torch", "transformers", "peft", "accelerate")


def facts_of(
    config: TrainConfig,
    data: TrainingData,
    network: ForensicNetwork,
    position: Position,
    metrics: Mapping[str, float],
    processes: int,
    start: Start | None = None,
) -> dict[str, Any]:
    """Facts of a run that has ended.

    Args:
        config: its recipe.
        data: what it was trained on.
        network: what was trained.
        position: where it stands.
        metrics: of the last evaluation.
        processes: how many there were.
        start: what it went on from.
    """
    labelled = Counter(record.label.value for record in data.labelled if record.label)
    names = dict.fromkeys((*config.data.train, *config.data.captions, *config.data.validation))
    modules = _changed(config, position)
    trained = sum(value.numel() for name, value in network.named_parameters() if module_of(name) in modules)
    by_steps = any(stage.task not in CLOSED_FORM for stage in config.stages)
    base = Path(config.model.base)
    return {
        "tool_version": __version__,
        "libraries": {name: version(name) for name in _LIBRARIES},
        "name": config.model.name,
        "base": {
            "name": base.name,
            "licence": config.model.licence,
            "files": {path.name: file_sha256(path) for path in sorted(base.glob("*.safetensors"))},
            "licence_files": [p.name for p in sorted(base.iterdir()) if p.name.upper().startswith(LICENCE_STARTS)],
        },
        **({"start": _start(start, modules)} if start else {}),
        "data": {
            "licence": config.data.licence,
            "files": {name: file_sha256(data.root / name) for name in names},
            "images_sha256": _images(data),
            "with_reasoning": len(data.full), "real": labelled.get("real", 0), "fake": labelled.get("fake", 0),
            "captions": len(data.captions), "held_out": len(data.validation),
            "sources": len({record.source for record in data.labelled}),
        },
        "training": {
            "steps": position.total_steps, "seconds": round(position.elapsed_s, 1), "processes": processes,
            "trained_values": trained, "seed": config.run.seed, "precision": config.run.precision,
            "stages": [_stage(stage, config, position) for stage in config.stages],
            "losses": {"lm": config.loss.lm, "facl": config.loss.facl, "cpm": config.loss.cpm} if by_steps else {},
            "lora": {"rank": config.model.lora.rank, "alpha": config.model.lora.alpha},
            "modules": modules, "quantised": config.model.quantise,
        },
        "validation": dict(metrics),
    }  # fmt: skip


def _changed(config: TrainConfig, position: Position) -> list[Module]:
    """What any stage changed, in a fixed order; a kernel stage whose detector was not taken changed nothing."""
    idle = {name for name, figures in position.figures.items() if figures.get("kernel_taken") == 0}
    found = {module for stage in config.stages if stage.name not in idle for module in config.modules_of(stage)}
    return [module for module in get_args(Module) if module in found]


def _start(start: Start, modules: Sequence[Module]) -> dict[str, Any]:
    return {
        "name": start.name, "weights_sha256": start.weights_sha256, "card": dict(start.card),
        "its_text": "language" not in modules,
    }  # fmt: skip


def _stage(stage: StageConfig, config: TrainConfig, position: Position) -> dict[str, Any]:
    told: dict[str, Any] = {"name": stage.name, "task": stage.task}
    if stage.task not in CLOSED_FORM:
        return told | {
            "lr": stage.lr, "full": stage.full, "short": stage.short, "captions": stage.captions,
            "accumulate": stage.accumulate,
        }  # fmt: skip
    told["penalty"] = stage.weight_decay
    if stage.task == "kernel":
        units = config.model.projector_probe_units
        told |= {"gamma": stage.gamma, "components": stage.components, "units": units}
    return told | {"figures": position.figures.get(stage.name, {})}


def _images(data: TrainingData) -> str:
    """One digest over the names and sizes of all training images: two runs with the same saw the same list."""
    digest = hashlib.sha256()
    for name in sorted({record.image for record in (*data.labelled, *data.captions)}):
        place = data.root / name
        size = place.stat().st_size if place.is_file() else -1
        digest.update(f"{name}\0{size}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def read_facts(run: Path) -> dict[str, Any]:
    """Facts of a run's folder.

    Raises:
        DataError: there are none, or they are damaged.
    """
    try:
        found = json.loads((run / FACTS).read_text("utf-8"))
        if not {"base", "data", "training", "validation"} <= found.keys():
            raise ValueError("something is missing in it")
    except (OSError, ValueError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{run / FACTS} cannot be read: {reason}", "give the folder of a finished run") from error
    return dict(found)
