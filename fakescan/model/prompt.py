"""The prompt: question, chat templates, steering, and the exact token ids of every forced piece.

One prompt serves both scores. Its pieces are tokenised apart, in training and in inference alike, so that no merge
across a boundary can make the two differ:

``head``        chat start, image placeholders, question          the same for every image
``before``      end of the turn, ``<CONCLUSION> This image is``   forced: the next token is real or fake (triage)
``opening``     [steering] end of the turn, SUMMARY, ``<CAPTION>`` forced: the next tokens are the model's own words
``conclusion``  ``<CONCLUSION> Based on the analysis above, this image is``   forced after ``</REASONING>``

The words of the last and what stands between two stages belong to the checkpoint (``AnswerForm``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fakescan.core.answer import LONG_CONCLUSION, SHORT_CONCLUSION, SUMMARY_TEXT, close_tag, open_tag, wrapped
from fakescan.core.records import Label, Stage
from fakescan.errors import ModelError

PROMPT_VERSION = "1"

QUESTION = (
    "Is this image real or fake? Please describe the image, reasoning step-by-step and conclude with "
    "'this image is real' or 'this image is fake'."
)
"""The Forgery Detection and Reasoning Prompt, word for word (paper Figure 3)."""

ZERO_SHOT = "paper question, zero-shot"
"""In the place of the prompt's version: a general model is asked the question alone, and forced to nothing."""

CAPTION_QUESTION = "Please describe the image."
"""Question of the caption-alignment stage."""


class Tokenizer(Protocol):
    """What is needed of a tokenizer (any of transformers')."""

    def encode(self, text: str, *, add_special_tokens: bool = ...) -> list[int]:
        """Token ids of a text."""

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool = ...) -> str:
        """Text of token ids."""


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """How a turn is written for a language model."""

    before_image: str
    """From the start of the text to the image."""
    before_question: str
    """Between image and question."""
    turn_end: str
    """From the end of the question to where the answer starts."""
    answer_start: str
    """What separates the turn's end from the answer's first word."""
    end: str
    """Closes the answer; the model learns to emit it."""
    bos: bool
    """Whether the tokenizer's BOS id comes first."""


_VICUNA = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions. USER: "
)

TEMPLATES = {
    "chatml": ChatTemplate(
        "<|im_start|>user\n", "\n", "<|im_end|>\n<|im_start|>assistant\n", "", "<|im_end|>", bos=False
    ),
    "vicuna_v1": ChatTemplate(_VICUNA, "\n", " ASSISTANT:", " ", "</s>", bos=True),
    "llava_v1": ChatTemplate(_VICUNA.replace("user", "human"), "\n", " ASSISTANT:", " ", "</s>", bos=True),
}
"""``vicuna_v1`` is what LLaVA-1.5 and the authors' training use; their inference uses ``llava_v1``."""


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """What a model's training answers look like where the paper and the published code differ; in the checkpoint."""

    conclusion: str = "long"
    """How a conclusion after reasoning begins (``CONCLUSIONS``)."""
    separator: str = "\n"
    """What stands between two stages."""

    def __post_init__(self) -> None:
        """Refuse what does not exist.

        Raises:
            ValueError: another conclusion, or a separator that is not white.
        """
        if self.conclusion not in CONCLUSIONS:
            raise ValueError(f"conclusion {self.conclusion!r} is not one of {', '.join(CONCLUSIONS)}")
        if self.separator not in SEPARATORS.values():
            raise ValueError(f"stages cannot be separated by {self.separator!r}")

    @property
    def name(self) -> str:
        """Both in two words."""
        return f"{self.conclusion} {next(name for name, text in SEPARATORS.items() if text == self.separator)}"

    @property
    def conclusion_start(self) -> str:
        """The words before real or fake."""
        return CONCLUSIONS[self.conclusion]


CONCLUSIONS = {"long": LONG_CONCLUSION, "short": SHORT_CONCLUSION}
"""``long`` stands in the paper's figures; ``short`` is the only one that the published code knows."""

SEPARATORS = {"line": "\n", "blank": " ", "paragraph": "\n\n"}
"""Between two stages, by name."""


def steering(label: Label) -> str:
    """The control phrase after the question that says which side the text shall explain."""
    return f" Explain why it looks {'AI-generated' if label is Label.FAKE else 'real'}."


