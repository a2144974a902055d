"""From a network in training to a checkpoint that ``fakescan scan --model`` takes; the base is named, not copied."""

from __future__ import annotations

from pathlib import Path

from fakescan.model.build import LoraSettings
from fakescan.model.checkpoints.ours import CheckpointInfo, save_adapter, write_info
from fakescan.model.images import Preprocessing
from fakescan.version import __version__
from fakescan_trainer.config import ModelConfig
from fakescan_trainer.network import ForensicNetwork


def export_checkpoint(folder: Path, network: ForensicNetwork, model: ModelConfig, prep: Preprocessing) -> Path:
    """Write adapters, projector and manifest.

    Args:
        folder: made when it does not exist.
        network: what was trained.
        model: the recipe's model section.
        prep: views and normalisation.

    Returns:
        The folder.
    """
    save_adapter(folder, network.llava)
    lora = LoraSettings(model.lora.rank, model.lora.alpha, 0.0, model.lora.vision_blocks) if model.lora.rank else None
    info = CheckpointInfo(
        name=model.name,
        base=str(Path(model.base).resolve()),
        base_name=Path(model.base).name,
        template=model.template,
        preprocessing=prep,
        projector_pooling=model.projector_pooling,
        lora=lora,
        tau=float(network.mapper.tau.detach()),
        tool_version=__version__,
    )
    write_info(folder, info)
    return folder
