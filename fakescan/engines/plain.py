"""The plain engine: right before it is fast. Batched prefill, one decoding step at a time, every piece forced exactly.

For each batch: vision tower, then one forward pass over the prompt with the conclusion forced (score before any text);
the cache is cut back to the end of the question, the text is generated between the forced pieces, and the conclusion
is forced after ``</REASONING>`` or at the token limit (score after). Whatever the text rambles, both scores exist.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import torch
from PIL import Image

from fakescan.core.answer import SUMMARY_TEXT, close_tag, open_tag, parse_answer, wrapped
from fakescan.core.calibration import calibration_of, probability, rounded, side
from fakescan.core.checked import GivenText, Reread
from fakescan.core.records import Calibration, Failure, Label, LogitPair, ModelIdentity, Prediction, ScoreKind, Stage
from fakescan.core.views import Views
from fakescan.engines.choosing import PAPER_TEMPERATURE, Greedy, Sampler
from fakescan.engines.decoding import Sequences
from fakescan.engines.device import Placement
from fakescan.engines.int8 import quantise_linears
from fakescan.engines.rereading import read_again
from fakescan.errors import ModelError
from fakescan.model.build import image_embeddings, tower_features, visual_tokens
from fakescan.model.checkpoints.ours import LoadedModel
from fakescan.model.images import stacked, views_of
from fakescan.model.mapper import derive_anchors, locate
from fakescan.model.prompt import TEMPLATES, build_prompt
from fakescan.protocols import RgbImage

Answer = TypeVar("Answer")

CAPTION_LIMIT_TOKENS = 90
"""The longest training caption has about 80 tokens."""
REASONING_LIMIT_TOKENS = 180
"""The longest training reasoning has about 170 tokens."""
NO_REPEAT_TOKENS = 4
"""Runs of so many tokens occur once in a forced text: small models turn in circles otherwise."""
FREE_LIMIT_TOKENS = 512
"""The authors' max_new_tokens."""
TAIL_TOKENS = 10
"""Enough last tokens to hold a closing tag."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How a model is asked."""

    batch_size: int = 8
    """Pictures a batch."""
    decides: ScoreKind = ScoreKind.BEFORE
    """The score that decides; ``AFTER`` turns the steering off."""
    free: bool = False
    """Nothing forced, drawn: the paper's way."""
    seed: int = 0
    """Of drawn text."""
    temperature: float = PAPER_TEMPERATURE
    """Of drawn text."""
    caption_limit_tokens: int = CAPTION_LIMIT_TOKENS
    """Free tokens of a forced answer's caption at most."""
    reasoning_limit_tokens: int = REASONING_LIMIT_TOKENS
    """Free tokens of its reasoning at most."""
    no_repeat_tokens: int = NO_REPEAT_TOKENS
    """Length of the runs that may not occur twice in a stage; 0 allows all."""


