"""LLaVA, built and adapted: one code path for the embedded model and for LLaVA-1.5-13b.

Shapes: B pictures, V views of each, P visual tokens a view, D hidden size.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer, LlavaConfig, LlavaForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutputWithPooling

from fakescan.errors import ModelError
from fakescan.model.checkpoints.files import check_against, open_weights, read_weight
from fakescan.model.checkpoints.marks import one_line_reason
from fakescan.model.checkpoints.names import huggingface
from fakescan.model.checkpoints.quantise import read_weights
from fakescan.model.fusion import DualTower, fusion_of, make_dual
from fakescan.model.projector import PooledProjector, pooling_of, visual_tokens_of

BASE_FILE = "fakescan_base.json"
LANGUAGE_LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
VISION_LINEARS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")

EMBEDDINGS = "model.language_model.embed_tokens.weight"

_AGAIN = "fetch or build it again"
_MOST = {
    "num_hidden_layers": 512, "hidden_size": 1 << 16, "intermediate_size": 1 << 18, "num_attention_heads": 1 << 12,
    "num_key_value_heads": 1 << 12, "vocab_size": 1 << 21, "image_size": 1 << 12, "patch_size": 1 << 12,
    "num_channels": 16,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """Low-rank adapters (paper Sec. 5.1: rank 128, alpha 256, on the language model)."""

    rank: int
    """Rank on the language model; 0 for none."""
    alpha: float
    """Scaling factor; the update is multiplied by alpha / rank."""
    dropout: float = 0.0
    """Dropout before the adapter, in training only."""
    vision_blocks: tuple[int, ...] = ()
    """Blocks of the vision tower that get adapters too. Empty freezes the tower, as in the paper."""


def load_config(path: Path | str, *, projector_pooling: int = 1, projector_probe_units: int = 0) -> LlavaConfig:
    """The config of a base folder, without its weights.

    Args:
        path: the folder.
        projector_pooling: side of the squares of patches that the projector averages.
        projector_probe_units: hidden units of a pooled projector's probe of the class token; 0 = none.

    Raises:
        ModelError: there is no such folder, no config in it, or one that contradicts itself.
    """
    folder = Path(path)
    if not folder.is_dir():  # transformers would take a name that is no folder for one of its hub
        raise ModelError(f"there is no base model in {folder}", "give the folder that holds it")
    try:
        config: LlavaConfig = LlavaConfig.from_pretrained(folder, local_files_only=True)
        check_sizes(config)
    except Exception as error:  # a config that contradicts itself raises whatever transformers likes
        raise ModelError(
            f"the config of the base model in {folder} cannot be read: {one_line_reason(error)}", _AGAIN
        ) from error
    config.projector_pooling = projector_pooling
    config.projector_probe_units = projector_probe_units
    return config


def check_sizes(config: LlavaConfig) -> None:
    """Refuse sizes that no model has: building one, even without weights, would take for ever.

    Raises:
        ValueError: a size is out of bounds.
    """
    for part in (config.text_config, config.vision_config):
        for name, most in _MOST.items():
            value = getattr(part, name, 1)
            if not isinstance(value, int) or not 1 <= value <= most:
                raise ValueError(f"{name} is {value!r:.40}")
    vision: Any = config.vision_config
    if vision.image_size < vision.patch_size:
        raise ValueError("the patches are larger than the picture")


def empty_model(config: LlavaConfig) -> LlavaForConditionalGeneration:
    """A LLaVA of a config, v2's second tower and fusion included, whose weights take no memory yet.

    Raises:
        Exception: the config contradicts itself; torch and transformers raise what they like.
    """
    fusion = fusion_of(config)
    with init_empty_weights(include_buffers=False):
        model = LlavaForConditionalGeneration(config)
        if fusion:
            make_dual(model, fusion)
    return model


def load_base(
    path: Path | str, *, projector_pooling: int = 1, projector_probe_units: int = 0, dtype: torch.dtype = torch.float32
) -> LlavaForConditionalGeneration:
    """Build a LLaVA on the CPU from a base folder.

    Three layouts: a folder with ``fakescan_base.json`` (tower and language model as quantised safetensors, the
    projector at random), transformers' own LLaVA layout, local only, and what ``fakescan model import`` writes, which
    is the same with v2's fusion. With a pooled projector theirs is left out and a new one put in, at random.

    Args:
        path: the folder.
        projector_pooling: side of the squares of patches that the projector averages.
        projector_probe_units: hidden units of a pooled projector's probe of the class token; 0 = none.
        dtype: number format of the weights; quantised ones are float32 always.

    Raises:
        ModelError: files are missing, truncated, or do not fit the config.
    """
    folder = Path(path)
    config = load_config(path, projector_pooling=projector_pooling, projector_probe_units=projector_probe_units)
    try:
        model = empty_model(config)
    except Exception as error:
        raise ModelError(f"the base model in {folder} cannot be built: {one_line_reason(error)}", _AGAIN) from error
    wanted = model.state_dict()
    if not (folder / BASE_FILE).is_file():
        weights = _whole_weights(folder, wanted, config, dtype)
    else:
        weights = _quantised_weights(folder)
    try:
        _fit_projector(model, config, fresh=not any("multi_modal_projector" in name for name in weights))
        missing, unexpected = model.load_state_dict(weights, strict=False, assign=True)
    except Exception as error:  # every shape that does not fit: the first is enough
        first = one_line_reason(error)
        raise ModelError(f"the base model in {folder} does not fit its config: {first}", _AGAIN) from error
    missing = [name for name in missing if "multi_modal_projector" not in name]
    if missing or unexpected:
        fault = f"{missing[0]} is missing" if missing else f"{unexpected[0]} has no place"
        raise ModelError(f"the base model in {folder} does not fit its config: {fault}", _AGAIN)
    model.tie_weights()
    return model.eval()


def _quantised_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Tower and language model of one of our own bases."""
    try:
        parts = json.loads((folder / BASE_FILE).read_text("utf-8"))
        weights = {f"model.vision_tower.{k}": v for k, v in read_weights(folder / parts["vision"]).items()}
        weights |= {f"model.language_model.{k}": v for k, v in read_weights(folder / parts["language"]).items()}
        weights["lm_head.weight"] = weights["model.language_model.embed_tokens.weight"]
    except Exception as error:  # damaged files raise whatever their readers like
        raise ModelError(f"the base model in {folder} cannot be loaded: {one_line_reason(error)}", _AGAIN) from error
    return weights


