"""A plain LLaVA in transformers' own layout: no adapter, no calibration, the paper's prompt."""

from __future__ import annotations

from pathlib import Path

from fakescan.model.build import load_base, load_tokenizer
from fakescan.model.checkpoints.ours import CheckpointInfo, LoadedModel, file_sha256
from fakescan.model.images import Preprocessing
from fakescan.model.mapper import TAU_INIT


def load_llava(folder: Path) -> LoadedModel:
    """Load a folder with ``config.json`` and safetensors.

    Raises:
        ModelError: files are missing or do not fit.
    """
    llava = load_base(folder)
    tokenizer = load_tokenizer(folder)
    weights = {path.name: file_sha256(path) for path in sorted(folder.glob("*.safetensors"))}
    info = CheckpointInfo(
        name=folder.name, base=".", base_name=folder.name,
        template="chatml" if "<|im_start|>" in (getattr(tokenizer, "chat_template", None) or "") else "vicuna_v1",
        preprocessing=Preprocessing(llava.config.vision_config.image_size, ("pad",)),
        projector_pooling=1, lora=None, tau=TAU_INIT, files=weights,
    )  # fmt: skip
    return LoadedModel(info, llava, tokenizer)
