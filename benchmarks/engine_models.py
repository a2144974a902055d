"""Models for the engine's benchmarks: random weights in known shapes, and the embedded one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerFast,
)

from fakescan.core.answer import full_answer, short_answer
from fakescan.core.records import Label, ScoreKind
from fakescan.engines import model_folder
from fakescan.model.checkpoints import load_any
from fakescan.model.checkpoints.ours import CheckpointInfo, LoadedModel
from fakescan.model.images import Preprocessing
from fakescan.model.prompt import QUESTION, TEMPLATES, steering

IMAGE_TOKEN = "<image>"  # noqa: S105  (a placeholder)
TEMPLATE = "vicuna_v1"


@dataclass(frozen=True)
class Shape:
    """Sizes of a LLaVA."""

    width: int
    inner: int
    layers: int
    heads: int
    vocabulary: int
    vision_width: int
    vision_inner: int
    vision_layers: int
    vision_heads: int
    image_px: int
    patch_px: int


SHAPES = {
    # 93 M parameters, the model of the design's measurements
    "s": Shape(512, 1408, 12, 8, 32000, 384, 1536, 12, 6, 336, 14),
    "llava-13b": Shape(5120, 13824, 40, 40, 32064, 1024, 4096, 24, 16, 336, 14),
    "tiny": Shape(64, 128, 2, 4, 2000, 32, 64, 2, 2, 56, 14),
}


def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE over the prompt's own words, so that forced pieces have about the length that LLaMA gives them."""
    own = Tokenizer(models.BPE())
    own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    own.decoder = decoders.ByteLevel()
    corpus = [
        full_answer("A dog on grass.", "From low-level perspective: Soft edges.", side)
        for side in (Label.REAL, Label.FAKE)
    ]
    corpus += [short_answer(side) for side in (Label.REAL, Label.FAKE)] + [QUESTION, TEMPLATES[TEMPLATE].before_image]
    corpus += [steering(side) for side in (Label.REAL, Label.FAKE)]
    trainer = trainers.BpeTrainer(
        vocab_size=1200, special_tokens=["<unk>", "<s>", "</s>", IMAGE_TOKEN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )  # fmt: skip
    own.train_from_iterator(corpus * 4, trainer)
    specials = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=own, **specials)


def config_of(shape: Shape, words: PreTrainedTokenizerFast) -> LlavaConfig:
    """LLaVA-1.5's architecture in a shape."""
    vision = CLIPVisionConfig(
        hidden_size=shape.vision_width, intermediate_size=shape.vision_inner, num_hidden_layers=shape.vision_layers,
        num_attention_heads=shape.vision_heads, image_size=shape.image_px, patch_size=shape.patch_px,
    )  # fmt: skip
    text = LlamaConfig(
        hidden_size=shape.width, intermediate_size=shape.inner, num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads, num_key_value_heads=shape.heads, vocab_size=shape.vocabulary,
        max_position_embeddings=4096, tie_word_embeddings=False, bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
    )  # fmt: skip
    return LlavaConfig(
        vision_config=vision, text_config=text, image_token_id=words.convert_tokens_to_ids(IMAGE_TOKEN),
        vision_feature_layer=-2, vision_feature_select_strategy="default", tie_word_embeddings=False,
    )  # fmt: skip


def random_model(name: str, device: str = "cpu", dtype: torch.dtype = torch.float32) -> LoadedModel:
    """A model of a shape with random weights, made where it will run.

    Args:
        name: in ``SHAPES``.
        device: a torch device.
        dtype: number format.
    """
    shape, words = SHAPES[name], tokenizer()
    config = config_of(shape, words)
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            llava = LlavaForConditionalGeneration(config).eval()
    finally:
        torch.set_default_dtype(before)
    prep = Preprocessing(shape.image_px, ("pad",))
    info = CheckpointInfo(name, "", name, TEMPLATE, prep, 1, None, 10.0, decides=ScoreKind.AFTER)
    return LoadedModel(info, llava, words)


def model_of(name: str, device: str = "cpu", dtype: torch.dtype = torch.float32) -> LoadedModel:
    """A model by name: ``nano`` is the embedded one, a folder is loaded, the rest is random."""
    if name in SHAPES:
        return random_model(name, device, dtype)
    return load_any(model_folder(name if Path(name).is_dir() else None))


def triage_flops(loaded: LoadedModel, start: int, tokens: int) -> float:
    """Floating-point operations of one triage: all of the tower, and the language model's layers without its head.

    Args:
        loaded: the model, before an engine took it over.
        start: tokens of the prompt's shared start, whose keys are there already.
        tokens: of the prompt after it.
    """
    text: Any = loaded.llava.config.text_config
    vision: Any = loaded.llava.config.vision_config
    patches = (vision.image_size // vision.patch_size) ** 2 + 1
    wide, views = vision.hidden_size, len(loaded.info.preprocessing.views)
    block = 2 * patches * (4 * wide**2 + 2 * wide * vision.intermediate_size) + 4 * patches**2 * wide
    tower = views * (vision.num_hidden_layers * block + 2 * patches * wide * 3 * vision.patch_size**2)
    size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    inner = size * text.num_attention_heads
    weights = text.hidden_size * (2 * inner + 2 * size * text.num_key_value_heads + 3 * text.intermediate_size)
    # A position attends to all before it: half of the square, and the whole of what stands before.
    attention = 2 * tokens**2 * inner + 4 * tokens * start * inner
    projector = sum(2 * weight.numel() * tokens for weight in loaded.llava.model.multi_modal_projector.parameters())
    return float(tower + projector + text.num_hidden_layers * (2 * tokens * weights + attention))
