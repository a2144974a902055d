"""What a run keeps on disk to go on exactly where it stopped: weights, optimizer, queues, random states, position.

The folder is written beside its name and renamed, so that a run killed while saving leaves the previous one whole.
"""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from fakescan.errors import DataError
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
    elapsed_s: float = 0.0
    """Training time so far."""


def trained_tensors(network: ForensicNetwork) -> dict[str, torch.Tensor]:
    """Everything that a run changes: adapters, projector, mapper, contrast with its queues."""
    return {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in network.state_dict().items()
        if "lora_" in name or "multi_modal_projector" in name or name.startswith(("mapper.", "contrast."))
    }


def save_state(
    folder: Path, network: ForensicNetwork, optimizer: torch.optim.Optimizer | None, position: Position
) -> None:
    """Write a checkpoint, replacing the previous one."""
    fresh, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    save_file(trained_tensors(network), fresh / "trained.safetensors")
    python_state = random.getstate()
    state = {
        "optimizer": optimizer.state_dict() if optimizer else None,
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": [python_state[0], list(python_state[1]), python_state[2]],
    }
    torch.save(state, fresh / "state.pt")
    (fresh / "position.json").write_text(json.dumps(asdict(position)), "utf-8")
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


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
    weights = load_file(folder / "trained.safetensors")
    own = network.state_dict()
    strange = [name for name, tensor in weights.items() if name not in own or own[name].shape != tensor.shape]
    if strange:
        raise DataError(
            f"{folder} belongs to another recipe ({strange[0]} does not fit)", "resume with the recipe saved beside it"
        )
    network.load_state_dict(weights, strict=False)


def load_progress(folder: Path, optimizer: torch.optim.Optimizer) -> None:
    """Put optimizer moments and random states back; between two stages there are no moments to put back."""
    state = torch.load(folder / "state.pt", weights_only=True)
    if state["optimizer"] is not None:
        optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))


def seed_everything(seed: int) -> None:
    """Seed torch, numpy and Python."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