def _whole_weights(
    folder: Path, wanted: Mapping[str, torch.Tensor], config: LlavaConfig, dtype: torch.dtype
) -> dict[str, torch.Tensor]:
    """Everything of transformers' layout. Only safetensors: a pickle could run code. Nothing may be missing."""
    what = f"the base model in {folder}"
    named = {huggingface(name, wanted): stored for name, stored in open_weights(folder, torch_too=False).items()}
    tensors = {name: stored for name, stored in named.items() if name is not None}
    if is_tied(config) and "lm_head.weight" not in tensors and EMBEDDINGS in tensors:
        tensors["lm_head.weight"] = tensors[EMBEDDINGS]
    if pooling_of(config) > 1:
        tensors = {name: stored for name, stored in tensors.items() if "multi_modal_projector" not in name}
        wanted = {name: tensor for name, tensor in wanted.items() if "multi_modal_projector" not in name}
    check_against(tensors, wanted, what)
    return {name: read_weight(name, stored, dtype, what) for name, stored in tensors.items()}


def is_tied(config: LlavaConfig) -> bool:
    """Whether the language model's head is its table of embeddings."""
    text: Any = config.text_config
    return bool(getattr(config, "tie_word_embeddings", False) or getattr(text, "tie_word_embeddings", False))


def _fit_projector(model: LlavaForConditionalGeneration, config: LlavaConfig, *, fresh: bool) -> None:
    """Give a model without one a fresh projector of the config's kind, initialised like torch's linear layers."""
    if pooling_of(config) > 1:
        model.model.multi_modal_projector = PooledProjector(config)
    elif fresh:
        model.model.multi_modal_projector = type(model.model.multi_modal_projector)(config)


