"""From records to token ids with masks, in the very pieces that inference forces.

Three kinds of rows: ``full`` (four stages), ``short`` (the conclusion alone: triage), ``caption`` (alignment).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from fakescan.core.answer import HIGH_LEVEL_START, LOW_LEVEL_START, open_tag
from fakescan.core.records import Label, Stage
from fakescan.model.prompt import (
    CAPTION_QUESTION,
    QUESTION,
    AnswerForm,
    ChatTemplate,
    PromptIds,
    Tokenizer,
    build_prompt,
    continuation_ids,
)
from fakescan_trainer.data.mmfr import Record

IGNORED = -100


@dataclass(frozen=True, slots=True)
class Row:
    """One tokenised sample."""

    ids: tuple[int, ...]
    """The whole sequence, placeholders included."""
    supervised: tuple[bool, ...]
    """Whether the language-modelling loss counts a token."""
    label: int
    """1 = fake, 0 = real, -1 = none."""
    index: int
    """Position of the real/fake token, -1 where there is none. The logits one position earlier predict it."""
    aim: float
    """P(fake) that the mapper's loss aims at: the label, or something softer."""
    score: bool
    """Whether the mapper's loss counts the row: not where the prompt already names the side."""
    caption_span: tuple[int, int]
    """Positions [from, to) of the caption's words."""
    reasoning_span: tuple[int, int]
    """Positions [from, to) of the reasoning's words."""


