"""Training that goes on from a finished checkpoint: its adapters, its projector, its mapper's temperature."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from fakescan.errors import ModelError
from fakescan.model.build import load_partial
from fakescan.model.checkpoints.ours import ADAPTER, adapter_weights, read_info, verify_files
from fakescan_trainer.network import ForensicNetwork


@torch.no_grad()
def start_from(folder: Path, network: ForensicNetwork) -> None:
    """Put a checkpoint's weights into a network, in place.

    What the checkpoint lacks and the recipe adds, as a probe of the class token, stays as it was made.

    Args:
        folder: as ``fakescan train`` or the package has it.
        network: of the same base, the same adapters and the same projector.

    Raises:
        ModelError: it is missing or damaged, has no adapter, or does not fit.
    """
    info = read_info(folder)
    if ADAPTER not in info.files:
        raise ModelError(f"{folder} holds a whole model, without an adapter to go on from", "give it as model.base")
    verify_files(folder, info)
    wanted = network.config.model
    own = (info.lora.rank, info.lora.alpha) if info.lora else (0, wanted.lora.alpha)
    if own != (wanted.lora.rank, wanted.lora.alpha):
        raise ModelError(
            f"the adapters in {folder} have rank {own[0]} and alpha {own[1]:g}, "
            f"the recipe says {wanted.lora.rank} and {wanted.lora.alpha:g}",
            "set model.lora.rank and model.lora.alpha to theirs",
        )
    load_partial(network.llava, adapter_weights(folder, info), str(folder / ADAPTER))
    network.mapper.log_tau.fill_(math.log(info.tau))
