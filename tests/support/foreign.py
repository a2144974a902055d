"""Models of other people's layouts with random weights, small enough for tests: LLaVA-1.5, v2, their adapters.

Names and shapes are written down here by hand, apart from the code that reads them, and so is v2's arithmetic.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from safetensors.torch import save_file
from torch.nn import functional
from transformers import CLIPVisionConfig, CLIPVisionModel

from fakescan.core.answer import full_answer, short_answer
from fakescan.core.records import Label
from fakescan.model.prompt import QUESTION, TEMPLATES, steering

Weights = dict[str, torch.Tensor]

HIDDEN, INNER, LAYERS, HEADS = 32, 48, 2, 4
CLIP: dict[str, Any] = {
    "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 28,
    "patch_size": 14, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "projection_dim": 16, "num_channels": 3,
}  # fmt: skip
PATCHES = 4
DINO_WIDTH, DINO_BLOCKS, DINO_SIDE = 32, 2, 3
LINEARS = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj",
           "mlp.up_proj", "mlp.down_proj")  # fmt: skip


@cache
def sentencepiece_model() -> bytes:
    """A LLaMA-like tokenizer trained on the prompt's own words."""
    sides = (Label.REAL, Label.FAKE)
    corpus = [full_answer("A dog on grass.", "From low-level perspective: Soft edges.", side) for side in sides]
    corpus += [short_answer(side) for side in sides] + [QUESTION] + [steering(side) for side in sides]
    corpus += [f"{template.before_image} {template.turn_end}" for template in TEMPLATES.values()]
    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter("\n".join(corpus * 8).splitlines()),  # no piece holds a line break, as in LLaMA's
         model_writer=made, model_type="bpe", vocab_size=700,
        hard_vocab_limit=False, byte_fallback=True, character_coverage=1.0, normalization_rule_name="identity",
        remove_extra_whitespaces=False, add_dummy_prefix=True, unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
        minloglevel=2, num_threads=1,
    )  # fmt: skip
    return made.getvalue()


def entries() -> int:
    """Pieces of the tokenizer."""
    return int(sentencepiece.SentencePieceProcessor(model_proto=sentencepiece_model()).get_piece_size())


def write_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.model").write_bytes(sentencepiece_model())
    config = {
        "tokenizer_class": "LlamaTokenizer", "legacy": False, "bos_token": "<s>", "eos_token": "</s>",
        "unk_token": "<unk>", "add_bos_token": True, "add_eos_token": False, "model_max_length": 2048,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")


def config(*, dual: bool, **changes: Any) -> dict[str, Any]:
    return {
        "architectures": ["LlavaLlamaForCausalLM"], "model_type": "llava_llama" if dual else "llava",
        "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS, "vocab_size": entries(), "hidden_act": "silu", "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "rope_scaling": None, "max_position_embeddings": 2048, "bos_token_id": 1,
        "eos_token_id": 2, "pad_token_id": 0, "tie_word_embeddings": False, "image_aspect_ratio": "pad",
        "mm_hidden_size": CLIP["hidden_size"], "mm_projector_type": "mlp2x_gelu", "mm_use_im_start_end": False,
        "mm_use_im_patch_token": False, "mm_vision_select_feature": "patch", "mm_vision_select_layer": -2,
        "mm_vision_tower": "elsewhere/clip",
    } | changes  # fmt: skip


def _linear(make: Callable[..., torch.Tensor], name: str, rows: int, columns: int, *more: int) -> Iterator[Any]:
    yield f"{name}.weight", make(rows, columns, *more)
    yield f"{name}.bias", make(rows)


def language_weights(make: Callable[..., torch.Tensor]) -> Weights:
    weights = {"model.embed_tokens.weight": make(entries(), HIDDEN), "lm_head.weight": make(entries(), HIDDEN)}
    for layer in range(LAYERS):
        for name in LINEARS:
            rows = INNER if "gate" in name or "up" in name else HIDDEN
            weights[f"model.layers.{layer}.{name}.weight"] = make(rows, INNER if "down" in name else HIDDEN)
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"model.layers.{layer}.{name}.weight"] = 1 + make(HIDDEN)
    return weights | {"model.norm.weight": 1 + make(HIDDEN)}


def clip_weights(seed: int = 5) -> Weights:
    """Under the names of a CLIP file."""
    torch.manual_seed(seed)
    tower = CLIPVisionModel(CLIPVisionConfig(**CLIP))
    return {f"vision_model.{name}": 3 * tensor.detach().clone() for name, tensor in tower.state_dict().items()}


