"""Forced pieces: what they say, and that inference and training put the same ids in the same order."""

from __future__ import annotations

import pytest

from fakescan.core.answer import LONG_CONCLUSION, SUMMARY_TEXT
from fakescan.core.records import Label
from fakescan.errors import ModelError
from fakescan.model.prompt import QUESTION, SEPARATORS, TEMPLATES, AnswerForm, build_prompt, continuation_ids
from fakescan_trainer.data.mmfr import Record
from fakescan_trainer.encode import IGNORED, RowEncoder, collate
from tests.tiny import IMAGE_TOKEN, make_tokenizer

TOKENIZER = make_tokenizer()
IMAGE_ID = TOKENIZER.convert_tokens_to_ids(IMAGE_TOKEN)
PROMPT = build_prompt(TOKENIZER, TEMPLATES["chatml"], IMAGE_ID, 5)


def text(ids: tuple[int, ...]) -> str:
    return str(TOKENIZER.decode([i for i in ids if i != IMAGE_ID]))


def encoder(*, leak: bool = True, limit: int = 300, chain: bool = True) -> RowEncoder:
    return RowEncoder(TOKENIZER, TEMPLATES["chatml"], IMAGE_ID, 5, leak=leak, max_text_tokens=limit, chain=chain)


RECORD = Record("a.png", Label.FAKE, "A red thing.", "From low-level perspective: Much red.", "s")


def test_pieces_say_what_they_must() -> None:
    assert text(PROMPT.head) == f"<|im_start|>user\n\n{QUESTION}"
    assert PROMPT.head.count(IMAGE_ID) == 5
    assert text(PROMPT.before).endswith("<|im_start|>assistant\n<CONCLUSION> This image is")
    assert text(PROMPT.opening[None]).endswith(f"<SUMMARY> {SUMMARY_TEXT} </SUMMARY>\n<CAPTION>")
    assert "looks AI-generated" in text(PROMPT.opening[Label.FAKE])
    assert "looks real" in text(PROMPT.opening[Label.REAL])
    assert text(PROMPT.conclusion) == f"\n<CONCLUSION> {LONG_CONCLUSION}"
    assert text(PROMPT.closing[Label.FAKE]) == " fake. </CONCLUSION><|im_end|>"


def test_a_full_row_is_head_opening_text_conclusion_closing() -> None:
    for steered in (False, True):
        row = encoder().full(RECORD, steered=steered)
        opening = PROMPT.opening[Label.FAKE if steered else None]
        start = len(PROMPT.head) + len(opening)
        assert row.ids[:start] == PROMPT.head + opening
        assert row.ids[row.index - len(PROMPT.conclusion) : row.index] == PROMPT.conclusion
        assert row.ids[row.index :] == PROMPT.closing[Label.FAKE]
        assert text(row.ids[slice(*row.caption_span)]) == " A red thing."
        assert text(row.ids[slice(*row.reasoning_span)]).startswith(" From low-level perspective: Much red.")
        assert row.score is not steered


def test_what_is_forced_at_inference_is_unsupervised_when_steered() -> None:
    row = encoder().full(RECORD, steered=True)
    learnt = tuple(token for token, counted in zip(row.ids, row.supervised, strict=True) if counted)
    assert "SUMMARY" not in text(learnt)
    assert "Based on" not in text(learnt)
    assert "A red thing." in text(learnt)
    free = encoder().full(RECORD, steered=False)
    learnt = tuple(token for token, counted in zip(free.ids, free.supervised, strict=True) if counted)
    assert text(learnt).startswith("<SUMMARY>")
    assert text(learnt).endswith("fake. </CONCLUSION><|im_end|>")


def test_short_rows_force_up_to_the_class_token() -> None:
    row = encoder().short(RECORD)
    assert row.ids[: row.index] == PROMPT.head + PROMPT.before
    assert sum(row.supervised) == len(PROMPT.closing[Label.FAKE])


def test_the_verdict_can_be_kept_out_of_the_reasoning() -> None:
    assert "Therefore, this image is fake." in text(encoder().full(RECORD, steered=False).ids)
    assert "Therefore" not in text(encoder(leak=False).full(RECORD, steered=False).ids)


