"""BLEU, ROUGE and sentence embeddings of reasoning texts."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from fakescan.errors import ConfigError
from fakescan_trainer.evaluate import reasoning
from fakescan_trainer.evaluate.reasoning import SentenceEncoder, bleu, measure, rouge_l
from fakescan_trainer.evaluate.samples import Answer
from tests.trainer.evaluate.made import answer


def written(number: int, text: str, reference: str) -> Answer:
    found = answer(number, fake=True, p=0.9)
    stages = {"reasoning": text} if text else {}
    return replace(found, sample=replace(found.sample, reference=reference), stages=stages)


def test_bleu_by_hand() -> None:
    pytest.importorskip("nltk")
    # Three of four words and one of three pairs are in the reference; no brevity penalty.
    candidate, reference = "soft edges blur here", "soft edges here"
    assert bleu(candidate, reference, 1) == pytest.approx(3 / 4)
    assert bleu(candidate, reference, 2) == pytest.approx(math.sqrt(3 / 4 * 1 / 3))
    assert bleu("", "words", 1) == bleu("no", "words", 2) == 0


def test_rouge_knows_word_stems() -> None:
    pytest.importorskip("rouge_score")
    assert rouge_l()("edges blurred", "edge blurring") == 1


def test_only_images_with_both_texts_are_measured() -> None:
    pytest.importorskip("nltk")
    pytest.importorskip("rouge_score")
    rows = [written(0, "soft edges", "soft edges"), written(1, "", "hard edges"), written(2, "text", "")]
    found = measure(rows, None)
    assert (found["n"], found["n_without_text"], found["bleu1"], found["rougeL"]) == (1, 1, 1.0, 1.0)
    assert "css" not in found
    assert measure(rows[1:], None) == {"n": 0, "n_without_text": 1, "groups": {"g": {"n": 0}}}


class LengthEncoder:
    """Texts of as many words point the same way, all others stand at right angles."""

    name = "length"

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        return np.eye(4)[[len(text.split()) for text in texts]]


def test_figures_are_given_by_group_too() -> None:
    pytest.importorskip("nltk")
    pytest.importorskip("rouge_score")
    rows = [written(0, "soft edges", "soft edges"), written(1, "soft", "hard edges"), written(2, "soft edges", "soft")]
    placed = [
        replace(row, sample=replace(row.sample, group=name)) for row, name in zip(rows, ("a", "b", "a"), strict=True)
    ]
    found = measure(placed, cast(SentenceEncoder, LengthEncoder()))
    assert found["css"] == pytest.approx(1 / 3)
    assert {name: group["css"] for name, group in found["groups"].items()} == {"a": 0.5, "b": 0.0}
    assert found["groups"]["a"]["bleu1"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["groups"]["b"]["bleu1"] == 0
    assert found["bleu1"] == pytest.approx(1 / 2)
    assert {name: group["n"] for name, group in found["groups"].items()} == {"a": 2, "b": 1}


def test_the_packaged_encoder_knows_meaning() -> None:
    if importlib.util.find_spec(reasoning.ENCODER_PACKAGE) is None:
        pytest.skip("the sentence encoder (extra eval) is not installed")
    encoder = SentenceEncoder()
    texts = [
        "The shadows fall in different directions.",
        "Shadows point to several light sources.",
        "A recipe for bread.",
    ]
    vectors = encoder(texts)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3))
    # A text's vector does not depend on what else is in its batch.
    assert encoder(texts[:1])[0] == pytest.approx(vectors[0], abs=1e-5)
    near, far = float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[2])
    assert near > 0.4 > far
    pairs = [written(0, texts[0], texts[1])]
    pytest.importorskip("nltk")
    pytest.importorskip("rouge_score")
    assert measure(pairs, encoder)["css"] == pytest.approx(near, abs=1e-5)


def test_clip_text_models_are_read_too(tmp_path: Path) -> None:
    import torch
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    from tests.tiny import make_tokenizer

    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=20, projection_dim=8, eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    CLIPTextModelWithProjection(config).save_pretrained(tmp_path)
    encoder = SentenceEncoder(tmp_path)
    assert encoder.is_clip
    long = "this image is fake " * 20
    vectors = encoder([long, long + "and more", "real"])
    assert vectors.shape == (3, 8)
    # Beyond its positions CLIP sees nothing: the start of a text is all that counts.
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-6)
    assert float(vectors[0] @ vectors[2]) < 0.999


def test_what_is_missing_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reasoning.importlib.util, "find_spec", lambda name: None)  # type: ignore[attr-defined]
    for missing in (lambda: bleu("a", "a", 1), rouge_l, SentenceEncoder):
        with pytest.raises(ConfigError) as fault:
            missing()
        assert "fakescan-forensics[eval]" in fault.value.hint
    with pytest.raises(ConfigError, match="no text encoder"):
        SentenceEncoder(tmp_path)
