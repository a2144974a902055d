"""A LLaVA small enough for tests, with random weights and a tokenizer trained on the prompt's own words."""

from __future__ import annotations

from pathlib import Path

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
from fakescan.core.records import Label
from fakescan.model.prompt import CAPTION_QUESTION, QUESTION, steering

IMAGE_TOKEN = "<image>"


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE, chatml specials, "real" and "fake" single tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    corpus = [
        full_answer("A dog on grass.", "From low-level perspective: Soft edges.", side)
        for side in (Label.REAL, Label.FAKE)
    ]
    corpus += [short_answer(side) for side in (Label.REAL, Label.FAKE)]
    corpus += [QUESTION, CAPTION_QUESTION, steering(Label.REAL), steering(Label.FAKE)]
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", IMAGE_TOKEN]
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(corpus * 4, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
    )
    fast.chat_template = "<|im_start|>"
    return fast


def make_base(folder: Path, *, seed: int = 0, layers: int = 2, side: int = 32, width: int = 32) -> Path:
    """Write a base in LLaVA's layout: pictures of ``side`` px, 8 px patches, class token, two feature layers."""
    tokenizer = make_tokenizer()
    torch.manual_seed(seed)
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=2,
        patch_size=8,
        image_size=side,
        projection_dim=16,
    )
    text = LlamaConfig(
        hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2,
        vocab_size=len(tokenizer), max_position_embeddings=1024, tie_word_embeddings=False,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_id=tokenizer.convert_tokens_to_ids(IMAGE_TOKEN),
        vision_feature_layer=[1, 2], vision_feature_select_strategy="full", tie_word_embeddings=False,
    )  # fmt: skip
    model = LlavaForConditionalGeneration(config).eval()
    with torch.no_grad():  # livelier than the default 0.02, so that different pictures give different answers
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
