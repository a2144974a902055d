"""LLaMA's tokenizer as older checkpoints bring it (SentencePiece), and which of its ids can stand for a picture."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fakescan.errors import ModelError
from fakescan.model.build import load_tokenizer

FILES = (
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "chat_template.jinja",
)  # fmt: skip
_IMAGE = "<image>"
_NOTHING = "<0x00>"
"""The byte of no text."""


def load_original_tokenizer(folders: Sequence[Path]) -> Any:
    """The tokenizer of the first folder that has one.

    It is read from a folder that holds its files alone: what else lies beside them, such as a config of a model that
    transformers does not know, has no say.

    Raises:
        ModelError: none has one, it cannot be read, or it needs a package that is not installed.
    """
    for folder in folders:
        there = [name for name in FILES if (folder / name).is_file()]
        if not {"tokenizer.json", "tokenizer.model", "vocab.json"} & set(there):
            continue
        if "tokenizer.json" not in there and "tokenizer.model" in there and not _sentencepiece():
            raise ModelError(
                f"the tokenizer in {folder} is of the SentencePiece kind, which needs a package of its own",
                "pip install 'fakescan-forensics[weights]'",
            )
        with tempfile.TemporaryDirectory() as alone:
            for name in there:
                shutil.copyfile(folder / name, Path(alone) / name)
            with warnings.catch_warnings():  # of settings of older versions, which its author chose
                warnings.simplefilter("ignore")
                try:
                    return load_tokenizer(alone)
                except ModelError as error:
                    raise ModelError(error.message.replace(alone, str(folder)), error.hint) from error
    raise ModelError(f"{folders[0]} holds no tokenizer", "fetch the model again")


def _sentencepiece() -> bool:
    return importlib.util.find_spec("sentencepiece") is not None


def placeholder_id(tokenizer: Any, entries: int) -> int:
    """An id that no prompt holds, to stand where a picture's tokens go. The original code uses a negative number there.

    Args:
        tokenizer: the model's.
        entries: rows of its table of embeddings.

    Raises:
        ModelError: the tokenizer has no such id.
    """
    known = tokenizer.get_vocab()
    for piece in (_IMAGE, _NOTHING, tokenizer.unk_token):
        if piece in known and known[piece] < entries:
            return int(known[piece])
    raise ModelError("this tokenizer has no id that could stand for a picture", "fetch the model again")