class RowEncoder:
    """Tokenises records for one tokenizer, template and number of visual tokens."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        template: ChatTemplate,
        image_id: int,
        visual_tokens: int,
        *,
        caption_visual_tokens: int | None = None,
        leak: bool,
        max_text_tokens: int,
        chain: bool = True,
        answer: AnswerForm | None = None,
    ) -> None:
        """Tokenise the constant pieces once.

        Args:
            tokenizer: of the language model.
            template: how turns are written.
            image_id: placeholder id.
            visual_tokens: placeholders a picture, all views together.
            caption_visual_tokens: the same in caption rows, which may show fewer views; None: as many.
            leak: keep the sentence in REASONING that names the side.
            max_text_tokens: longest caption + reasoning.
            chain: four stages; False: the interpretation alone.
            answer: how answers are written; the paper's form when None.
        """
        self.tokenizer = tokenizer
        self.prompt: PromptIds = build_prompt(tokenizer, template, image_id, visual_tokens, form=answer)
        shown = visual_tokens if caption_visual_tokens is None else caption_visual_tokens
        self.caption_prompt = build_prompt(tokenizer, template, image_id, shown, CAPTION_QUESTION)
        self.template = template
        self.leak = leak
        self.max_text_tokens = max_text_tokens
        self.chain = chain
        turn = template.turn_end + template.answer_start
        self._text_start = continuation_ids(tokenizer, QUESTION, turn + open_tag(Stage.REASONING))
        self._between = [*self.prompt.caption_end, *self.prompt.reasoning_start]

    def _ids(self, before: str, text: str) -> list[int]:
        head = self.tokenizer.encode(before, add_special_tokens=False)
        return self.tokenizer.encode(before + text, add_special_tokens=False)[len(head) :]

    def short(self, record: Record, aim: float | None = None) -> Row:
        """Question, conclusion forced, real/fake.

        Args:
            record: the image.
            aim: P(fake) for the mapper's loss, where it is not the label.
        """
        if record.label is None:
            raise ValueError(f"{record.image} has no label")
        forced, closing = self.prompt.head + self.prompt.before, self.prompt.closing[record.label]
        ids = forced + closing
        supervised = (False,) * len(forced) + (True,) * len(closing)
        label = int(record.label is Label.FAKE)
        return Row(ids, supervised, label, len(forced), float(label) if aim is None else aim, True, (0, 0), (0, 0))

    def full(self, record: Record, *, steered: bool) -> Row:
        """All four stages. Steered rows leave the forced pieces unsupervised, since inference always forces them.

        Without ``chain`` the answer is the interpretation, as one text, and the conclusion; no row is steered then.
        """
        if record.label is None or not record.reasoning:
            raise ValueError(f"{record.image} has no reasoning")
        if not self.chain:
            return self._unchained(record, record.label)
        opening = self.prompt.opening[record.label if steered else None]
        turn_end = len(self.prompt.free_opening)
        spare = self.max_text_tokens
        caption = self._ids(">", " " + record.caption)[: spare // 2]
        reasoning = self._reasoning(record.reasoning, record.label, spare - len(caption))
        free = [*caption, *self._between, *reasoning, *self.prompt.reasoning_end]
        conclusion, closing = self.prompt.conclusion, self.prompt.closing[record.label]
        ids = (*self.prompt.head, *opening, *free, *conclusion, *closing)
        start = len(self.prompt.head) + len(opening)
        index = start + len(free) + len(conclusion)
        if steered:
            supervised = [False] * start + [True] * len(free) + [False] * len(conclusion) + [True] * len(closing)
        else:
            prompt_length = len(self.prompt.head) + turn_end
            supervised = [False] * prompt_length + [True] * (len(ids) - prompt_length)
        span = (start, start + len(caption))
        reason_from = span[1] + len(self._between)
        return Row(
            ids, tuple(supervised), int(record.label is Label.FAKE), index, float(record.label is Label.FAKE),
            not steered, span, (reason_from, reason_from + len(reasoning)),
        )  # fmt: skip

    def _reasoning(self, text: str, label: Label, room: int) -> list[int]:
        """Ids of a reasoning, at most ``room`` (at least 1); words are cut, the sentence of the leak is not."""
        leak = f" Therefore, this image is {label.value}." if self.leak else ""
        ids = self._ids(">", " " + text + leak)
        if len(ids) <= room:
            return ids
        said = self._ids(".", leak) if leak else []
        return [*ids[: max(1, room - len(said))], *said]

    def _unchained(self, record: Record, label: Label) -> Row:
        """The interpretation without SUMMARY, CAPTION and perspectives (Table 4, "w/o Reasoning CoT")."""
        plain = record.reasoning.replace(LOW_LEVEL_START, "").replace(HIGH_LEVEL_START, "")
        words = self._reasoning(" ".join(plain.split()), label, self.max_text_tokens)
        start = len(self.prompt.head) + len(self._text_start)
        before = (*self.prompt.head, *self._text_start, *words, *self.prompt.reasoning_end, *self.prompt.conclusion)
        ids = (*before, *self.prompt.closing[label])
        shown = len(self.prompt.head) + len(self.prompt.free_opening)
        supervised = (False,) * shown + (True,) * (len(ids) - shown)
        span = (start, start + len(words))  # of both texts: there is no caption to align with
        fake = label is Label.FAKE
        return Row(ids, supervised, int(fake), len(before), float(fake), True, span, span)

    def caption(self, record: Record) -> Row:
        """The caption as the answer to the caption question."""
        if not record.caption:
            raise ValueError(f"{record.image} has no caption")
        head = (
            *self.caption_prompt.head,
            *self._ids(CAPTION_QUESTION, self.template.turn_end + self.template.answer_start),
        )
        words = self._ids(">", " " + record.caption)[: self.max_text_tokens]
        if not self.template.answer_start:
            words = self.tokenizer.encode(record.caption, add_special_tokens=False)[: self.max_text_tokens]
        ids = (*head, *words, self.prompt.end_id)
        supervised = (False,) * len(head) + (True,) * (len(words) + 1)
        return Row(ids, supervised, -1, -1, 0.0, False, (len(head), len(head) + len(words)), (0, 0))


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded rows. Padding is masked by length, since the padding id may be the end id.

    Shapes: B rows, N positions.
    """

    ids: torch.Tensor
    """(B, N) int64."""
    mask: torch.Tensor
    """(B, N) int64, 1 = a real token."""
    targets: torch.Tensor
    """(B, N) int64: the token itself where it is supervised, -100 elsewhere (not shifted)."""
    labels: torch.Tensor
    """(B,) int64."""
    index: torch.Tensor
    """(B,) int64."""
    aim: torch.Tensor
    """(B,) float32."""
    score: torch.Tensor
    """(B,) bool."""
    caption_mask: torch.Tensor
    """(B, N) int64."""
    reasoning_mask: torch.Tensor
    """(B, N) int64."""

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(**{name: getattr(self, name).to(device) for name in self.__slots__})


def collate(rows: Sequence[Row], pad_id: int) -> Batch:
    """Lay rows side by side."""
    length = max(len(row.ids) for row in rows)

    def spans(pairs: Sequence[tuple[int, int]]) -> torch.Tensor:
        mask = torch.zeros(len(rows), length, dtype=torch.long)
        for number, (start, end) in enumerate(pairs):
            mask[number, start:end] = 1
        return mask

    ids = torch.full((len(rows), length), pad_id, dtype=torch.long)
    targets = torch.full((len(rows), length), IGNORED, dtype=torch.long)
    for number, row in enumerate(rows):
        tokens = torch.tensor(row.ids)
        ids[number, : len(row.ids)] = tokens
        targets[number, : len(row.ids)] = torch.where(torch.tensor(row.supervised), tokens, IGNORED)
    return Batch(
        ids, spans([(0, len(row.ids)) for row in rows]), targets,
        torch.tensor([row.label for row in rows]), torch.tensor([row.index for row in rows]),
        torch.tensor([row.aim for row in rows]), torch.tensor([row.score for row in rows]),
        spans([row.caption_span for row in rows]), spans([row.reasoning_span for row in rows]),
    )  # fmt: skip
