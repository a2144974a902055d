"""A script against the plain way of writing, over made-up language models that write and nearly write closing tags."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import torch

from fakescan.engines.choosing import Runs, forbidden
from fakescan.engines.scripts import ForcedResult, FreeResult, Reply, StageRules, forced_script, free_script

CLOSING = (90, 91, 92)
OTHER_CLOSING = (93, 94, 95)
END = 99
OPENING, MIDDLE, CONCLUSION = (70, 71), (80, 81, 82), (85, 86)


class Model:
    """The next token is a function of everything before it; closing tags come often, whole and broken off."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.passes = 0

    def ranked(self, tokens: Sequence[int]) -> list[int]:
        dice = random.Random(f"{self.seed} {tuple(tokens)}")  # noqa: S311
        order = [*range(12), 90, 93, END]
        dice.shuffle(order)
        for tag in (CLOSING, OTHER_CLOSING):
            for place in (1, 2):
                if tuple(tokens[-place:]) == tag[:place] and dice.random() < 0.8:
                    order.insert(0, tag[place])
        return order

    def likeliest(self, tokens: Sequence[int], barred: Sequence[int] | set[int]) -> int:
        return next(token for token in self.ranked(tokens) if token not in barred)


def ended(tag: tuple[int, ...], tokens: Sequence[int]) -> bool:
    return tokens[-1] == END or tuple(tokens[-3:]) == tag


def rules(limit: int, *, last: bool, no_repeat: int) -> StageRules:
    tag, follow = (OTHER_CLOSING, CONCLUSION) if last else (CLOSING, MIDDLE)
    return StageRules(limit, tag, follow, lambda tokens: ended(tag, tokens), no_repeat, last)


def plain(model: Model, limits: tuple[int, int], no_repeat: int) -> tuple[list[int], list[list[int]]]:
    """As the plain engine writes: token by token, then what is forced."""
    text, stages = list(OPENING), []
    for limit, tag, follow in zip(limits, (CLOSING, OTHER_CLOSING), (MIDDLE, CONCLUSION), strict=True):
        own: list[int] = []
        while len(own) < limit and not (own and ended(tag, own)):
            own.append(model.likeliest([*text, *own], forbidden(own, no_repeat)))
        text += [*own, *([] if ended(tag, own) else tag), *follow]
        stages.append(own)
    return text, stages


def scripted(model: Model, limits: tuple[int, int], no_repeat: int) -> tuple[list[int], ForcedResult, int]:
    """The same through the script, with an executor of a few lines; also the number of passes."""
    script = forced_script(
        OPENING, rules(limits[0], last=False, no_repeat=no_repeat), rules(limits[1], last=True, no_repeat=no_repeat)
    )
    text: list[int] = []
    ask, passes = next(script), 0
    while True:
        passes += 1
        text = text[: len(text) - ask.back] + list(ask.piece)
        begin = len(text) - len(ask.piece)
        chosen = tuple(model.likeliest(text[: begin + place + 1], set(barred)) for place, barred in ask.choose)
        try:
            ask = script.send(Reply(chosen, (1.0, float(len(text))) if ask.pair else None))
        except StopIteration as end:
            return text, end.value, passes


@pytest.mark.parametrize("no_repeat", [0, 1, 3])
def test_a_script_writes_what_the_plain_way_writes(no_repeat: int) -> None:
    saved, kinds = 0, set()
    for seed in range(300):
        limits = (3 + seed % 17, 2 + seed % 23)
        text, stages = plain(Model(seed), limits, no_repeat)
        found, result, passes = scripted(Model(seed), limits, no_repeat)
        assert found == text
        assert [list(result.written.caption), list(result.written.reasoning)] == stages
        assert result.pair == (1.0, float(len(text)))
        steps = sum(map(len, stages)) + 2
        saved += steps - passes
        kinds |= {tuple(stage[-3:]) in (CLOSING, OTHER_CLOSING) for stage in stages}
    assert kinds == {True, False}  # tags that were written, and stages that were cut off
    assert saved > 100


def test_a_tag_that_is_broken_off_is_given_back() -> None:
    backs = []
    for seed in range(200):
        script = forced_script(OPENING, rules(30, last=False, no_repeat=0), rules(30, last=True, no_repeat=0))
        text: list[int] = []
        ask, model = next(script), Model(seed)
        try:
            while True:
                backs.append(ask.back)
                text = text[: len(text) - ask.back] + list(ask.piece)
                begin = len(text) - len(ask.piece)
                chosen = tuple(model.likeliest(text[: begin + place + 1], set(b)) for place, b in ask.choose)
                ask = script.send(Reply(chosen, (0.0, 0.0)))
        except StopIteration:
            continue
    assert max(backs) > 0


def test_a_closing_tag_of_one_token_is_not_guessed() -> None:
    one = StageRules(5, (90,), MIDDLE, lambda tokens: tokens[-1] == 90, 0, last=False)
    assert not one.can_guess
    early = StageRules(5, (90, 91), MIDDLE, lambda tokens: 90 in tokens, 0, last=False)
    assert not early.can_guess


def test_runs_know_what_looking_through_the_row_would_find() -> None:
    dice = random.Random(4)  # noqa: S311
    for size in (0, 1, 2, 4):
        row = Runs(size)
        for _ in range(60):
            assert row.forbidden() == forbidden(row.tokens, size)
            row.add(dice.randrange(3))


def test_a_free_script_ends_at_the_end_or_at_its_limit() -> None:
    for limit, last in ((50, True), (3, False)):
        script = free_script((7, 8), torch.Generator().manual_seed(1), 0.2, END, limit)
        ask, asked = next(script), []
        for step in range(100):
            asked.append(ask.piece)
            logits = torch.full((100,), -50.0)
            logits[END if step == 5 else step] = 50.0
            try:
                ask = script.send(Reply(pair=(0.0, float(step)), logits=logits))
            except StopIteration as end:
                result: FreeResult = end.value
                break
        assert result.tokens == ([0, 1, 2, 3, 4, END] if last else [0, 1, 2])
        assert asked == [(7, 8), *[(token,) for token in result.tokens[:-1]]]
        assert [fake for _, fake in result.pairs] == list(map(float, range(len(result.tokens))))