def load_tokenizer(path: Path | str) -> Any:
    """The tokenizer of a base folder; no code of the folder is run.

    Raises:
        ModelError: there is none, or it cannot be read.
    """
    try:
        return AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the tokenizers library raises plain Exceptions
        raise ModelError(f"the tokenizer in {path} cannot be loaded: {one_line_reason(error)}", _AGAIN) from error


def target_modules(settings: LoraSettings) -> str:
    """A regular expression over module names. A bare "q_proj" would wrap the vision tower too."""
    language = rf".*language_model.*\.({'|'.join(LANGUAGE_LINEARS)})"
    if not settings.vision_blocks:
        return language
    blocks = "|".join(str(block) for block in settings.vision_blocks)
    return rf"({language})|(.*vision_tower.*\.layers\.({blocks})\..*\.({'|'.join(VISION_LINEARS)}))"


def add_lora(model: LlavaForConditionalGeneration, settings: LoraSettings) -> Any:
    """Put low-rank adapters into a model, in place; everything else is frozen.

    Returns:
        The peft wrapper around the same model (for saving and merging).
    """
    config = LoraConfig(
        r=settings.rank, lora_alpha=settings.alpha, lora_dropout=settings.dropout, bias="none",
        target_modules=target_modules(settings),
    )  # fmt: skip
    with warnings.catch_warnings():  # peft 0.21 asks transformers 5 for a property under its old name
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        return get_peft_model(model, config)


def merge_lora(wrapped: Any) -> LlavaForConditionalGeneration:
    """Fold the adapters into the weights: the same outputs up to rounding, without their cost."""
    merged: LlavaForConditionalGeneration = wrapped.merge_and_unload()
    return merged


def tower_features(model: LlavaForConditionalGeneration, pixel_values: torch.Tensor) -> torch.Tensor:
    """What the projector sees: the selected hidden states of the vision tower, layers side by side.

    Args:
        model: the LLaVA.
        pixel_values: (B * V, 3, size, size).

    Returns:
        (B * V, T, C), with the class token first when the config's strategy is "full". For v2, C holds both towers and
        DINOv2's attention (``fusion.py``).
    """
    config = model.config
    layers = config.vision_feature_layer
    tower = model.model.vision_tower
    if isinstance(tower, DualTower):
        both: torch.Tensor = tower(pixel_values, layers)
        return both
    outputs = tower(pixel_values, output_hidden_states=True, return_dict=True)
    chosen = [outputs.hidden_states[i] for i in ([layers] if isinstance(layers, int) else layers)]
    features = torch.cat(chosen, -1)
    return features[:, 1:] if config.vision_feature_select_strategy == "default" else features


def image_embeddings(model: LlavaForConditionalGeneration, features: torch.Tensor, views: int) -> torch.Tensor:
    """F_v of the paper: projected visual tokens.

    Args:
        model: the LLaVA.
        features: (B * V, T or P, C) from ``tower_features``, or pooled ones from a cache.
        views: V.

    Returns:
        (B, V * P, D).
    """
    projected: torch.Tensor = model.model.multi_modal_projector(features)
    return projected.reshape(projected.shape[0] // views, views * projected.shape[1], projected.shape[2])


def encoder_outputs(embeddings: torch.Tensor) -> dict[str, BaseModelOutputWithPooling]:
    """Visual tokens in the form in which transformers' LLaVA takes precomputed ones."""
    return {"image": BaseModelOutputWithPooling(pooler_output=list(embeddings))}


def load_partial(module: torch.nn.Module, weights: Mapping[str, torch.Tensor], what: str) -> None:
    """Load weights that must all exist in a module, with the same shapes.

    Raises:
        ModelError: a name or a shape does not fit.
    """
    own = module.state_dict()
    for name, weight in weights.items():
        if name not in own or own[name].shape != weight.shape:
            raise ModelError(
                f"{what}: {name} does not fit this base model", "adapter and base belong to different models"
            )
    module.load_state_dict(dict(weights), strict=False)


def visual_tokens(model: LlavaForConditionalGeneration, views: Sequence[str]) -> int:
    """Placeholders that one picture takes in the prompt."""
    return visual_tokens_of(model.config) * len(views)
