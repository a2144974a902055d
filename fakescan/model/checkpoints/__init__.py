"""Checkpoint layouts, one file a layout, and the weight storage they share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from fakescan.model.checkpoints.ours import LoadedModel


def load_any(folder: Path, dtype: torch.dtype | None = None) -> LoadedModel:
    """Load a model from a folder in our layout or transformers'.

    Args:
        folder: of the model.
        dtype: number format in which whole models are loaded; None is float32.

    Raises:
        ModelError: it holds none that is known, a damaged one, or one that must be converted first.
    """
    import torch

    from fakescan.model.checkpoints import huggingface, layouts, marks, ours
    from fakescan.model.memory import give_back_memory

    if fault := layouts.cannot_run(folder):
        raise fault
    if (folder / marks.MANIFEST).is_file() or not (folder / "config.json").is_file():
        loaded = ours.load_checkpoint(folder, dtype or torch.float32)
    else:
        loaded = huggingface.load_llava(folder, dtype or torch.float32)
    give_back_memory()
    return loaded