def continuation_ids(tokenizer: Tokenizer, before: str, text: str) -> list[int]:
    """Ids of ``text`` as they are when it follows ``before``.

    Raises:
        ModelError: the tokenizer merges across the boundary, so that the piece has no ids of its own.
    """
    head = tokenizer.encode(before, add_special_tokens=False)
    whole = tokenizer.encode(before + text, add_special_tokens=False)
    if whole[: len(head)] != head:
        raise ModelError(
            f"this tokenizer merges {before[-12:]!r} with {text[:12]!r}, so the forced template has no ids of its own",
            "use a checkpoint with its own tokenizer; fakescan supports LLaMA- and GPT-2-style tokenizers",
        )
    return whole[len(head) :]


@dataclass(frozen=True, slots=True)
class PromptIds:
    """Token ids of every forced piece for one tokenizer and one number of visual tokens."""

    head: tuple[int, ...]
    """Chat start, placeholders, question."""
    before: tuple[int, ...]
    """From after the question to before real/fake, without any reasoning."""
    opening: dict[Label | None, tuple[int, ...]]
    """From after the question to the first free token, by the side that the text is steered to (None: not steered)."""
    free_opening: tuple[int, ...]
    """The end of the turn alone: everything after it is the model's own (``--decode free``)."""
    conclusion: tuple[int, ...]
    """From after ``</REASONING>`` to before real/fake."""
    closing: dict[Label, tuple[int, ...]]
    """real or fake, full stop, ``</CONCLUSION>`` and the end of the answer."""
    caption_end: tuple[int, ...]
    """Ids of ``</CAPTION>`` after a word."""
    reasoning_start: tuple[int, ...]
    """From after ``</CAPTION>`` to before the first word of the reasoning."""
    reasoning_end: tuple[int, ...]
    """Ids of ``</REASONING>`` after a word."""
    end_id: int
    """Id that ends an answer."""
    image_id: int
    """Placeholder id of a visual token."""
    conclusion_start: str = LONG_CONCLUSION
    """The words of ``conclusion``, for the text that people read."""


def build_prompt(
    tokenizer: Tokenizer,
    template: ChatTemplate,
    image_id: int,
    visual_tokens: int,
    question: str = QUESTION,
    form: AnswerForm | None = None,
) -> PromptIds:
    """Tokenise every forced piece.

    Args:
        tokenizer: the language model's.
        template: how a turn is written.
        image_id: placeholder id.
        visual_tokens: placeholders a picture, all views together.
        question: the user's question.
        form: how the model's answers are written; the paper's form when None.

    Raises:
        ModelError: the tokenizer has no single token for the end of an answer, or merges across a boundary.
    """

    def ids(before: str, text: str) -> tuple[int, ...]:
        return tuple(continuation_ids(tokenizer, before, text))

    form = form or AnswerForm()
    between, start = form.separator, form.conclusion_start
    bos = getattr(tokenizer, "bos_token_id", None)
    head = (
        *([bos] if template.bos and bos is not None else []),
        *tokenizer.encode(template.before_image, add_special_tokens=False),
        *([image_id] * visual_tokens),
        *tokenizer.encode(template.before_question + question, add_special_tokens=False),
    )
    ends = tokenizer.encode(template.end, add_special_tokens=False)
    if len(ends) != 1:
        raise ModelError(f"{template.end!r} is not one token of this tokenizer", "choose the model's own chat template")
    turn_end = template.turn_end + template.answer_start
    summary = wrapped(Stage.SUMMARY, SUMMARY_TEXT) + between + open_tag(Stage.CAPTION)
    opening = {
        side: ids(question, (steering(side) if side else "") + turn_end + summary)
        for side in (None, Label.REAL, Label.FAKE)
    }
    after_reasoning = close_tag(Stage.REASONING)
    conclusion = f"{between}{open_tag(Stage.CONCLUSION)} {start}"
    return PromptIds(
        head=head,
        before=ids(question, f"{turn_end}{open_tag(Stage.CONCLUSION)} {SHORT_CONCLUSION}"),
        opening=opening,
        free_opening=ids(question, template.turn_end),
        conclusion=ids(after_reasoning, conclusion),
        closing={
            side: ids(start, f" {side.value}. {close_tag(Stage.CONCLUSION)}{template.end}")
            for side in (Label.REAL, Label.FAKE)
        },
        caption_end=ids("A sentence.", f" {close_tag(Stage.CAPTION)}"),
        reasoning_start=ids(close_tag(Stage.CAPTION), f"{between}{open_tag(Stage.REASONING)}"),
        reasoning_end=ids("A sentence.", " " + after_reasoning),
        end_id=ends[0],
        image_id=image_id,
        conclusion_start=start,
    )
