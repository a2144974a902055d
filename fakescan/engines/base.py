"""What every engine over a loaded model shares: options, identity, visual tokens, from forced answers to records.

Shapes: B pictures, P visual tokens, D hidden size.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar, cast

import torch
from PIL import Image

from fakescan.core.answer import SUMMARY_TEXT, close_tag, open_tag, parse_answer, wrapped
from fakescan.core.calibration import calibration_of, probability, side
from fakescan.core.records import Calibration, Failure, Label, LogitPair, ModelIdentity, Prediction, ScoreKind, Stage
from fakescan.core.views import Views
from fakescan.engines.choosing import PAPER_TEMPERATURE
from fakescan.engines.device import Placement
from fakescan.errors import ModelError
from fakescan.model.build import image_embeddings, tower_features, visual_tokens
from fakescan.model.checkpoints.ours import LoadedModel
from fakescan.model.images import stacked, views_of
from fakescan.model.mapper import derive_anchors
from fakescan.model.prompt import TEMPLATES, build_prompt
from fakescan.protocols import RgbImage

Answer = TypeVar("Answer")

CAPTION_LIMIT_TOKENS = 90
"""The longest training caption has about 80 tokens."""
REASONING_LIMIT_TOKENS = 180
"""The longest training reasoning has about 170 tokens."""
NO_REPEAT_TOKENS = 3
"""Runs of so many tokens occur once in a forced text: small models turn in circles otherwise."""
FREE_LIMIT_TOKENS = 512
"""The authors' max_new_tokens."""
TAIL_TOKENS = 10
"""Enough last tokens to hold a closing tag."""
BATCH_AUTO = 0
"""A batch of what fits."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How a model is asked."""

    batch_size: int = 8
    """Pictures that are written about at once; ``BATCH_AUTO``: what fits."""
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


@dataclass(frozen=True, slots=True)
class Written:
    """The model's own words of a forced answer, and what was forced around them."""

    caption: Sequence[int]
    """Token ids, its closing tag included where the model wrote it."""
    caption_end: Sequence[int]
    """The closing tag where it was forced."""
    reasoning: Sequence[int]
    """As ``caption``."""
    reasoning_end: Sequence[int]
    """As ``caption_end``."""


