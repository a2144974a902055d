"""The classification probability mapper: pattern, index, probability, and parity with the authors' numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from fakescan.errors import ModelError
from fakescan.model.mapper import Anchors, ProbabilityMapper, derive_anchors, locate
from fakescan_trainer.losses import cpm_bce_loss, predicted_index_loss
from tests.tiny import make_tokenizer

LLAMA_PATTERN = (6007, 6154, 3308, 2725, 29958, 910, 1967, 338)
LLAMA = Anchors((LLAMA_PATTERN,), real_id=1855, fake_id=25713)


class Pieces:
    """LLaMA's vocabulary as far as the conclusion needs it: greedy longest piece, a blank becomes the lower bar."""

    VOCABULARY: ClassVar = {
        "▁<": 529, "<": 29966, "CON": 6007, "CL": 6154, "US": 3308, "ION": 2725, ">": 29958, "▁This": 910, "This": 4013,
        "▁image": 1967, "▁is": 338, "▁real": 1855, "▁fake": 25713, ".": 29889, "▁Based": 16564, "▁on": 373,
        "▁the": 278, "▁analysis": 7418, "▁above": 2038, ",": 29892, "▁this": 445, "▁": 29871,
    }  # fmt: skip

    def encode(self, text: str, *, add_special_tokens: bool = False) -> list[int]:
        del add_special_tokens
        rest, ids = "▁" + text.replace(" ", "▁"), []
        while rest:
            piece = max((p for p in self.VOCABULARY if rest.startswith(p)), key=len)
            ids.append(self.VOCABULARY[piece])
            rest = rest[len(piece) :]
        return ids

    def decode(self, token_ids: object, *, skip_special_tokens: bool = False) -> str:
        raise NotImplementedError  # the mapper never decodes


def test_llama_ids_are_derived_not_constants() -> None:
    anchors = derive_anchors(Pieces())
    assert anchors.patterns[0] == LLAMA_PATTERN
    assert (anchors.real_id, anchors.fake_id) == (1855, 25713)


def test_parity_of_llama_ids(shared: Path) -> None:
    listed = json.loads((shared / "parity/tokens/llama_ids.json").read_text("utf-8"))["strings"]
    anchors = derive_anchors(Pieces())
    assert list(anchors.patterns[0]) == listed["<CONCLUSION> This image is"][1:]
    assert [anchors.real_id] == listed["real"]
    assert [anchors.fake_id] == listed["fake"]


def test_both_templates_are_found_by_a_byte_level_tokenizer() -> None:
    tokenizer = make_tokenizer()
    anchors = derive_anchors(tokenizer)
    for before in ("", "\n", "x </REASONING>\n", "some words "):
        for start in ("This image is", "Based on the analysis above, this image is"):
            for word, expected in (("real", anchors.real_id), ("fake", anchors.fake_id)):
                ids = tokenizer.encode(f"{before}<CONCLUSION> {start} {word}. </CONCLUSION>", add_special_tokens=False)
                index = int(locate(torch.tensor([ids]), anchors.patterns)[0])
                assert ids[index] == expected, (before, start)


def test_a_tokenizer_without_the_words_is_a_clear_error() -> None:
    class Letters(Pieces):
        VOCABULARY = {p: i for p, i in Pieces.VOCABULARY.items() if p != "▁fake"} | {
            c: 9000 + i for i, c in enumerate("fake")
        }

    with pytest.raises(ModelError, match='"fake" is 5 tokens'):
        derive_anchors(Letters())


def test_a_tokenizer_that_knows_neither_word_is_no_silent_half() -> None:
    class Unknown(Pieces):
        def encode(self, text: str, *, add_special_tokens: bool = False) -> list[int]:
            return [0] * len(text.split())  # one id for everything that is unknown

    with pytest.raises(ModelError, match="does not tell"):
        derive_anchors(Unknown())


def test_no_match_and_a_match_at_the_very_end() -> None:
    pattern = [(1, 2, 3)]
    ids = torch.tensor([[9, 9, 9, 9, 9], [9, 9, 1, 2, 3], [1, 2, 3, 9, 9], [1, 2, 3, 1, 2]])
    assert locate(ids, pattern).tolist() == [-1, -1, 3, 3]
    assert locate(torch.tensor([[1, 2]]), pattern).tolist() == [-1]


def test_the_earliest_match_of_any_pattern_counts() -> None:
    ids = torch.tensor([[7, 8, 0, 1, 2, 3, 0, 0]])
    assert locate(ids, [(1, 2, 3), (7, 8)]).tolist() == [2]


def test_probability_is_equation_eight() -> None:
    mapper = ProbabilityMapper()
    assert float(mapper.tau.detach()) == pytest.approx(10)
    logit = mapper(torch.tensor(-4.0), torch.tensor(6.0))
    assert float(torch.sigmoid(logit).detach()) == pytest.approx(1 / (1 + math.exp(-1)))


def test_tau_is_trained_and_stays_positive() -> None:
    mapper = ProbabilityMapper(0.01)
    optimizer = torch.optim.SGD(mapper.parameters(), lr=1.0)
    cpm_bce_loss(torch.tensor([[0.0, 1.0]]), torch.tensor([0]), torch.tensor([True]), mapper).backward()
    before = float(mapper.tau.detach())
    optimizer.step()
    assert float(mapper.tau.detach()) != before
    assert float(mapper.tau.detach()) > 0


def test_parity_with_the_authors_loss(shared: Path) -> None:
    golden = json.loads((shared / "parity/cpm/cpm_cases.json").read_text("utf-8"))
    assert tuple(golden["pattern_ids"]) == LLAMA_PATTERN
    compared = 0
    for case in golden["cases"]:
        if not isinstance(case.get("ce_loss"), float | int):
            continue  # the authors' code raises there; ours counts the row as having no index
        top = torch.tensor(case["argmax_token_per_position"])
        logits = torch.zeros(*top.shape, golden["vocab"])
        logits.scatter_(2, top[..., None], golden["winner_logit"])
        for row, position, token, value in case["extra_logits"]:
            logits[row, position, token] = value
        loss = predicted_index_loss(logits, torch.tensor(case["labels"]), LLAMA, ProbabilityMapper(golden["tau"]))
        assert float(loss.detach()) == pytest.approx(case["ce_loss"], abs=2e-6), case["name"]
        compared += 1
    assert compared >= 5


def test_a_match_at_the_last_position_counts_as_none() -> None:
    top = torch.full((1, 10), 5)
    top[0, 2:] = torch.tensor(LLAMA_PATTERN)
    logits = torch.zeros(1, 10, 32000).scatter_(2, top[..., None], 8.0)
    loss = predicted_index_loss(logits, torch.tensor([1]), LLAMA, ProbabilityMapper())
    assert float(loss.detach()) == 0
