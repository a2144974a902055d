"""The smaller vocabulary: kept texts are cut into the same pieces as before."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from tests.tiny import make_tokenizer


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = Path(__file__).parents[2] / "trainer" / "nano" / "trim_vocabulary.py"
    spec = importlib.util.spec_from_file_location("trim_vocabulary", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def content(tokenizer: PreTrainedTokenizerFast) -> dict[str, object]:
    return dict(json.loads(tokenizer.backend_tokenizer.to_str()))


def test_kept_words_keep_their_pieces_and_others_fall_apart(script: ModuleType) -> None:
    tokenizer = make_tokenizer()
    kept, lost = "this image is fake.", "describe"
    used = set(tokenizer.encode(kept, add_special_tokens=False))
    whole = content(tokenizer)
    alphabet = len(whole["model"]["vocab"]) - len(whole["model"]["merges"])  # type: ignore[index]
    smaller, order = script.trimmed(whole, used, alphabet)
    assert len(order) < len(whole["model"]["vocab"])  # type: ignore[index]
    trimmed = Tokenizer.from_str(json.dumps(smaller))
    assert trimmed.encode(kept).tokens == tokenizer.convert_ids_to_tokens(tokenizer.encode(kept))
    assert [order[i] for i in trimmed.encode(kept).ids] == tokenizer.encode(kept, add_special_tokens=False)
    assert len(trimmed.encode(lost).ids) >= len(tokenizer.encode(lost, add_special_tokens=False))
    assert trimmed.decode(trimmed.encode(lost).ids) == lost
    for special in tokenizer.all_special_tokens:
        assert trimmed.token_to_id(special) == tokenizer.convert_tokens_to_ids(special)