def dino_weights(make: Callable[..., torch.Tensor]) -> Weights:
    """Under DINOv2's published names, with what has no use."""
    width = DINO_WIDTH
    weights = {
        "cls_token": make(1, 1, width), "mask_token": make(1, width), "norm.weight": make(width),
        "norm.bias": make(width), "pos_embed": make(1, 1 + DINO_SIDE**2, width),
    } | dict(_linear(make, "patch_embed.proj", width, 3, 14, 14))  # fmt: skip
    for block in range(DINO_BLOCKS):
        part = f"blocks.{block}"
        weights |= dict(_linear(make, f"{part}.attn.qkv", 3 * width, width))
        weights |= dict(_linear(make, f"{part}.attn.proj", width, width))
        weights |= dict(_linear(make, f"{part}.mlp.fc1", 4 * width, width))
        weights |= dict(_linear(make, f"{part}.mlp.fc2", width, 4 * width))
        weights |= {f"{part}.ls{number}.gamma": 1 + make(width) for number in (1, 2)}
        for number in (1, 2):
            weights |= {f"{part}.norm{number}.weight": 1 + make(width), f"{part}.norm{number}.bias": make(width)}
    return weights


def projector_weights(make: Callable[..., torch.Tensor], *, dual: bool) -> Weights:
    weights = dict(_linear(make, "model.mm_projector.0", HIDDEN, CLIP["hidden_size"]))
    weights |= dict(_linear(make, "model.mm_projector.2", HIDDEN, HIDDEN))
    if dual:
        weights |= dict(_linear(make, "model.dino_mm_projector.0", HIDDEN, DINO_WIDTH))
        weights |= dict(_linear(make, "model.dino_mm_projector.2", HIDDEN, HIDDEN))
    return weights


def fusion_weights(make: Callable[..., torch.Tensor]) -> Weights:
    part = "model.crossattention"
    weights = dict(_linear(make, f"{part}.attention_mlp.mlp.0", 8, 16, 1, 1))
    weights |= dict(_linear(make, f"{part}.attention_mlp.mlp.2", 16, 8, 1, 1))
    for letter in ("v", "k", "q", "merge"):
        weights |= dict(_linear(make, f"{part}.mhatt.0.linear_{letter}", HIDDEN, HIDDEN))
    weights |= dict(_linear(make, f"{part}.ffn.0.mlp.fc.linear", 64, HIDDEN))
    weights |= dict(_linear(make, f"{part}.ffn.0.mlp.linear", HIDDEN, 64))
    for number in (0, 1):
        weights |= {f"{part}.norm.{number}.a_2": 1 + make(HIDDEN), f"{part}.norm.{number}.b_2": make(HIDDEN)}
    return weights


def maker(seed: int) -> Callable[..., torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(*shape, generator=generator) * 0.2


def all_weights(*, dual: bool, seed: int = 0, fused: bool = True) -> Weights:
    """A whole model with its towers, under the original names; v2 holds CLIP twice."""
    make = maker(seed)
    weights = language_weights(make) | projector_weights(make, dual=dual)
    weights |= {f"model.vision_tower.vision_tower.{name}": tensor for name, tensor in clip_weights().items()}
    if dual:
        copies = clip_weights().items()
        weights |= {f"model.dino_tower.clip_vision_tower.{name}": tensor for name, tensor in copies}
        weights |= {f"model.dino_tower.vision_tower.{name}": tensor for name, tensor in dino_weights(make).items()}
        weights |= fusion_weights(make) if fused else {}
    return weights


def write_original(folder: Path, weights: Weights, *, dual: bool, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config(dual=dual, **changes)), "utf-8")
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, folder / "model.safetensors")
    write_tokenizer(folder)
    return folder


def write_clip(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "clip_vision_model", **CLIP}), "utf-8")
    save_file(clip_weights(), folder / "model.safetensors")
    return folder


def write_adapter(folder: Path, seed: int = 9, **changes: Any) -> Weights:
    """Adapters on the language model; returns what each weight of the base changes by."""
    folder.mkdir(parents=True, exist_ok=True)
    make, updates, stored = maker(seed), {}, {}
    for layer in range(LAYERS):
        for name in LINEARS:
            rows = INNER if "gate" in name or "up" in name else HIDDEN
            low, high = make(4, INNER if "down" in name else HIDDEN), make(rows, 4)
            key = f"model.layers.{layer}.{name}"
            stored[f"base_model.model.{key}.lora_A.weight"] = low
            stored[f"base_model.model.{key}.lora_B.weight"] = high
            updates[f"{key}.weight"] = 2.0 * high @ low  # alpha / rank
    facts = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": list(LINEARS), "bias": "none",
             "base_model_name_or_path": "somebody/base"} | changes  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(facts), "utf-8")
    save_file(stored, folder / "adapter_model.safetensors")
    return updates


