"""The slot engine: the plain engine's answers in a fraction of its time, on cpu, cuda and mps alike.

The prompt has the same length for every picture, so nothing is padded; its start is computed once; scores and forced
pieces take one pass each; free text is decoded for as many pictures as fit at once, and whoever is done makes room for
the next (``slots.py``). What is asked for a picture is a script of its own (``scripts.py``), so no text depends on
which pictures run beside it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import nn

from fakescan.core.answer import parse_answer
from fakescan.core.calibration import rounded
from fakescan.core.checked import GivenText, Reread
from fakescan.core.records import Failure, Label, LogitPair, Prediction, Stage
from fakescan.engines.base import BATCH_AUTO, FREE_LIMIT_TOKENS, NO_MEMORY, EngineOptions, ModelEngine
from fakescan.engines.cache import StaticCache
from fakescan.engines.choosing import generator_of
from fakescan.engines.device import Placement
from fakescan.engines.lean import LeanDecoder, runs_lean
from fakescan.engines.lean_sequences import LeanSequences
from fakescan.engines.linears import quicken
from fakescan.engines.memory import Need, free_bytes, prompts_at_once, rows_that_fit
from fakescan.engines.rereading import read_again
from fakescan.engines.scripts import ForcedResult, FreeResult, StageRules, forced_script, free_script
from fakescan.engines.seen import Seen, SeenPictures
from fakescan.engines.slots import Running, Slots
from fakescan.errors import ModelError
from fakescan.model.checkpoints.ours import LoadedModel
from fakescan.model.mapper import locate
from fakescan.protocols import RgbImage

_ROUNDS = 2
"""Pictures that are wanted at once for every slot: with more than one round, a free slot finds a successor."""


@dataclass(slots=True)
class _Job:
    """A picture to write about."""

    index: int
    image: RgbImage
    before: LogitPair | None = None
    side: Label | None = None


_Script = Running[_Job, ForcedResult | FreeResult]


class SlotEngine(ModelEngine):
    """Runs one loaded model; takes its weights over, so that the loaded one is of no use to anybody else."""

    name = "slot"
    refill = True
    """Whether a free slot is filled at once; a test turns it off."""

    def __init__(self, loaded: LoadedModel, placement: Placement, options: EngineOptions) -> None:
        """Place the model, lay out its weights and tokenise the forced pieces.

        Raises:
            ModelError: the tokenizer does not fit the prompt or the mapper, or the language model is of another kind.
        """
        if not runs_lean(loaded.llava.model.language_model):
            kind = type(loaded.llava.model.language_model).__name__
            raise ModelError(f"the slot engine does not run a {kind}", "use --engine plain")
        super().__init__(loaded, placement, options, 1)
        self.llava = _all_but_layers_placed(loaded.llava, placement)
        quicken(self.llava.model.vision_tower, placement)
        quicken(self.llava.model.multi_modal_projector, placement)
        self.decoder = LeanDecoder(self.llava, placement, (self.anchors.real_id, self.anchors.fake_id))
        prompt = self.prompt
        self._start = prompt.head.index(prompt.image_id)
        self._question = prompt.head[len(prompt.head) - prompt.head[::-1].index(prompt.image_id) :]
        self._columns = self._longest()
        self.decoder.reach(self._columns)
        self._prefix: StaticCache | None = None
        self._slots: Slots[_Job, ForcedResult | FreeResult] | None = None
        self._cache: StaticCache | None = None
        self._seen = SeenPictures()
        whole = len(prompt.head) + len(prompt.before)
        # int8 on a CPU scales activations by the largest of a pass: alone, so that no score depends on its neighbours.
        self.chunk = 1 if placement.dynamic_int8 else prompts_at_once(whole, placement.device.type)
        """Pictures that go through the prompt together; falls when memory runs out."""
        self._size = options.batch_size
        if options.batch_size == BATCH_AUTO:
            self._size = rows_that_fit(self._need(), free_bytes(placement.device), placement.device.type)

    @property
    def batch_size(self) -> int:
        """Pictures that it wants at once: some for every slot."""
        return self._size * _ROUNDS

    @property
    def slots(self) -> int:
        """Pictures that are written about at once; falls when memory runs out."""
        return self._size

    def resize(self, slots: int) -> None:
        """Write about another number of pictures at once from now on."""
        self._size, self._slots, self._cache = slots, None, None

    def infer(self, images: Sequence[RgbImage], *, reasoning: bool = True) -> list[Prediction | Failure]:
        """Assess pictures; makes do with less and goes on when memory runs out.

        Raises:
            ModelError: the device failed in a way that would spoil every image.
        """
        started = time.perf_counter()
        done: dict[int, Prediction | Failure] = {}
        while len(done) < len(images):
            jobs = [_Job(index, image) for index, image in enumerate(images) if index not in done]
            try:
                for index, prediction in self._written(jobs) if reasoning else self._scored(jobs):
                    done[index] = rounded(prediction)
            except (RuntimeError, MemoryError) as error:
                self._slots = self._cache = None
                self._seen.clear()
                self.back_off_or_raise(error)
                if not self._smaller(reasoning=reasoning):
                    done[next(job.index for job in jobs if job.index not in done)] = NO_MEMORY
        share = (time.perf_counter() - started) / max(1, len(images))
        outcomes = [done[index] for index in range(len(images))]
        return [replace(one, elapsed_s=share) if isinstance(one, Prediction) else one for one in outcomes]

    def reread(self, images: Sequence[RgbImage], texts: Sequence[GivenText]) -> list[Reread | Failure]:
        """Both scores and the likelihood of each sentence, with the text given instead of written.

        Raises:
            ModelError: the device failed in a way that would spoil every image.
        """
        return self.in_parts(images, lambda part, done: self._reread(part, texts[done : done + len(part)]))

    @torch.inference_mode()
    def _reread(self, images: Sequence[RgbImage], texts: Sequence[GivenText]) -> list[Reread]:
        classes = (self.anchors.real_id, self.anchors.fake_id)
        sequences = LeanSequences(self.decoder, len(images), self.prompt.image_id)
        return read_again(sequences, self.visual(images), texts, self.prompt, self.tokenizer, classes)

    def _smaller(self, *, reasoning: bool) -> bool:
        """Make do with less memory; False when there is nothing to make smaller."""
        if self.chunk > 1:
            self.chunk //= 2
        elif reasoning and self._size > 1:
            self._size //= 2
        else:
            return False
        return True

    @torch.inference_mode()
    def _scored(self, jobs: Sequence[_Job]) -> Iterator[tuple[int, Prediction]]:
        """The score before any text of each picture."""
        for first in range(0, len(jobs), self.chunk):
            part = jobs[first : first + self.chunk]
            visual = self.visual([job.image for job in part])
            pairs = self._before(visual, None, range(len(part)))
            for job, tokens, pair in zip(part, visual, pairs, strict=True):
                self._seen.keep(job.image, Seen(tokens, pair))
                yield job.index, Prediction(pair, None)

    @torch.inference_mode()
    def _written(self, jobs: Sequence[_Job]) -> Iterator[tuple[int, Prediction]]:
        """Scores and text of each picture, in the order in which they are done."""
        rows = min(self._size, len(jobs))
        if self._slots is None or self._cache is None or self._cache.rows < rows:
            self._slots = self._cache = None  # gone before a larger one comes
            self._cache = StaticCache(self.decoder.shape(), rows, self._columns)
            if (prefix := self._shared()) is not None:
                self._cache.share(prefix)
            patience = max(1, self._size // 8) if self.placement.device.type == "cuda" else 1
            self._slots = Slots(self.decoder, self._cache, self._start, patience)
        for job, result in self._slots.run(deque(jobs), self._begin, chunk=self.chunk, refill=self.refill):
            yield job.index, self._prediction(job, result)

    def _begin(self, jobs: Sequence[_Job], rows: Sequence[int]) -> list[_Script]:
        """Prompts of pictures into rows of the cache, and their scripts."""
        known = [self._seen.find(job.image) for job in jobs]
        if all(known):
            visual = torch.stack([cast(Seen, seen).visual for seen in known])
            pairs = [cast(Seen, seen).before for seen in known]
            self._first_pass(visual, self._cache, rows, ())
        else:
            visual = self.visual([job.image for job in jobs])
            pairs = self._before(visual, self._cache, rows)
        begun = []
        for job, pair in zip(jobs, pairs, strict=True):
            job.before, job.side = pair, self.steered_side(pair)
            begun.append(_Script(job, self._script(job), len(self.prompt.head)))
            begun[-1].start()
        return begun

    def _before(self, visual: torch.Tensor, cache: StaticCache | None, rows: Sequence[int]) -> list[LogitPair]:
        """The score before any text; the cache keeps the prompt up to the question, as its rows' lengths say."""
        hidden = self._first_pass(visual, cache, rows, self.prompt.before)
        return [LogitPair(real, fake, self.before_index) for real, fake in self.decoder.pair(hidden).tolist()]

    def _first_pass(
        self, visual: torch.Tensor, cache: StaticCache | None, rows: Sequence[int], piece: Sequence[int]
    ) -> torch.Tensor:
        """Picture, question and a piece after the shared start; the last hidden state, (B, D)."""
        prefix = self._shared()
        ids = torch.tensor([*self._question, *piece], device=self.placement.device)
        text = self.decoder.embed(ids).expand(len(visual), -1, -1)
        return self.decoder.begin(torch.cat([visual.to(text.dtype), text], 1), prefix, cache, rows)

    def _shared(self) -> StaticCache | None:
        """Keys and values of what stands before the picture, the same for all."""
        if self._prefix is None and self._start:
            ids = torch.tensor([self.prompt.head[: self._start]], device=self.placement.device)
            prefix = StaticCache(self.decoder.shape(), 1, self._start)
            self.decoder.begin(self.decoder.embed(ids), None, prefix, [0])
            self._prefix = prefix
        return self._prefix

    def _script(self, job: _Job) -> Any:
        prompt, options = self.prompt, self.options
        if options.free:
            generator = generator_of(options.seed, job.image.sha256)
            return free_script(prompt.free_opening, generator, options.temperature, prompt.end_id, FREE_LIMIT_TOKENS)
        return forced_script(
            prompt.opening[job.side],
            self._rules(Stage.CAPTION, options.caption_limit_tokens, prompt.caption_end, prompt.reasoning_start),
            self._rules(Stage.REASONING, options.reasoning_limit_tokens, prompt.reasoning_end, prompt.conclusion),
        )

    def _rules(self, stage: Stage, limit: int, closing: tuple[int, ...], follow: tuple[int, ...]) -> StageRules:
        return StageRules(
            limit, closing, follow, lambda tokens: self._ended(tokens, stage), self.options.no_repeat_tokens,
            last=stage is Stage.REASONING,
        )  # fmt: skip

    def _prediction(self, job: _Job, result: ForcedResult | FreeResult) -> Prediction:
        first = Prediction(job.before, None)
        if isinstance(result, ForcedResult):
            pair = LogitPair(*result.pair, self.after_index(result.written))
            return self.with_answer(first, job.side, result.written, pair)
        index = int(locate(torch.tensor([result.tokens]), self.anchors.patterns)[0])
        after = LogitPair(*result.pairs[index], index) if index >= 0 else None
        stages = parse_answer(self._text(result.tokens))
        return replace(first, after=after, stages=stages, tokens=len(result.tokens))

    def _longest(self) -> int:
        """Columns that a sequence can come to need, with room for pieces that are filled up or given back."""
        prompt, options = self.prompt, self.options
        spare = max(map(len, (prompt.before, prompt.conclusion, prompt.reasoning_start, *prompt.opening.values())))
        if options.free:
            return len(prompt.head) + len(prompt.free_opening) + FREE_LIMIT_TOKENS + spare
        answer = max(map(len, prompt.opening.values())) + options.caption_limit_tokens + len(prompt.caption_end)
        answer += len(prompt.reasoning_start) + options.reasoning_limit_tokens + len(prompt.reasoning_end)
        return len(prompt.head) + answer + len(prompt.conclusion) + 2 * spare

    def _need(self) -> Need:
        config = self.llava.config.text_config
        width = 4 * config.hidden_size + 3 * config.intermediate_size
        prompt = len(self.prompt.head) + len(self.prompt.before)
        return Need(self.decoder.shape(), self._columns, prompt, width, self.decoder.vocabulary)


def _all_but_layers_placed(llava: Any, placement: Placement) -> Any:
    """The model in the placement's dtype and on its device, save the layers of the language model.

    Those are moved and quantised one by one: a card need never hold the whole model in float.
    """
    model = llava.to(placement.dtype).model.language_model
    waiting, model.layers = model.layers, nn.ModuleList()
    llava.to(placement.device)
    model.layers = waiting
    return llava.eval()