class PlainEngine:
    """Runs one loaded model."""

    def __init__(self, loaded: LoadedModel, placement: Placement, options: EngineOptions) -> None:
        """Place the model and tokenise the forced pieces.

        Raises:
            ModelError: the tokenizer does not fit the prompt or the mapper.
        """
        self.info, self.tokenizer, self.options = loaded.info, loaded.tokenizer, options
        self.llava = _placed(loaded.llava, placement)
        self.placement = placement
        self.anchors = derive_anchors(self.tokenizer)
        self.prompt = build_prompt(
            self.tokenizer, TEMPLATES[self.info.template], self.llava.config.image_token_id,
            visual_tokens(self.llava, self.info.preprocessing.views), form=self.info.answer,
        )  # fmt: skip
        self._size = options.batch_size

    @property
    def identity(self) -> ModelIdentity:
        """Which model, and how it is run."""
        info = self.info
        return ModelIdentity(
            name=info.name, base_model=info.base_name, adapter=None, weights_sha256=info.weights_sha256,
            prompt_version=info.prompt_id, dtype=self.placement.dtype_name, device=str(self.placement.device),
            engine="plain", decides=info.decides, card=info.card, temperature=info.tau,
        )  # fmt: skip

    @property
    def calibration(self) -> Mapping[ScoreKind, Calibration]:
        """The checkpoint's, by score."""
        return self.info.calibration

    @property
    def batch_size(self) -> int:
        """Pictures a batch; falls when memory runs out."""
        return self._size

    @property
    def views(self) -> Views:
        """All that it sees of a picture."""
        return self.info.preprocessing.looks

    def draw(self, seed: int, temperature: float) -> None:
        """From now on, draw text with this seed and temperature (above 0)."""
        self.options = replace(self.options, seed=seed, temperature=temperature)

    def infer(self, images: Sequence[RgbImage], *, reasoning: bool = True) -> list[Prediction | Failure]:
        """Assess pictures; halves the batch and goes on when memory runs out.

        Raises:
            ModelError: the device failed in a way that would spoil every image.
        """
        return self._in_parts(images, lambda part, _: self._batch(part, reasoning=reasoning))

    def reread(self, images: Sequence[RgbImage], texts: Sequence[GivenText]) -> list[Reread | Failure]:
        """Both scores and the likelihood of each sentence, with the text given instead of written.

        Raises:
            ModelError: the device failed in a way that would spoil every image.
        """
        return self._in_parts(images, lambda part, done: self._reread(part, texts[done : done + len(part)]))

    def _in_parts(
        self, images: Sequence[RgbImage], answer: Callable[[Sequence[RgbImage], int], Sequence[Answer | Failure]]
    ) -> list[Answer | Failure]:
        """Answers part by part; ``answer`` is told the pictures of a part and how many came before it."""
        done: list[Answer | Failure] = []
        while len(done) < len(images):
            part = images[len(done) : len(done) + self._size]
            try:
                done += answer(part, len(done))
            except (RuntimeError, MemoryError) as error:
                if not _is_out_of_memory(error):
                    raise ModelError(
                        f"the model failed on {self.placement.device}: {error}", "try --device cpu"
                    ) from error
                self._release()
                if len(part) == 1:
                    done.append(
                        Failure(
                            "infer",
                            "out-of-memory",
                            "not enough memory for a single picture",
                            "close other programs, or use --dtype int8",
                        )
                    )
                else:
                    self._size = max(1, len(part) // 2)
        return done

    def _release(self) -> None:
        gc.collect()
        if self.placement.device.type == "cuda":
            torch.cuda.empty_cache()

    @torch.inference_mode()
    def _batch(self, images: Sequence[RgbImage], *, reasoning: bool) -> list[Prediction | Failure]:
        started = time.perf_counter()
        sequences = Sequences(self.llava, len(images))
        sequences.append([self.prompt.head] * len(images), self._visual(images))
        prompt_length = sequences.mask.shape[1]
        sequences.append([self.prompt.before] * len(images))
        predictions = [
            Prediction(before=pair, after=None)
            for pair in self._pairs(sequences, [self._answer_tokens(self.prompt.before)] * len(images))
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
        return read_again(sequences, self._visual(images), texts, self.prompt, self.tokenizer, classes)

    def _visual(self, images: Sequence[RgbImage]) -> torch.Tensor:
        """Visual tokens of all views, (B, P, D)."""
        prep = self.info.preprocessing
        views = [view for image in images for view in views_of(cast(Image.Image, image.image), image.views, prep)]
        pixels = stacked(views, prep)
        features = tower_features(self.llava, pixels.to(self.placement.device, self.placement.dtype))
        return image_embeddings(self.llava, features, len(prep.views))

    def _pairs(self, sequences: Sequences, indices: Sequence[int]) -> list[LogitPair]:
        values = sequences.logits_of([self.anchors.real_id, self.anchors.fake_id]).tolist()
        return [LogitPair(real, fake, index) for (real, fake), index in zip(values, indices, strict=True)]

    def _answer_tokens(self, forced: Sequence[int]) -> int:
        """Tokens of a forced piece that belong to the answer, not to the end of the question's turn."""
        return len(forced) - len(self.prompt.free_opening)

    def steered_side(self, before: LogitPair) -> Label | None:
        """The side that the text is asked to explain: the score's, or the likelier one where it is inconclusive."""
        if self.options.decides is ScoreKind.AFTER:
            return None
        record = calibration_of(ScoreKind.BEFORE, self.info.calibration, self.info.tau, None)
        p_fake = cast(float, probability(before, record))
        taken = side(p_fake, record)
        if taken is Label.INCONCLUSIVE:
            return Label.FAKE if p_fake >= 0.5 else Label.REAL
        return taken

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
        forced = self._answer_tokens(self.prompt.opening[None]) + len(self.prompt.reasoning_start)
        free = [len(c) + len(e) + len(r) + len(t) for c, e, r, t in zip(captions, ends, reasonings, tails, strict=True)]
        pairs = self._pairs(sequences, [forced + count + len(self.prompt.conclusion) for count in free])
        results = []
        for prediction, taken, caption, reasoning, pair in zip(
            predictions, sides, captions, reasonings, pairs, strict=True
        ):
            word = "fake" if pair.fake > pair.real else "real"
            text = (
                f"{wrapped(Stage.SUMMARY, SUMMARY_TEXT)}\n{open_tag(Stage.CAPTION)}{self._text(caption)}\n"
                f"{open_tag(Stage.REASONING)}{self._text(reasoning)}\n"
                f"{open_tag(Stage.CONCLUSION)} {self.prompt.conclusion_start} {word}. {close_tag(Stage.CONCLUSION)}"
            )
            written = len(caption) + len(reasoning)
            results.append(replace(prediction, after=pair, stages=parse_answer(text), steered_to=taken, tokens=written))
        return results

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

    def _text(self, tokens: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text

    def _ended(self, tokens: list[int], stage: Stage) -> bool:
        if tokens and tokens[-1] == self.prompt.end_id:
            return True
        return close_tag(stage) in self._text(tokens[-TAIL_TOKENS:])


def _placed(llava: Any, placement: Placement) -> Any:
    """Move a model, and swap its language model's linear layers for dynamic int8 ones where that was asked for."""
    llava = llava.to(placement.device, placement.dtype)
    if placement.int8:
        quantise_linears(llava.model.language_model)
    return llava.eval()


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return "out of memory" in str(error).lower() or "can't allocate memory" in str(error).lower()
