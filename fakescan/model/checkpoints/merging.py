"""``fakescan model merge``: adapters folded into the weights, and all of a model in one folder that needs no other."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from fakescan.errors import ConfigError, ReportError
from fakescan.model.build import is_tied
from fakescan.model.checkpoints.files import Stored
from fakescan.model.checkpoints.fit import LICENCE_STARTS
from fakescan.model.checkpoints.marks import one_line_reason
from fakescan.model.checkpoints.ours import ADAPTER, load_checkpoint, read_info, write_info
from fakescan.model.checkpoints.whole import Progress, write_weights
from fakescan.model.fusion import FUSION_KEY

BASE = "base"
CARD = "MODEL_CARD.md"
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""Number formats by name."""


def merge_model(source: Path, target: Path, dtype: str = "float32", progress: Progress | None = None) -> None:
    """Write a checkpoint of ours as a whole model.

    A calibration is kept in float32 only: in fewer bits its numbers would be those of another model.

    Args:
        source: the checkpoint.
        target: the new folder.
        dtype: number format of the weights (``DTYPES``).
        progress: told how many bytes are written.

    Raises:
        ConfigError: the number format is unknown.
        ModelError: the checkpoint is damaged or incomplete.
        ReportError: the new folder is there already, or cannot be written.
    """
    if dtype not in DTYPES:
        raise ConfigError([f"dtype: {dtype!r} is not one of {', '.join(DTYPES)}"], "leave it out for float32")
    target = target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ReportError(f"{target} is there already", "give a new folder")
    unfinished = target.with_name(f"{target.name}.unfinished-{os.getpid()}")
    try:
        (unfinished / BASE).mkdir(parents=True)
        _write(source, unfinished, dtype, progress)
        if target.exists():
            target.rmdir()
        unfinished.rename(target)
    except OSError as error:
        reason = error.strerror or one_line_reason(error)
        raise ReportError(f"{target} cannot be written: {reason}", "free some space, or give another folder") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write(source: Path, folder: Path, dtype: str, progress: Progress | None) -> None:
    loaded = load_checkpoint(source)
    info, llava = loaded.info, loaded.llava
    state = dict(llava.state_dict())
    if is_tied(llava.config):
        state.pop("lm_head.weight", None)
    if info.projector_pooling > 1:
        # transformers' layout has no such projector: it stays beside the base, as it does with adapters.
        own = {name: state.pop(name) for name in list(state) if "multi_modal_projector" in name}
        save_file({name: tensor.contiguous() for name, tensor in own.items()}, folder / ADAPTER)
    tensors = {name: Stored(tuple(t.shape), t.dtype, lambda t=t: t) for name, t in state.items()}  # type: ignore[misc]
    write_weights(folder / BASE, tensors, DTYPES[dtype], str(source), progress)
    config = llava.config
    if getattr(config, FUSION_KEY, None):
        setattr(config, FUSION_KEY, {**getattr(config, FUSION_KEY), "untrained": False})
    config.architectures = ["LlavaForConditionalGeneration"]
    config.save_pretrained(folder / BASE)
    loaded.tokenizer.save_pretrained(folder / BASE)
    base = source / info.base
    for place in (source, base):
        for path in sorted(place.iterdir()):
            if path.is_file() and path.name.upper().startswith(LICENCE_STARTS) and not (folder / path.name).exists():
                shutil.copyfile(path, folder / path.name)
    if (source / CARD).is_file():
        shutil.copyfile(source / CARD, folder / CARD)
    kept = info.calibration if dtype == "float32" else {}
    write_info(folder, replace(read_info(source), base=BASE, lora=None, calibration=kept))
