"""Training that goes on from a finished checkpoint: its adapters, its projector, its mapper's temperature.

What can be told without weights (``read_start``) is looked at before anything is made for the run. What a run keeps
in mind of its start (``Start``) lies in its folder, so that going on with the run needs the start no longer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from fakescan.core.records import ScoreKind
from fakescan.errors import DataError, ModelError
from fakescan.model.build import load_partial
from fakescan.model.checkpoints.fit import complete
from fakescan.model.checkpoints.ours import (
    ADAPTER,
    CheckpointInfo,
    adapter_weights,
    file_sha256,
    read_info,
    verify_files,
)
from fakescan.model.images import Preprocessing
from fakescan.model.prompt import AnswerForm
from fakescan_trainer.config import TrainConfig
from fakescan_trainer.network import PROBE, ForensicNetwork

_FILE = "start.json"
_OTHER_MODELS = "adapter and base belong to different models"


@dataclass(frozen=True, slots=True)
class Start:
    """A checkpoint that training goes on from."""

    name: str
    """As its manifest has it."""
    weights_sha256: str
    """Digest over its weight files."""
    answer: AnswerForm
    """How its answers are written; training rows are, too."""
    decides: ScoreKind
    """The score that was measured better."""
    card: Mapping[str, str] = field(default_factory=dict)
    """Its own short facts, such as what it was trained on."""
    info: CheckpointInfo | None = None
    """Its manifest; None in a run that is gone on with, which has its weights already."""


def read_start(config: TrainConfig, prep: Preprocessing) -> Start:
    """Read the checkpoint that a recipe names as ``model.start``, and check all that needs no weights.

    Args:
        config: the recipe.
        prep: views and normalisation of its base.

    Raises:
        ModelError: it is missing or damaged, is merged, or does not fit the recipe.
    """
    folder = Path(config.model.start)
    info = read_info(folder)
    _refuse_merged(folder, info, config)
    _same_settings(folder, info, config, prep)
    _same_probe(folder, info, config)
    verify_files(folder, info)
    _same_base(folder, info, Path(config.model.base))
    return Start(info.name, info.weights_sha256, info.answer, info.decides, info.card, info)


def _refuse_merged(folder: Path, info: CheckpointInfo, config: TrainConfig) -> None:
    """Its adapters are part of its base's weights: neither are they there to go on with, nor is the base the recipe's.

    Raises:
        ModelError: it is merged.
    """
    if ADAPTER not in info.files or (info.lora is None and config.model.lora.rank):
        raise ModelError(
            f"{folder} holds no adapters to go on from: it was merged, or trained without",
            "give the checkpoint that it was merged from, or its base/ as model.base and no model.start",
        )


def _same_settings(folder: Path, info: CheckpointInfo, config: TrainConfig, prep: Preprocessing) -> None:
    wanted, own = config.model, info.preprocessing
    ranks = (info.lora.rank, info.lora.alpha) if info.lora else (0, wanted.lora.alpha)
    if ranks != (wanted.lora.rank, wanted.lora.alpha):
        raise ModelError(
            f"the adapters in {folder} have rank {ranks[0]} and alpha {ranks[1]:g}, "
            f"the recipe says {wanted.lora.rank} and {wanted.lora.alpha:g}",
            "set model.lora.rank and model.lora.alpha to theirs",
        )
    blocks = info.lora.vision_blocks if info.lora else wanted.lora.vision_blocks
    pairs: tuple[tuple[str, Any, Any], ...] = (
        ("model.template", info.template, wanted.template),
        ("model.views", tuple(own.views), tuple(prep.views)),
        ("model.projector_pooling", info.projector_pooling, wanted.projector_pooling),
        ("model.lora.vision_blocks", tuple(blocks), tuple(wanted.lora.vision_blocks)),
    )
    for setting, theirs, ours in pairs:
        if theirs != ours:
            value = json.dumps(theirs)
            raise ModelError(f"{folder} has {setting}={value}, the recipe {json.dumps(ours)}", f"set {setting}={value}")
    for what in ("size_px", "mean", "std"):
        if getattr(own, what) != getattr(prep, what):
            raise ModelError(
                f"{folder} prepares pictures with {what} {getattr(own, what)}, the recipe's base with "
                f"{getattr(prep, what)}",
                _OTHER_MODELS,
            )


def _same_probe(folder: Path, info: CheckpointInfo, config: TrainConfig) -> None:
    """A probe has the size that it has; one that is lacking may be added, but not left empty.

    Raises:
        ModelError: the sizes differ, or nothing would fill the one that is added.
    """
    theirs, ours = info.projector_probe_units, config.model.projector_probe_units
    fills = any(stage.task == "kernel" for stage in config.stages)
    if theirs == ours or (not theirs and fills):
        return
    has = f"has a probe of {theirs} units" if theirs else "has no probe of the class token"
    hint = f"set model.projector_probe_units={theirs}" + ("" if theirs else ", or add a kernel stage, which fills it")
    raise ModelError(f"{folder} {has}, the recipe says model.projector_probe_units={ours}", hint)


def _same_base(folder: Path, info: CheckpointInfo, base: Path) -> None:
    """The same weights below: adapters change one base, and are noise on another.

    Raises:
        ModelError: the base is another one, or is not there to be compared.
    """
    own = folder / info.base
    if own.resolve() == base.resolve():
        return
    kept = {
        digest
        for name, digest in info.files.items()
        if name.endswith(".safetensors") and PurePosixPath(name).parent == PurePosixPath(info.base)
    }
    if not kept and not own.is_dir():
        raise ModelError(
            f"the base of {folder} is not there ({own}): whether the recipe's is the same cannot be told",
            "put it back, or give a checkpoint that holds its base",
        )
    if (kept or _digests(own)) != _digests(base):
        raise ModelError(f"the base of {folder} is another than model.base, {base}", "set model.base to its base")


def _digests(base: Path) -> set[str]:
    return {file_sha256(path) for path in base.glob("*.safetensors")}


@torch.no_grad()
def start_from(folder: Path, info: CheckpointInfo, network: ForensicNetwork) -> None:
    """Put a checkpoint's weights into a network, in place.

    A probe of the class token that the checkpoint lacks and the recipe adds stays as it was made.

    Args:
        folder: as ``fakescan train`` or the package has it.
        info: its manifest, checked by ``read_start``.
        network: of the same base, the same adapters and the same projector.

    Raises:
        ModelError: a weight is missing, is not finite, or does not fit.
    """
    weights = adapter_weights(folder, info)
    added = {} if info.projector_probe_units else {n: t for n, t in network.llava.state_dict().items() if PROBE in n}
    complete(network.llava, {**added, **weights}, folder / ADAPTER)
    load_partial(network.llava, weights, str(folder / ADAPTER))
    network.mapper.log_tau.fill_(math.log(info.tau))


def keep_start(run: Path, start: Start) -> None:
    """Write down in a run's folder what the run needs to know of its start until its end.

    Args:
        run: the folder.
        start: as read.
    """
    table = {
        "name": start.name, "weights_sha256": start.weights_sha256, "answer": asdict(start.answer),
        "decides": start.decides.value, "card": dict(start.card),
    }  # fmt: skip
    (run / _FILE).write_text(json.dumps(table, indent=1), "utf-8")


def recall_start(run: Path) -> Start:
    """What ``keep_start`` wrote.

    Raises:
        DataError: it is not there, or damaged.
    """
    path = run / _FILE
    try:
        table = json.loads(path.read_text("utf-8"))
        return Start(
            str(table["name"]), str(table["weights_sha256"]), AnswerForm(**table["answer"]),
            ScoreKind(table["decides"]), {str(name): str(value) for name, value in table["card"].items()},
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"{path} cannot be read: {reason}", "leave out --resume and give another run.out") from error
