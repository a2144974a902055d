"""What a run keeps on disk to go on exactly where it stopped: weights, optimizer, queues, random states, position.

The folder is written beside its name and renamed, so that a run killed while saving leaves the previous one whole.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from fakescan.errors import ConfigError, DataError, ReportError
from fakescan_trainer.network import ForensicNetwork


@dataclass
class Position:
    """Where a run stands."""

    stage: int = 0
    """Number of the stage."""
    step: int = 0
    """Optimizer steps done in it."""
    total_steps: int = 0
    """Optimizer steps done in all."""
    best: float = -1.0
    """Best validation AUC so far."""
    auc: float = -1.0
    """Last validation AUC; -1 where none was measured."""
    elapsed_s: float = 0.0
    """Training time so far."""
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    """What stages in closed form said, by name."""


def trained_tensors(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Everything that a run changes, of a network's state: adapters, projector, mapper, contrast with its queues."""
    return {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in state.items()
        if "lora_" in name or "multi_modal_projector" in name or name.startswith(("mapper.", "contrast."))
    }


def save_state(
    folder: Path, weights: Mapping[str, torch.Tensor], optimizer: torch.optim.Optimizer | None, position: Position
) -> None:
    """Write a checkpoint, replacing the previous one.

    Args:
        folder: where to.
        weights: state of the whole network.
        optimizer: its moments are kept too; None where there are none.
        position: where the run stands.

    Raises:
        ReportError: it cannot be written; the previous one is kept.
    """
    fresh, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    try:
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)
        _write(fresh, weights, optimizer, position)
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
    except (OSError, RuntimeError, SafetensorError) as error:  # torch and safetensors wrap a full disk each in its own
        shutil.rmtree(fresh, ignore_errors=True)
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ReportError(
            f"cannot save {folder}: {reason}", "free some space; --resume goes on from the checkpoint before"
        ) from error
    shutil.rmtree(old, ignore_errors=True)


def _write(
    fresh: Path, weights: Mapping[str, torch.Tensor], optimizer: torch.optim.Optimizer | None, position: Position
) -> None:
    fresh.mkdir(parents=True)
    save_file(trained_tensors(weights), fresh / "trained.safetensors")
    python_state = random.getstate()
    state = {
        "optimizer": optimizer.state_dict() if optimizer else None,
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": [python_state[0], list(python_state[1]), python_state[2]],
    }
    torch.save(state, fresh / "state.pt")
    (fresh / "position.json").write_text(json.dumps(asdict(position)), "utf-8")


def refuse_taken(out: Path, *, resume: bool) -> None:
    """Find out before anything is loaded whether a run can be kept in a folder.

    Args:
        out: the run's folder.
        resume: whether a run that is there is gone on with.

    Raises:
        ConfigError: the folder holds a run that nobody asked to go on with.
        DataError: there is nothing to go on with.
        ReportError: the folder cannot be made or written.
    """
    last, old = out / "last", out / "last.old"
    if not last.exists() and old.exists():
        old.rename(last)  # killed between the two renames of a save
    if resume:
        load_position(last)
    elif last.exists():
        raise ConfigError([f"run.out: {out} holds a run already"], "choose another folder, or add --resume")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ReportError(
            f"cannot write to {out}: {error.strerror or type(error).__name__}", "give another folder as run.out"
        ) from error


def load_position(folder: Path) -> Position:
    """Where the saved run stands.

    Raises:
        DataError: there is no checkpoint.
    """
    try:
        return Position(**json.loads((folder / "position.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"nothing to resume in {folder}: {error}", "leave out --resume to start anew") from error


def load_weights(folder: Path, network: ForensicNetwork) -> None:
    """Put the saved weights and queues back.

    Raises:
        DataError: the checkpoint belongs to another recipe.
    """
    try:
        weights = load_file(folder / "trained.safetensors")
    except (OSError, SafetensorError) as error:
        raise _damaged(folder, error) from error
    own = network.state_dict()
    strange = [name for name, tensor in weights.items() if name not in own or own[name].shape != tensor.shape]
    if strange:
        raise DataError(
            f"{folder} belongs to another recipe ({strange[0]} does not fit)", "resume with the recipe saved beside it"
        )
    network.load_state_dict(weights, strict=False)


def load_progress(folder: Path, optimizer: torch.optim.Optimizer) -> None:
    """Put optimizer moments and random states back; between two stages there are no moments to put back.

    Raises:
        DataError: they cannot be read, or belong to another recipe.
    """
    try:
        state = torch.load(folder / "state.pt", weights_only=True)
        if state["optimizer"] is not None:
            optimizer.load_state_dict(state["optimizer"])
    except Exception as error:  # whatever pickle and torch make of damaged bytes
        raise _damaged(folder, error) from error
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))


def _damaged(folder: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:200]
    return DataError(f"the checkpoint {folder} cannot be read: {reason}", "leave out --resume and give another run.out")


def seed_everything(seed: int) -> None:
    """Seed torch, numpy and Python."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
