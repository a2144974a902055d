"""From a network in training to a checkpoint that ``fakescan scan --model`` takes; the base is named, not copied."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from fakescan.core.records import Calibration, ScoreKind
from fakescan.model.build import LoraSettings
from fakescan.model.checkpoints.merging import merge_model
from fakescan.model.checkpoints.ours import CheckpointInfo, read_info, save_adapter, write_info
from fakescan.model.images import Preprocessing
from fakescan.model.prompt import AnswerForm
from fakescan.version import __version__
from fakescan_trainer.card import card_text, write_card
from fakescan_trainer.config import ModelConfig, TrainConfig
from fakescan_trainer.facts import FACTS
from fakescan_trainer.start import Start


def export_checkpoint(
    folder: Path,
    state: Mapping[str, torch.Tensor],
    model: ModelConfig,
    prep: Preprocessing,
    calibration: Mapping[ScoreKind, Calibration] | None = None,
    start: Start | None = None,
) -> Path:
    """Write adapters, projector and manifest.

    Args:
        folder: made when it does not exist.
        state: of the network that was trained.
        model: the recipe's model section.
        prep: views and normalisation.
        calibration: by score; None for a model that gives scores only.
        start: what training went on from: the form of its answers and the score that decides stay.

    Returns:
        The folder.
    """
    save_adapter(folder, {n.removeprefix("llava."): t for n, t in state.items() if n.startswith("llava.")})
    lora = LoraSettings(model.lora.rank, model.lora.alpha, 0.0, model.lora.vision_blocks) if model.lora.rank else None
    info = CheckpointInfo(
        name=model.name,
        base=str(Path(model.base).resolve()),
        base_name=Path(model.base).name,
        template=model.template,
        preprocessing=prep,
        projector_pooling=model.projector_pooling,
        projector_probe_units=model.projector_probe_units,
        lora=lora,
        tau=math.exp(float(state["mapper.log_tau"])),
        tool_version=__version__,
        calibration=calibration or {},
        decides=start.decides if start else ScoreKind.BEFORE,
        answer=start.answer if start else AnswerForm(),
    )
    write_info(folder, info)
    return folder


def finish(run: Path, checkpoint: Path, facts: Mapping[str, Any], config: TrainConfig) -> None:
    """What a run leaves beside its checkpoint: facts, the model card, and the merged model where that is wanted.

    Args:
        run: the run's folder.
        checkpoint: what was exported.
        facts: of the run.
        config: its recipe.

    Raises:
        ReportError: the merged model cannot be written.
    """
    (run / FACTS).write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    write_card(checkpoint, card_text(facts, read_info(checkpoint).calibration))
    if config.run.export != "adapter":
        merged = run / "merged"
        shutil.rmtree(merged, ignore_errors=True)  # of a run that was gone on with after its end
        merge_model(checkpoint, merged)