class ModelEngine:
    """One loaded model, placed, with its prompt; how it is run is the subclasses' business."""

    name: ClassVar[str]
    """As reports and run keys show it."""

    def __init__(self, loaded: LoadedModel, placement: Placement, options: EngineOptions, size: int) -> None:
        """Tokenise the forced pieces; the model is placed by the subclass.

        Args:
            loaded: the model.
            placement: where it runs.
            options: how it is asked.
            size: pictures a batch at first.

        Raises:
            ModelError: the tokenizer does not fit the prompt or the mapper.
        """
        self.info, self.tokenizer, self.options = loaded.info, loaded.tokenizer, options
        self.llava: Any = loaded.llava
        self.placement = placement
        self.anchors = derive_anchors(self.tokenizer)
        self.prompt = build_prompt(
            self.tokenizer, TEMPLATES[self.info.template], self.llava.config.image_token_id,
            visual_tokens(self.llava, self.info.preprocessing.views), form=self.info.answer,
        )  # fmt: skip
        self._size = size

    def draw(self, seed: int, temperature: float) -> None:
        """From now on, draw text with this seed and temperature (above 0)."""
        self.options = replace(self.options, seed=seed, temperature=temperature)

    @property
    def identity(self) -> ModelIdentity:
        """Which model, and how it is run."""
        info = self.info
        return ModelIdentity(
            name=info.name, base_model=info.base_name, adapter=None, weights_sha256=info.weights_sha256,
            prompt_version=info.prompt_id, dtype=self.placement.dtype_name, device=str(self.placement.device),
            engine=self.name, decides=info.decides, card=info.card, temperature=info.tau,
        )  # fmt: skip

    @property
    def calibration(self) -> Mapping[ScoreKind, Calibration]:
        """The checkpoint's, by score."""
        return self.info.calibration

    @property
    def batch_size(self) -> int:
        """Pictures that it wants at once; falls when memory runs out."""
        return self._size

    @property
    def views(self) -> Views:
        """All that it sees of a picture."""
        return self.info.preprocessing.looks

    def in_parts(
        self, images: Sequence[RgbImage], answer: Callable[[Sequence[RgbImage], int], Sequence[Answer | Failure]]
    ) -> list[Answer | Failure]:
        """Answers part by part; halves the parts and goes on when memory runs out.

        Args:
            images: the pictures.
            answer: answers a part; it is told its pictures and how many came before them.

        Raises:
            ModelError: the device failed in a way that would spoil every image.
        """
        done: list[Answer | Failure] = []
        while len(done) < len(images):
            part = images[len(done) : len(done) + self.batch_size]
            try:
                done += answer(part, len(done))
            except (RuntimeError, MemoryError) as error:
                self.back_off_or_raise(error)
                if len(part) == 1:
                    done.append(NO_MEMORY)
                else:
                    self._size = max(1, len(part) // 2)
        return done

    def back_off_or_raise(self, error: BaseException) -> None:
        """Free what can be freed when memory ran out.

        Raises:
            ModelError: it was something else, which would spoil every image.
        """
        if not is_out_of_memory(error):
            raise ModelError(f"the model failed on {self.placement.device}: {error}", "try --device cpu") from error
        gc.collect()
        if self.placement.device.type == "cuda":
            torch.cuda.empty_cache()

    def visual(self, images: Sequence[RgbImage]) -> torch.Tensor:
        """Visual tokens of all views, (B, P, D)."""
        prep = self.info.preprocessing
        views = [view for image in images for view in views_of(cast(Image.Image, image.image), image.views, prep)]
        pixels = stacked(views, prep)
        features = tower_features(self.llava, pixels.to(self.placement.device, self.placement.dtype))
        return image_embeddings(self.llava, features, len(prep.views))

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

    @property
    def before_index(self) -> int:
        """Classification index of the score before any text."""
        return self._answer_tokens(self.prompt.before)

    def _answer_tokens(self, forced: Sequence[int]) -> int:
        """Tokens of a forced piece that belong to the answer, not to the end of the question's turn."""
        return len(forced) - len(self.prompt.free_opening)

    def after_index(self, written: Written) -> int:
        """Classification index of the score after a forced answer."""
        forced = self._answer_tokens(self.prompt.opening[None]) + len(self.prompt.reasoning_start)
        own = len(written.caption) + len(written.caption_end) + len(written.reasoning) + len(written.reasoning_end)
        return forced + own + len(self.prompt.conclusion)

    def with_answer(self, prediction: Prediction, taken: Label | None, written: Written, pair: LogitPair) -> Prediction:
        """A prediction with the forced answer that belongs to it.

        Args:
            prediction: with the score before any text.
            taken: the side that the text was steered to.
            written: the model's own words.
            pair: logits of real and fake after them.
        """
        word = "fake" if pair.fake > pair.real else "real"
        text = (
            f"{wrapped(Stage.SUMMARY, SUMMARY_TEXT)}\n{open_tag(Stage.CAPTION)}{self._text(written.caption)}\n"
            f"{open_tag(Stage.REASONING)}{self._text(written.reasoning)}\n"
            f"{open_tag(Stage.CONCLUSION)} {self.prompt.conclusion_start} {word}. {close_tag(Stage.CONCLUSION)}"
        )
        tokens = len(written.caption) + len(written.reasoning)
        return replace(prediction, after=pair, stages=parse_answer(text), steered_to=taken, tokens=tokens)

    def _text(self, tokens: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text

    def _ended(self, tokens: Sequence[int], stage: Stage) -> bool:
        """Whether a stage's own words end here: its closing tag is there, or the end of the answer."""
        if tokens and tokens[-1] == self.prompt.end_id:
            return True
        return close_tag(stage) in self._text(tokens[-TAIL_TOKENS:])


NO_MEMORY = Failure(
    "infer", "out-of-memory", "not enough memory for a single picture", "close other programs, or use --dtype int8"
)
"""What is said of a picture that does not fit alone."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device's fault means that memory ran out."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return "out of memory" in str(error).lower() or "can't allocate memory" in str(error).lower()
