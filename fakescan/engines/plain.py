"""The plain engine: right before it is fast. Batched prefill, one decoding step at a time, every piece forced exactly.

For each batch: vision tower, then one forward pass over the prompt with the conclusion forced (score before any text);
the cache is cut back to the end of the question, the text is generated between the forced pieces, and the conclusion
is forced after ``</REASONING>`` or at the token limit (score after). Whatever the text rambles, both scores exist.

It runs transformers' own modules, whatever the language model, and is what the slot engine is compared with.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import torch

from fakescan.core.answer import parse_answer
from fakescan.core.calibration import rounded
from fakescan.core.checked import GivenText, Reread
from fakescan.core.records import Failure, LogitPair, Prediction, Stage
from fakescan.engines.base import BATCH_AUTO, FREE_LIMIT_TOKENS, EngineOptions, ModelEngine, Written
from fakescan.engines.choosing import Greedy, Sampler
from fakescan.engines.decoding import Sequences
from fakescan.engines.device import Placement
from fakescan.engines.linears import quantise
from fakescan.engines.rereading import read_again
from fakescan.model.checkpoints.ours import LoadedModel
from fakescan.model.mapper import locate
from fakescan.protocols import RgbImage

__all__ = ["EngineOptions", "PlainEngine"]

_DEFAULT_BATCH = 8


class PlainEngine(ModelEngine):
    """Runs one loaded model."""

    name = "plain"

    def __init__(self, loaded: LoadedModel, placement: Placement, options: EngineOptions) -> None:
        """Place the model and tokenise the forced pieces.

        Raises:
            ModelError: the tokenizer does not fit the prompt or the mapper.
        """
        size = _DEFAULT_BATCH if options.batch_size == BATCH_AUTO else options.batch_size
        super().__init__(loaded, placement, options, size)
        self.llava = _placed(loaded.llava, placement)

    def infer(self, images: Sequence[RgbImage], *, reasoning: bool = True) -> list[Prediction | Failure]:
        """Assess pictures; halves the batch and goes on when memory runs out.

        Raises:
            ModelError: the device failed in a way that would spoil every image.
        """
        return self.in_parts(images, lambda part, _: self._batch(part, reasoning=reasoning))

    def reread(self, images: Sequence[RgbImage], texts: Sequence[GivenText]) -> list[Reread | Failure]:
        """Both scores and the likelihood of each sentence, with the text given instead of written.

        Raises:
            ModelError: the device failed in a way that would spoil every image.
        """
        return self.in_parts(images, lambda part, done: self._reread(part, texts[done : done + len(part)]))

    @torch.inference_mode()
    def _batch(self, images: Sequence[RgbImage], *, reasoning: bool) -> list[Prediction | Failure]:
        started = time.perf_counter()
        sequences = Sequences(self.llava, len(images))
        sequences.append([self.prompt.head] * len(images), self.visual(images))
        prompt_length = sequences.mark()
        sequences.append([self.prompt.before] * len(images))
        predictions = [
            Prediction(before=pair, after=None) for pair in self._pairs(sequences, [self.before_index] * len(images))
        ]
        if reasoning:
            sequences.rewind(prompt_length)
            write = self._free_answers if self.options.free else self._forced_answers
            predictions = write(sequences, predictions, [image.sha256 for image in images])
        share = (time.perf_counter() - started) / len(images)
        return [replace(rounded(prediction), elapsed_s=share) for prediction in predictions]

    @torch.inference_mode()
    def _reread(self, images: Sequence[RgbImage], texts: Sequence[GivenText]) -> list[Reread]:
        classes = (self.anchors.real_id, self.anchors.fake_id)
        sequences = Sequences(self.llava, len(images))
        return read_again(sequences, self.visual(images), texts, self.prompt, self.tokenizer, classes)

    def _pairs(self, sequences: Sequences, indices: Sequence[int]) -> list[LogitPair]:
        values = sequences.logits_of([self.anchors.real_id, self.anchors.fake_id]).tolist()
        return [LogitPair(real, fake, index) for (real, fake), index in zip(values, indices, strict=True)]

    def _forced_answers(
        self, sequences: Sequences, predictions: list[Prediction], digests: Sequence[str]
    ) -> list[Prediction]:
        """Caption and reasoning between forced pieces, then the forced conclusion."""
        del digests  # greedy text needs no random numbers
        sides = [self.steered_side(cast(LogitPair, prediction.before)) for prediction in predictions]
        sequences.append([self.prompt.opening[taken] for taken in sides])
        captions = self._stage(sequences, Stage.CAPTION, self.options.caption_limit_tokens)
        # A stage cut off at its limit still gets its closing tag, so that the mapper reads the place it was trained on.
        ends = [() if self._ended(row, Stage.CAPTION) else self.prompt.caption_end for row in captions]
        sequences.append([tuple(end) + self.prompt.reasoning_start for end in ends])
        reasonings = self._stage(sequences, Stage.REASONING, self.options.reasoning_limit_tokens)
        tails = [() if self._ended(row, Stage.REASONING) else self.prompt.reasoning_end for row in reasonings]
        sequences.append([tuple(tail) + self.prompt.conclusion for tail in tails])
        answers = [Written(*parts) for parts in zip(captions, ends, reasonings, tails, strict=True)]
        pairs = self._pairs(sequences, [self.after_index(written) for written in answers])
        return [self.with_answer(*row) for row in zip(predictions, sides, answers, pairs, strict=True)]

    def _stage(self, sequences: Sequences, stage: Stage, limit: int) -> list[list[int]]:
        """The model's own words of one stage, up to its closing tag or the limit."""
        tokens, _ = sequences.generate(
            Greedy(self.options.no_repeat_tokens), lambda _, so_far: self._ended(so_far, stage), limit
        )
        return tokens

    def _free_answers(
        self, sequences: Sequences, predictions: list[Prediction], digests: Sequence[str]
    ) -> list[Prediction]:
        """The paper's inference: everything is the model's own, the index is looked for in what it wrote."""
        sequences.append([self.prompt.free_opening] * len(predictions))
        classes = [self.anchors.real_id, self.anchors.fake_id]
        tokens, logits = sequences.generate(
            Sampler(self.options.seed, digests, self.options.temperature),
            lambda _, so_far: so_far[-1] == self.prompt.end_id,
            FREE_LIMIT_TOKENS,
            classes,
        )
        results = []
        for prediction, row, steps in zip(predictions, tokens, logits, strict=True):
            index = int(locate(torch.tensor([row]), self.anchors.patterns)[0])
            pair = LogitPair(float(steps[index][0]), float(steps[index][1]), index) if index >= 0 else None
            results.append(replace(prediction, after=pair, stages=parse_answer(self._text(row)), tokens=len(row)))
        return results


def _placed(llava: Any, placement: Placement) -> Any:
    """Move a model, its language model's linear layers quantised where that was asked for."""
    llava = llava.to(placement.dtype)
    if placement.quantised is not None:
        quantise(llava.model.language_model, placement)
    return llava.to(placement.device).eval()