def v2_visual_tokens(weights: Weights, pixels: torch.Tensor) -> torch.Tensor:
    """v2's arithmetic once more, step by step, on weights under their original names: (B, P, HIDDEN)."""
    clip = CLIPVisionModel(CLIPVisionConfig(**CLIP)).eval()
    clip.load_state_dict({n.removeprefix("vision_model."): t for n, t in clip_weights().items()})
    with torch.inference_mode():
        seen = clip(pixels, output_hidden_states=True).hidden_states[-2][:, 1:]
        tokens, attention = _dino(weights, pixels)
        asked, told = (_project(weights, n, x) for n, x in (("mm", seen), ("dino_mm", tokens[:, 1:])))
        return _fuse(weights, asked, told, attention[:, :, 1:, 1:])


def _dino(weights: Weights, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    w = {n.removeprefix("model.dino_tower.vision_tower."): t for n, t in weights.items()}
    patches = functional.conv2d(pixels, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], stride=14)
    side = patches.shape[-1]
    table = w["pos_embed"][:, 1:].reshape(1, DINO_SIDE, DINO_SIDE, -1).permute(0, 3, 1, 2)
    scale = (side + 0.1) / DINO_SIDE
    table = functional.interpolate(table, scale_factor=(scale, scale), mode="bicubic").flatten(2).transpose(1, 2)
    states = torch.cat([w["cls_token"].expand(len(pixels), -1, -1), patches.flatten(2).transpose(1, 2)], 1)
    states = states + torch.cat([w["pos_embed"][:, :1], table], 1)
    attention = torch.empty(0)
    for block in range(DINO_BLOCKS):
        p = f"blocks.{block}"
        normed = _norm(states, w, f"{p}.norm1")
        heads = functional.linear(normed, w[f"{p}.attn.qkv.weight"], w[f"{p}.attn.qkv.bias"]).unflatten(-1, (3, 16, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        attention = (query @ key.mT / math.sqrt(query.shape[-1])).softmax(-1)
        mixed = (attention @ value).transpose(1, 2).flatten(2)
        mixed = functional.linear(mixed, w[f"{p}.attn.proj.weight"], w[f"{p}.attn.proj.bias"])
        states = states + w[f"{p}.ls1.gamma"] * mixed
        inner = functional.linear(_norm(states, w, f"{p}.norm2"), w[f"{p}.mlp.fc1.weight"], w[f"{p}.mlp.fc1.bias"])
        out = functional.linear(functional.gelu(inner), w[f"{p}.mlp.fc2.weight"], w[f"{p}.mlp.fc2.bias"])
        states = states + w[f"{p}.ls2.gamma"] * out
    return states, attention


def _norm(states: torch.Tensor, w: Weights, name: str) -> torch.Tensor:
    return functional.layer_norm(states, states.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], 1e-6)


def _project(weights: Weights, name: str, states: torch.Tensor) -> torch.Tensor:
    p = f"model.{name}_projector"
    inner = functional.gelu(functional.linear(states, weights[f"{p}.0.weight"], weights[f"{p}.0.bias"]))
    return functional.linear(inner, weights[f"{p}.2.weight"], weights[f"{p}.2.bias"])


def _fuse(weights: Weights, asked: torch.Tensor, told: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    w = {n.removeprefix("model.crossattention."): t for n, t in weights.items()}

    def mix(name: str, states: torch.Tensor) -> torch.Tensor:
        weight = w[f"attention_mlp.mlp.{name}.weight"][:, :, 0, 0]
        return torch.einsum("oh,bhpq->bopq", weight, states) + w[f"attention_mlp.mlp.{name}.bias"][:, None, None]

    def linear(name: str, states: torch.Tensor) -> torch.Tensor:
        return functional.linear(states, w[f"{name}.weight"], w[f"{name}.bias"])

    def post(number: int, states: torch.Tensor) -> torch.Tensor:
        mean, variance = states.mean(-1, keepdim=True), states.var(-1, unbiased=False, keepdim=True)
        return w[f"norm.{number}.a_2"] * (states - mean) / (variance + 1e-6).sqrt() + w[f"norm.{number}.b_2"]

    bias = mix("2", functional.gelu(mix("0", (attention + 1e-6).log())))
    query, key, value = (
        linear(f"mhatt.0.linear_{letter}", states).unflatten(-1, (16, -1)).transpose(1, 2)
        for letter, states in (("q", asked), ("k", told), ("v", told))
    )
    shares = (query @ key.mT / math.sqrt(query.shape[-1]) + bias).softmax(-1)
    states = post(0, asked + linear("mhatt.0.linear_merge", (shares @ value).transpose(1, 2).flatten(2)))
    return post(1, states + linear("ffn.0.mlp.linear", linear("ffn.0.mlp.fc.linear", states).relu()))
