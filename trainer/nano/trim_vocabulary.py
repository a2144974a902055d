"""Make the base smaller: keep the tokens that the data uses and the most frequent ones, drop the rest.

    python trainer/nano/trim_vocabulary.py BASE MMFR OUT [--first 16384]

The embedding is a fifth of the language model, and most of its 49,152 entries never occur in an answer. Kept are the
first `--first` entries (byte-level BPE numbers its merges by frequency), every token of the annotation texts and of the
prompt, and all parts from which the tokenizer builds them; so kept texts are tokenised into the same pieces as before.
The weights that stay are the same, block for block; ids change, which is why this comes before training.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from fakescan.core.answer import full_answer, short_answer
from fakescan.core.records import Label
from fakescan.model.build import load_tokenizer
from fakescan.model.prompt import CAPTION_QUESTION, QUESTION, TEMPLATES, steering

EMBEDDING = "embed_tokens.weight.q8_0"
FILES = ("forgery_reasoning_cot.json", "validation.json", "captions.json")


def fixed_texts() -> list[str]:
    """What every prompt and answer holds."""
    texts = [QUESTION, CAPTION_QUESTION]
    for label in Label:
        texts += [steering(label), QUESTION + steering(label), short_answer(label), full_answer("A", "A", label)]
    for template in TEMPLATES.values():
        texts += [template.before_image, template.before_question + QUESTION, template.turn_end + template.answer_start]
    return texts


def used_tokens(base: Path, mmfr: Path) -> set[int]:
    """Ids of every token of the annotation texts of training images, and of what is fixed."""
    tokenizer = load_tokenizer(base)
    texts = fixed_texts()
    for name in FILES:
        for record in json.loads((mmfr / name).read_text("utf-8")):
            answer = record["conversations"][1]["value"]
            # captions and reasoning follow a tag and a space in training: with and without one, for every caller
            texts += [answer, " " + answer]
    return {token for text in texts for token in tokenizer.encode(text, add_special_tokens=False)}


def trimmed(tokenizer: dict[str, Any], used: set[int], first: int) -> tuple[dict[str, Any], list[int]]:
    """Tokenizer with fewer entries, and the old id of each new one.

    Args:
        tokenizer: content of ``tokenizer.json``, byte-level BPE.
        used: ids that must stay.
        first: so many ids stay in any case.

    Returns:
        The new content; old ids in the order of the new ones.
    """
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    by_id = {number: text for text, number in vocabulary.items()}
    merges = [tuple(pair) for pair in tokenizer["model"]["merges"]]
    parts = {vocabulary[left + right]: (vocabulary[left], vocabulary[right]) for left, right in merges}
    keep: set[int] = set()
    wanted = sorted(used | set(range(first)))
    while wanted:
        token = wanted.pop()
        if token not in keep:
            keep.add(token)
            wanted += parts.get(token, ())
    order = sorted(keep)
    new_id = {old: new for new, old in enumerate(order)}
    result = json.loads(json.dumps(tokenizer))
    result["model"]["vocab"] = {by_id[old]: new for old, new in new_id.items()}
    result["model"]["merges"] = [[left, right] for left, right in merges if vocabulary[left + right] in keep]
    for token in result["added_tokens"]:
        if new_id[token["id"]] != token["id"]:
            raise SystemExit("a special token would get another id")
    return result, order


def main() -> None:
    """Write the smaller base."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("base", "mmfr", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--first", type=int, default=16384)
    args = parser.parse_args()
    out: Path = args.out
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = json.loads((args.base / "tokenizer.json").read_text("utf-8"))
    smaller, order = trimmed(tokenizer, used_tokens(args.base, args.mmfr), args.first)
    for path in args.base.iterdir():
        shutil.copyfile(path, out / path.name)
    (out / "tokenizer.json").write_text(json.dumps(smaller, ensure_ascii=False), "utf-8")
    with safe_open(args.base / "language.safetensors", "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (safe_open is no mapping)
    tensors[EMBEDDING] = tensors[EMBEDDING][torch.tensor(order)].contiguous()
    save_file(tensors, out / "language.safetensors", {"format": "fakescan-1"})
    config = json.loads((out / "config.json").read_text("utf-8"))
    config["text_config"]["vocab_size"] = len(order)
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    print(f"{len(order)} of {len(tokenizer['model']['vocab'])} tokens kept")


if __name__ == "__main__":
    main()
