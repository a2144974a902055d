"""A given answer beside a picture: both scores, and how likely the model would have written each sentence.

One pass over picture and question, then two short branches from the same cache: the conclusion forced at once (score
before any text), and the given answer followed by the forced conclusion (score after it). Nothing is generated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import torch

from fakescan.core.checked import GivenText, Reread
from fakescan.core.records import LogitPair
from fakescan.model.prompt import PromptIds, Tokenizer

Mark = TypeVar("Mark")


class Readable(Protocol[Mark]):
    """Growing sequences that can be read (``decoding.py``, ``lean_sequences.py``)."""

    def append(self, pieces: Sequence[Sequence[int]], visual: torch.Tensor | None = None) -> torch.Tensor:
        """One forward pass over a piece a row."""

    def append_read(self, pieces: Sequence[Sequence[int]]) -> list[list[float]]:
        """The same; returns the log-probability of each row's tokens, in nats."""

    def mark(self) -> Mark:
        """Where the sequences stand."""

    def rewind(self, mark: Mark, /) -> None:
        """Forget everything after a mark."""

    def logits_of(self, token_ids: Sequence[int]) -> torch.Tensor:
        """Logits of a few tokens as the next one, float32 (B, len(token_ids))."""


def read_again(
    sequences: Readable[Mark],
    visual: torch.Tensor,
    texts: Sequence[GivenText],
    prompt: PromptIds,
    tokenizer: Tokenizer,
    classes: tuple[int, int],
) -> list[Reread]:
    """Read given answers.

    Args:
        sequences: as many empty ones as there are texts.
        visual: (B, P, D) visual tokens of the pictures.
        texts: one for each picture.
        prompt: the forced pieces.
        tokenizer: the language model's.
        classes: token ids of "real" and "fake".
    """
    rows = len(texts)
    sequences.append([prompt.head] * rows, visual)
    question = sequences.mark()
    sequences.append([prompt.before] * rows)
    before = _pairs(sequences, classes)
    sequences.rewind(question)
    sequences.append([_opening(text, prompt, tokenizer) for text in texts])
    sentences = [[tokenizer.encode(" " + one, add_special_tokens=False) for one in text.sentences] for text in texts]
    likely = sequences.append_read([[token for one in row for token in one] for row in sentences])
    sequences.append([prompt.reasoning_end + prompt.conclusion] * rows)
    after = _pairs(sequences, classes)
    return [
        Reread(first, second, _means(row, values))
        for first, second, row, values in zip(before, after, sentences, likely, strict=True)
    ]


def _opening(text: GivenText, prompt: PromptIds, tokenizer: Tokenizer) -> tuple[int, ...]:
    """Everything of the answer up to the first sentence of the reasoning."""
    caption = tokenizer.encode(" " + text.caption, add_special_tokens=False) if text.caption else []
    return (*prompt.opening[text.steered_to], *caption, *prompt.caption_end, *prompt.reasoning_start)


def _pairs(sequences: Readable[Mark], classes: tuple[int, int]) -> list[LogitPair]:
    return [LogitPair(real, fake, None) for real, fake in sequences.logits_of(classes).tolist()]


def _means(sentences: Sequence[Sequence[int]], values: Sequence[float]) -> tuple[float, ...]:
    found, at = [], 0
    for sentence in sentences:
        own = values[at : at + len(sentence)]
        found.append(sum(own) / len(own) if own else 0.0)
        at += len(sentence)
    return tuple(found)
