"""LLaVA-1.5 as its authors save it, and FakeReasoning v2 as its authors do: the same layout with a second tower.

A checkpoint may be merged or be adapters over a base, and may hold its towers or leave them to files of their own.
Facts about the layouts: the notes on the published code; sizes that its config leaves out are read off the shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig

from fakescan.core.views import View
from fakescan.errors import ModelError
from fakescan.model.build import check_sizes
from fakescan.model.checkpoints import names
from fakescan.model.checkpoints.adapters import folded, read_adapter
from fakescan.model.checkpoints.files import Stored, open_weights
from fakescan.model.checkpoints.foreign import Foreign, Places, checked
from fakescan.model.checkpoints.huggingface import preparation
from fakescan.model.checkpoints.marks import is_adapter, one_line_reason, read_json
from fakescan.model.checkpoints.tokenizers import load_original_tokenizer, placeholder_id
from fakescan.model.fusion import FUSION_KEY, ForgeryFusion, FusionSettings, dino_sizes, fusion_to_dict
from fakescan.model.prompt import AnswerForm

CLIP_L_336 = "clip-vit-large-patch14-336"
"""The tower that LLaVA-1.5 and v2 use; its sizes are known without its config."""
_CLIP_L_336 = {
    "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
    "image_size": 336, "patch_size": 14, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "projection_dim": 768,
}  # fmt: skip
_TEXT_KEYS = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "hidden_act", "max_position_embeddings", "rms_norm_eps", "attention_bias",
    "bos_token_id", "eos_token_id", "pad_token_id",
)  # fmt: skip
_VISION_KEYS = (*_CLIP_L_336, "num_channels", "attention_dropout")
_FUSED = f"{names.PROJECTOR}fusion."
FUSION_HEADS, FUSION_BIAS_INNER, FUSION_GROWTH = 16, 32, 4
"""Constants of the published code, for a fusion yet to be trained (inner width = growth times the hidden size)."""


def is_original(data: Mapping[str, Any]) -> bool:
    """Whether a config is one of the original LLaVA code."""
    return "mm_vision_tower" in data and data.get("model_type") in ("llava", "llava_llama")


def config_of(places: Places) -> dict[str, Any]:
    """The config that has LLaVA's own fields: the checkpoint's, or the base's where the checkpoint has none.

    Raises:
        ModelError: neither can be read.
    """
    own = places.model / "config.json"
    if own.is_file() and is_original(data := read_json(own)):
        return data
    return read_json(places.whole / "config.json")


def open_original(places: Places, view: View | None = None, *, untrained: bool = False) -> Foreign:
    """Open LLaVA-1.5 or FakeReasoning v2 in its authors' layout.

    Args:
        places: where it lies.
        view: how a picture becomes a square; what the config says when None.
        untrained: make a fresh fusion for v2's base, which has none, to be trained.

    Raises:
        ModelError: something is missing, damaged, does not fit or is not supported.
    """
    data, stored = config_of(places), open_weights(places.whole)
    adapter = read_adapter(places.model) if is_adapter(places.model) else None
    dual = names.is_dual(stored) or (adapter is not None and names.is_dual(adapter.whole))
    tensors = _named(stored, dual=dual)
    if adapter:
        tensors = folded(tensors, adapter, lambda name: names.original(name, dual=dual))
    tensors = _with_towers(tensors, places, dual=dual)
    try:
        vision = _vision(places.clip, data)
        config = _config(data, vision)
        fusion = _fusion(tensors, config, untrained=untrained) if dual else None
    except ModelError:
        raise
    except Exception as error:  # sizes that cannot be raise what transformers likes
        raise ModelError(f"{places.model} is damaged: {one_line_reason(error)}", "fetch it again") from error
    if fusion:
        setattr(config, FUSION_KEY, fusion_to_dict(fusion))
        tensors |= _fresh(config, fusion) if fusion.untrained else {}
    tokenizer = load_original_tokenizer([places.model, places.whole])
    config.image_token_id = config.image_token_index = placeholder_id(tokenizer, config.text_config.vocab_size)
    kind = "FakeReasoning v2" if dual else "LLaVA"
    return Foreign(
        f"{kind} in its authors' layout" + (" with LoRA adapters" if adapter else ""),
        config, checked(config, tensors, places.model), tokenizer,
        preparation(places.clip or places.model, config.vision_config.image_size, view or _view(data)),
        # Each as its authors run it: v2's inference has the other system prompt, and knows one conclusion only.
        "llava_v1" if dual else "vicuna_v1", AnswerForm("short" if dual else "long"),
    )  # fmt: skip


def _named(stored: Mapping[str, Stored], *, dual: bool) -> dict[str, Stored]:
    named = ((names.original(name, dual=dual), tensor) for name, tensor in stored.items())
    return {name: tensor for name, tensor in named if name is not None}


def _with_towers(tensors: dict[str, Stored], places: Places, *, dual: bool) -> dict[str, Stored]:
    """Put towers in from files of their own; what the checkpoint holds stays where none is given."""
    dino = f"{names.TOWER}dino."
    if places.clip is not None:
        tensors = {n: t for n, t in tensors.items() if not n.startswith(names.TOWER) or n.startswith(dino)}
        tensors |= _renamed(open_weights(places.clip), lambda name: names.clip_file(name, dual=dual))
    elif not any(name.startswith(names.clip("", dual=dual)) and not name.startswith(dino) for name in tensors):
        raise ModelError(f"{places.model} holds no CLIP tower", "give the folder of its CLIP with --clip")
    if places.dino is not None:
        if not dual:
            raise ModelError(f"{places.model} has one tower only, so it needs no DINOv2", "leave --dino out")
        tensors = {n: t for n, t in tensors.items() if not n.startswith(dino)}
        tensors |= _renamed(open_weights(places.dino), names.dino_file)
    elif dual and not any(name.startswith(dino) for name in tensors):
        raise ModelError(f"{places.model} holds no DINOv2 tower", "give dinov2_vitl14_pretrain.pth with --dino")
    return tensors


def _renamed(stored: Mapping[str, Stored], named: Any) -> dict[str, Stored]:
    return {ours: tensor for name, tensor in stored.items() if (ours := named(name)) is not None}


def _vision(clip: Path | None, data: Mapping[str, Any]) -> CLIPVisionConfig:
    """Sizes of the CLIP tower: of its own config, or known by the name that the checkpoint gives it."""
    if clip is not None:
        own = read_json(clip / "config.json") if clip.is_dir() else {}
        sizes: dict[str, Any] = own.get("vision_config", own)
    elif CLIP_L_336 in str(data.get("mm_vision_tower")):
        sizes = dict(_CLIP_L_336)
    else:
        raise ModelError(
            f"the sizes of the CLIP tower {str(data.get('mm_vision_tower'))[:80]!r} are not known",
            "give the folder of its CLIP, which holds a config.json, with --clip",
        )
    return CLIPVisionConfig(**{key: sizes[key] for key in _VISION_KEYS if key in sizes})


def _config(data: Mapping[str, Any], vision: CLIPVisionConfig) -> LlavaConfig:
    """Transformers' config of an original one.

    Raises:
        ValueError: it asks for what is not supported, or has impossible sizes.
    """
    for name, allowed in (
        ("mm_projector_type", ("mlp2x_gelu",)), ("mm_use_im_start_end", (False, None)), ("rope_scaling", (None,)),
        ("mm_vision_select_feature", ("patch", "cls_patch", None)), ("mm_patch_merge_type", ("flat", None)),
        ("model_type", ("llava", "llava_llama")), ("tie_word_embeddings", (False, None)), ("s2", (False, None)),
    ):  # fmt: skip
        if data.get(name) not in allowed:
            raise ValueError(f"{name} {str(data.get(name))[:40]!r} is not supported")
    layer = data.get("mm_vision_select_layer", -2)
    if not isinstance(layer, int):
        raise ValueError("mm_vision_select_layer must be a number")
    sizes = {key: data[key] for key in _TEXT_KEYS if data.get(key) is not None}
    rope = {"rope_type": "default", "rope_theta": float(data.get("rope_theta", 10000.0))}
    text = LlamaConfig(**sizes, rope_parameters=rope, tie_word_embeddings=False)
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_id=0, vision_feature_layer=layer, tie_word_embeddings=False,
        vision_feature_select_strategy="full" if data.get("mm_vision_select_feature") == "cls_patch" else "default",
    )  # fmt: skip
    check_sizes(config)
    return config


def _fusion(tensors: Mapping[str, Stored], config: LlavaConfig, *, untrained: bool) -> FusionSettings:
    """Sizes of v2's second tower and fusion, which no config holds."""
    prefix = f"{names.TOWER}dino."
    shapes = {name[len(prefix) :]: tensor.shape for name, tensor in tensors.items() if name.startswith(prefix)}
    if any(name.startswith(_FUSED) for name in tensors):
        bias = tensors[f"{_FUSED}bias_in.weight"].shape
        if len(bias) != 4:
            raise ValueError("the fusion's weights have unknown shapes")
        inner = tensors[f"{_FUSED}feed_in.weight"].shape[0]
        return FusionSettings(dino_sizes(shapes, bias[1]), bias[1], inner, bias[0])
    if not untrained:
        raise ModelError(
            "this model has two towers but no fusion: it is what v2 is trained from, not v2",
            "give its adapters with it, or write it as a base for training with --for-training",
        )
    inner = FUSION_GROWTH * config.text_config.hidden_size
    dino = dino_sizes(shapes, FUSION_HEADS)
    return FusionSettings(dino, FUSION_HEADS, inner, FUSION_BIAS_INNER, untrained=True)


def _fresh(config: LlavaConfig, fusion: FusionSettings) -> dict[str, Stored]:
    """A fusion as torch initialises it, the same on every machine."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = ForgeryFusion(config.text_config.hidden_size, replace(fusion, untrained=False))
    return {
        f"{_FUSED}{name}": Stored(tuple(tensor.shape), tensor.dtype, tensor.detach)
        for name, tensor in module.state_dict().items()
    }


def _view(data: Mapping[str, Any]) -> View:
    """How the original code makes a picture square.

    Raises:
        ModelError: it makes several pictures of one.
    """
    aspect = str(data.get("image_aspect_ratio"))[:40]
    if "anyres" in aspect:
        raise ModelError(f"image_aspect_ratio {aspect!r} is not supported", "LLaVA-1.5 and v2 use pad")
    return "pad" if aspect == "pad" else "crop"
