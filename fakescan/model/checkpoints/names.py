"""What the same weight is called in each layout, and what it is called here.

Here it has the name that transformers' LLaVA gives it, with v2's second tower and fusion beside it (``fusion.py``).
"""

from __future__ import annotations

import re
from collections.abc import Container

TOWER = "model.vision_tower."
PROJECTOR = "model.multi_modal_projector."

_PROJECTORS = {"mm_projector": "clip", "dino_mm_projector": "dino"}
_LAYERS = {"0": "linear_1", "2": "linear_2"}
_FUSION = {
    "attention_mlp.mlp.0.weight": "bias_in.weight", "attention_mlp.mlp.0.bias": "bias_in.bias",
    "attention_mlp.mlp.2.weight": "bias_out.weight", "attention_mlp.mlp.2.bias": "bias_out.bias",
    "norm.0.a_2": "norm_attention.weight", "norm.0.b_2": "norm_attention.bias",
    "norm.1.a_2": "norm_feed.weight", "norm.1.b_2": "norm_feed.bias",
    "ffn.0.mlp.fc.linear.weight": "feed_in.weight", "ffn.0.mlp.fc.linear.bias": "feed_in.bias",
    "ffn.0.mlp.linear.weight": "feed_out.weight", "ffn.0.mlp.linear.bias": "feed_out.bias",
} | {
    f"mhatt.0.linear_{letter}.{kind}": f"{name}.{kind}"
    for letter, name in {"q": "query", "k": "key", "v": "value", "merge": "merge"}.items()
    for kind in ("weight", "bias")
}  # fmt: skip
_UNUSED = re.compile(
    r"model\.dino_tower\.clip_vision_tower\..*"  # v2 holds CLIP twice
    r"|model\.dino_tower\.vision_tower\.(mask_token|norm\.(weight|bias))"  # neither is on the way to the tokens used
    r"|.*\.rotary_emb\.inv_freq|.*\.embeddings\.position_ids"  # constants that older versions saved
)
_MODEL = re.compile(r"model\.(embed_tokens|layers|norm)\..*")


def is_dual(names: Container[str]) -> bool:
    """Whether weights in the original layout are of v2 or its base (two towers)."""
    return "model.dino_mm_projector.0.weight" in names


def original(name: str, *, dual: bool) -> str | None:
    """Our name for one of the original LLaVA layout and of v2.

    Args:
        name: as in the file.
        dual: whether the model is v2's.

    Returns:
        None for what has no use; the name itself when it is unknown.
    """
    if _UNUSED.fullmatch(name):
        return None
    if _MODEL.fullmatch(name):
        return f"model.language_model.{name[len('model.') :]}"
    if match := re.fullmatch(r"model\.(mm_projector|dino_mm_projector)\.([02])\.(weight|bias)", name):
        part = f"{_PROJECTORS[match[1]]}." if dual else ""
        return f"{PROJECTOR}{part}{_LAYERS[match[2]]}.{match[3]}"
    if match := re.fullmatch(r"model\.crossattention\.(.*)", name):
        return f"{PROJECTOR}fusion.{_FUSION[match[1]]}" if match[1] in _FUSION else name
    if match := re.fullmatch(r"model\.vision_tower\.vision_tower\.vision_model\.(.*)", name):
        return clip(match[1], dual=dual)
    if match := re.fullmatch(r"model\.dino_tower\.vision_tower\.(.*)", name):
        return f"{TOWER}dino.{match[1]}"
    return name


def clip(name: str, *, dual: bool) -> str:
    """Our name for a weight of CLIP's vision tower, as it is called below ``vision_model.``."""
    return f"{TOWER}{'clip.' if dual else ''}{name}"


def clip_file(name: str, *, dual: bool) -> str | None:
    """Our name for one in a file of CLIP: the vision tower alone, or with its text side, which has no use here."""
    if _UNUSED.fullmatch(name) or not name.startswith("vision_model."):
        return None
    return clip(name[len("vision_model.") :], dual=dual)


def dino_file(name: str) -> str | None:
    """Our name for one in a file of DINOv2's published weights."""
    return original(f"model.dino_tower.vision_tower.{name}", dual=True)


def huggingface(name: str, wanted: Container[str]) -> str | None:
    """Our name for one of transformers' LLaVA layout, as any of its versions writes it.

    Args:
        name: as in the file.
        wanted: the model's own names: versions differ in the steps between.

    Returns:
        None for what has no use; the name itself when it is unknown.
    """
    if _UNUSED.fullmatch(name):
        return None
    found = name
    for old, new in (
        ("language_model.lm_head.", "lm_head."), ("language_model.model.", "model.language_model."),
        ("vision_tower.", TOWER), ("multi_modal_projector.", PROJECTOR), ("language_model.", "model.language_model."),
        ("model.language_model.lm_head.", "lm_head."), ("model.language_model.model.", "model.language_model."),
    ):  # fmt: skip
        if found.startswith(old):
            found = new + found[len(old) :]
            break
    shorter = found.replace(f"{TOWER}vision_model.", TOWER, 1)
    longer = found.replace(TOWER, f"{TOWER}vision_model.", 1)
    return next((each for each in (found, shorter, longer) if each in wanted), found)
