"""A LLaVA in transformers' own layout, taken as it is: no adapter, no calibration, the paper's prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from fakescan.core.records import ScoreKind
from fakescan.core.views import View
from fakescan.errors import ModelError
from fakescan.model.build import load_base, load_tokenizer
from fakescan.model.checkpoints.fit import fitting
from fakescan.model.checkpoints.marks import read_json
from fakescan.model.checkpoints.ours import CheckpointInfo, LoadedModel, file_sha256
from fakescan.model.images import CLIP_MEAN, CLIP_STD, Preprocessing
from fakescan.model.mapper import TAU_INIT

PROCESSOR = "preprocessor_config.json"


def preparation(folder: Path, size_px: int, view: View | None = None) -> Preprocessing:
    """How a foreign model's pictures are prepared.

    LLaVA-1.5 was trained on pictures padded to a square, which its hub copies' processor config says nothing of; only
    one that rules padding out is believed.

    Args:
        folder: may hold a ``preprocessor_config.json``.
        size_px: what the tower takes.
        view: how a picture becomes a square, where that is known from elsewhere.

    Raises:
        ModelError: the file is damaged.
    """
    path = folder / PROCESSOR
    if not path.is_file():
        return Preprocessing(size_px, (view or "pad",))
    data = read_json(path)
    mean = _three(data.get("image_mean", CLIP_MEAN), path)
    std = _three(data.get("image_std", CLIP_STD), path)
    if not all(std):
        raise ModelError(f"{path} is damaged: image_std is 0", "fetch the model again")
    chosen: View = view or ("crop" if data.get("do_pad") is False else "pad")
    return Preprocessing(size_px, (chosen,), mean, std)


def _three(values: Any, path: Path) -> tuple[float, float, float]:
    try:
        red, green, blue = (float(value) for value in values)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path} is damaged: mean and std must be three numbers each", "fetch it again") from error
    if not all(0 <= value <= 1 for value in (red, green, blue)):
        raise ModelError(f"{path} is damaged: mean and std must lie between 0 and 1", "fetch it again")
    return red, green, blue


def template_of(tokenizer: Any) -> str:
    """The chat template that a foreign model's tokenizer asks for."""
    return "chatml" if "<|im_start|>" in (getattr(tokenizer, "chat_template", None) or "") else "vicuna_v1"


def load_llava(folder: Path, dtype: torch.dtype = torch.float32) -> LoadedModel:
    """Load a folder with ``config.json`` and safetensors.

    Raises:
        ModelError: files are missing or do not fit.
    """
    llava = load_base(folder, dtype=dtype).requires_grad_(False)
    tokenizer = load_tokenizer(folder)
    fitting(llava, tokenizer, folder)
    weights = {path.name: file_sha256(path) for path in sorted(folder.glob("*.safetensors"))}
    info = CheckpointInfo(
        name=folder.name, base=".", base_name=folder.name, template=template_of(tokenizer),
        preprocessing=preparation(folder, llava.config.vision_config.image_size),
        # It knows nothing of the control phrase that steers a text, so its own number after the text decides.
        projector_pooling=1, lora=None, tau=TAU_INIT, decides=ScoreKind.AFTER, files=weights,
    )  # fmt: skip
    return LoadedModel(info, llava, tokenizer)