def test_long_texts_are_cut_but_the_conclusion_stays() -> None:
    long = Record("a.png", Label.REAL, "word " * 500, "reason " * 500, "s")
    row = encoder(limit=40).full(long, steered=False)
    assert row.ids[row.index :] == PROMPT.closing[Label.REAL]
    assert row.caption_span[1] - row.caption_span[0] + row.reasoning_span[1] - row.reasoning_span[0] <= 40


def test_a_cut_reasoning_keeps_the_sentence_of_the_leak() -> None:
    long = Record("a.png", Label.REAL, "word.", "reason. " * 200 + "End.", "s")
    row = encoder(limit=60).full(long, steered=False)
    said = text(row.ids[slice(*row.reasoning_span)])
    assert said.endswith("Therefore, this image is real.")
    assert "End." not in said
    assert row.caption_span[1] - row.caption_span[0] + row.reasoning_span[1] - row.reasoning_span[0] == 60


def test_without_the_chain_the_interpretation_is_one_text_before_the_conclusion() -> None:
    both = Record(
        "a.png", Label.FAKE, "A dog.", "From low-level perspective: Soft. From high-level perspective: Odd.", "s"
    )
    for steered in (False, True):  # such rows are not steered
        row = encoder(leak=False, chain=False).full(both, steered=steered)
        answer = text(row.ids).split("assistant\n")[1]
        conclusion = f"<CONCLUSION> {LONG_CONCLUSION} fake. </CONCLUSION><|im_end|>"
        assert answer == f"<REASONING> Soft. Odd. </REASONING>\n{conclusion}"
        assert row.ids[row.index :] == PROMPT.closing[Label.FAKE]
        assert row.score
        learnt = tuple(token for token, counted in zip(row.ids, row.supervised, strict=True) if counted)
        assert text(learnt) == answer
        assert text(row.ids[slice(*row.reasoning_span)]) == " Soft. Odd."
        assert row.caption_span == row.reasoning_span
    assert "Therefore, this image is fake." in text(encoder(chain=False).full(both, steered=False).ids)


def test_padding_is_masked_by_length_not_by_id() -> None:
    rows = [encoder().short(RECORD), encoder().full(RECORD, steered=False)]
    batch = collate(rows, PROMPT.end_id)
    assert batch.mask.sum(1).tolist() == [len(row.ids) for row in rows]
    last = len(rows[1].ids) - 1
    assert batch.ids[1, last] == PROMPT.end_id
    assert batch.targets[1, last] == PROMPT.end_id
    assert (batch.targets[0, len(rows[0].ids) :] == IGNORED).all()


def test_a_tokenizer_that_merges_across_the_boundary_is_named() -> None:
    class Merging:
        def encode(self, text: str, *, add_special_tokens: bool = False) -> list[int]:
            return [len(text)]

    with pytest.raises(ModelError, match="merges"):
        continuation_ids(Merging(), "a", "b")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["vicuna_v1", "llava_v1"])
def test_vicuna_templates_hold_the_system_prompt(name: str) -> None:
    template = TEMPLATES[name]
    assert template.before_image.endswith("USER: ")
    assert template.turn_end == " ASSISTANT:"
    assert template.end == "</s>"
    assert ("the human's questions" in template.before_image) is (name == "llava_v1")


def test_the_answer_s_form_changes_what_is_forced_and_nothing_else() -> None:
    tokenizer = make_tokenizer()
    usual, short = (
        build_prompt(tokenizer, TEMPLATES["chatml"], 3, 4, form=form)
        for form in (None, AnswerForm("short", SEPARATORS["paragraph"]))
    )
    assert usual == build_prompt(tokenizer, TEMPLATES["chatml"], 3, 4, form=AnswerForm())
    assert (usual.head, usual.before, usual.caption_end) == (short.head, short.before, short.caption_end)
    assert tokenizer.decode(list(short.conclusion)) == "\n\n<CONCLUSION> This image is"
    assert tokenizer.decode(list(short.reasoning_start)) == "\n\n<REASONING>"
    assert tokenizer.decode(list(usual.conclusion)).endswith(f"> {usual.conclusion_start}")
    for fault in ({"conclusion": "maybe"}, {"separator": "-"}):
        with pytest.raises(ValueError, match=r"maybe|separated"):
            AnswerForm(**fault)
