"""Tiny random models of general vision-language architectures, written as their makers write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedTokenizerFast

from tests.tiny import make_tokenizer

SIZE, PATCH = 32, 8
_TURNS = (
    "{% for turn in messages %}{% for part in turn['content'] %}{% if part['type'] == 'image' %}IMAGE{% else %}"
    "{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}{% if add_generation_prompt %} {% endif %}"
)


def _tokenizer(*specials: str) -> PreTrainedTokenizerFast:
    tokenizer = make_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": list(specials)})
    tokenizer.chat_template = None
    return tokenizer


def _text(tokenizer: Any, **more: Any) -> dict[str, Any]:
    return {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": len(tokenizer), "max_position_embeddings": 2048,
        "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id, **more,
    }  # fmt: skip


def _write(folder: Path, model: Any, tokenizer: Any, pictures: Any, kind: str, template: str, **more: Any) -> Path:
    torch.manual_seed(0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    pictures.save_pretrained(folder)
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": kind, **more}), "utf-8")
    if template:
        (folder / "chat_template.jinja").write_text(template, "utf-8")
    return folder


def llava(folder: Path) -> Path:
    """LLaVA-1.5."""
    tokenizer = _tokenizer()
    vision = transformers.CLIPVisionConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, patch_size=PATCH,
        image_size=SIZE, projection_dim=16,
    )  # fmt: skip
    config = transformers.LlavaConfig(
        vision_config=vision, text_config=transformers.LlamaConfig(**_text(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"), vision_feature_layer=-2,
    )  # fmt: skip
    pictures = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": SIZE}, crop_size={"height": SIZE, "width": SIZE}
    )
    return _write(
        folder, transformers.LlavaForConditionalGeneration(config), tokenizer, pictures, "LlavaProcessor",
        _TURNS.replace("IMAGE", "<image>"), patch_size=PATCH, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, image_token="<image>",
    )  # fmt: skip


def qwen(folder: Path) -> Path:
    """Qwen2.5-VL."""
    marks = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")
    tokenizer = _tokenizer(*marks)
    ids = {mark: tokenizer.convert_tokens_to_ids(mark) for mark in marks}
    config = transformers.Qwen2_5_VLConfig(
        text_config=_text(tokenizer, rope_scaling={"type": "mrope", "mrope_section": [1, 1, 2]}),
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "patch_size": PATCH,
            "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": 32, "window_size": 32,
            "fullatt_block_indexes": [1], "in_channels": 3,
        },
        image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"],
    )  # fmt: skip
    pictures = transformers.Qwen2VLImageProcessorPil(
        size={"shortest_edge": SIZE * SIZE, "longest_edge": 4 * SIZE * SIZE}, patch_size=PATCH, merge_size=2
    )
    return _write(
        folder, transformers.Qwen2_5_VLForConditionalGeneration(config), tokenizer, pictures, "Qwen2_5_VLProcessor",
        _TURNS.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>"),
    )  # fmt: skip


def internvl(folder: Path) -> Path:
    """InternVL, in transformers' own layout."""
    marks = ("<IMG_CONTEXT>", "<img>", "</img>", "<video>")
    tokenizer = _tokenizer(*marks)
    names = ("context_image_token", "start_image_token", "end_image_token", "video_token")
    config = transformers.InternVLConfig(
        text_config=transformers.Qwen2Config(**_text(tokenizer)),
        vision_config={
            "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": [SIZE, SIZE], "patch_size": [PATCH, PATCH],
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"), image_seq_length=4,
    )  # fmt: skip
    pictures = transformers.GotOcr2ImageProcessorPil(
        size={"height": SIZE, "width": SIZE}, crop_to_patches=False, min_patches=1, max_patches=1
    )
    _write(
        folder, transformers.InternVLForConditionalGeneration(config), tokenizer, pictures, "InternVLProcessor",
        _TURNS.replace("IMAGE", "<IMG_CONTEXT>\n"), image_seq_length=4,
    )  # fmt: skip
    own = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    own["extra_special_tokens"] = dict(zip(names, marks, strict=True))
    (folder / "tokenizer_config.json").write_text(json.dumps(own), "utf-8")
    return folder


def instructblip(folder: Path) -> Path:
    """InstructBLIP: a Q-Former with a tokenizer of its own, and no chat template."""
    tokenizer = _tokenizer()
    former = transformers.BertTokenizer(vocab={word: at for at, word in enumerate(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "this", "image", "is", "real", "fake"]
    )})  # fmt: skip
    config = transformers.InstructBlipConfig(
        vision_config={
            "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": SIZE, "patch_size": PATCH,
        },
        qformer_config={
            "vocab_size": 10, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 48, "encoder_hidden_size": 32, "cross_attention_frequency": 1,
        },
        text_config={"model_type": "llama", **_text(tokenizer)},
        num_query_tokens=4, image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    pictures = transformers.BlipImageProcessorPil(size={"height": SIZE, "width": SIZE})
    processor = transformers.InstructBlipProcessor(pictures, tokenizer, former, num_query_tokens=4)
    model = transformers.InstructBlipForConditionalGeneration(config)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


FAMILIES: dict[str, Callable[[Path], Path]] = {
    "llava": llava, "qwen2.5-vl": qwen, "internvl": internvl, "instructblip": instructblip
}  # fmt: skip
"""Writer by name."""
