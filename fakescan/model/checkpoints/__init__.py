"""Checkpoint layouts, one file a layout, and the weight storage they share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fakescan.model.checkpoints.ours import LoadedModel


def load_any(folder: Path) -> LoadedModel:
    """Load whatever layout a folder holds.

    Raises:
        ModelError: it holds none that is known, or a damaged one.
    """
    from fakescan.model.checkpoints import huggingface, ours

    if (folder / ours.MANIFEST).is_file() or not (folder / "config.json").is_file():
        return ours.load_checkpoint(folder)
    return huggingface.load_llava(folder)
