"""Which layout a folder holds a model in, told from the names and the configs in it, without reading weights."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from fakescan.errors import ModelError
from fakescan.model.checkpoints.marks import ADAPTER_CONFIG, MANIFEST, is_adapter, read_json


class Layout(Enum):
    """A layout; its value is told to people."""

    OURS = "fakescan"
    HUGGINGFACE = "LLaVA in transformers' layout"
    ORIGINAL = "LLaVA or FakeReasoning v2 in its authors' layout"
    ADAPTER = "a LoRA adapter"
    UNKNOWN = "unknown"


def layout_of(folder: Path) -> Layout:
    """The layout of a folder; unknown where there is nothing that fakescan knows."""
    if (folder / MANIFEST).is_file():
        return Layout.OURS
    if is_adapter(folder):
        return Layout.ADAPTER
    try:
        data = read_json(folder / "config.json")
    except ModelError:
        return Layout.UNKNOWN
    if "mm_vision_tower" in data:
        return Layout.ORIGINAL
    return Layout.HUGGINGFACE if data.get("model_type") == "llava" and "vision_config" in data else Layout.UNKNOWN


def cannot_run(folder: Path) -> ModelError | None:
    """Why a model in this layout cannot be scanned with, and what makes it so; None where it can."""
    layout = layout_of(folder)
    if layout is Layout.ORIGINAL:
        fault = f"{folder} holds {layout.value}, which must be converted once"
        return ModelError(fault, f"fakescan model import {folder} NEW-FOLDER")
    if layout is Layout.ADAPTER:
        fault = f"{folder} holds an adapter ({ADAPTER_CONFIG}), which must be joined with its base once"
        return ModelError(fault, f"fakescan model import {folder} NEW-FOLDER --base BASE")
    return None
