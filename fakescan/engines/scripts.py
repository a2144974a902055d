"""What is asked of the model for one picture, step by step, whatever happens to the others.

A script is a generator: it yields the tokens to append next and what it wants to know about them, and is sent the
answer. It knows nothing of batches and caches, so a text cannot depend on them.

When a stage's closing tag seems to begin, the rest of the tag and everything that is forced after it go through the
model at once, together with the question whether the model would have written the tag itself. If so, the text is the
one that was going to be written, for a fraction of the steps; if not, the surplus is given back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass

import torch

from fakescan.engines.base import Written
from fakescan.engines.choosing import Runs, draw, forbidden


@dataclass(frozen=True, slots=True)
class Ask:
    """Tokens to append to a sequence, and what to find out."""

    piece: tuple[int, ...]
    """At least one token."""
    choose: tuple[tuple[int, Collection[int]], ...] = ()
    """Places in the piece after which the likeliest next token is wanted, each with the tokens that it may not be."""
    pair: bool = False
    """Whether the logits of real and fake after the last token are wanted."""
    logits: bool = False
    """Whether all logits after the last token are wanted."""
    back: int = 0
    """How many tokens of the sequence are given back first."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What was found out."""

    chosen: tuple[int, ...] = ()
    """The likeliest tokens, one for each place."""
    pair: tuple[float, float] | None = None
    """Logits of real and fake."""
    logits: torch.Tensor | None = None
    """All logits, float32 (V,) on the CPU."""


@dataclass(frozen=True, slots=True)
class StageRules:
    """How the model's own words of a stage come to an end."""

    limit: int
    """Tokens at most."""
    closing: tuple[int, ...]
    """The closing tag as it is forced, and mostly written."""
    follow: tuple[int, ...]
    """What is forced after it."""
    ended: Callable[[Sequence[int]], bool]
    """Whether words so far end the stage."""
    no_repeat: int
    """Length of the runs that may not occur twice; 0 allows all."""
    last: bool
    """Whether the conclusion follows, instead of more words."""

    def leaving(self, piece: tuple[int, ...], guessed: tuple[tuple[int, Collection[int]], ...], back: int) -> Ask:
        """The tokens that end the stage, with what the next one wants to know."""
        after = () if self.last else ((len(piece) - 1, frozenset[int]()),)
        return Ask(piece, (*guessed, *after), pair=self.last, back=back)

    @property
    def can_guess(self) -> bool:
        """Whether the closing tag ends a stage with its last token and not before."""
        return len(self.closing) > 1 and self.ended(self.closing) and not self.ended(self.closing[:-1])


@dataclass(frozen=True, slots=True)
class ForcedResult:
    """A forced answer."""

    written: Written
    """The model's own words."""
    pair: tuple[float, float]
    """Logits of real and fake after them."""


def forced_script(
    opening: tuple[int, ...], caption: StageRules, reasoning: StageRules
) -> Generator[Ask, Reply, ForcedResult]:
    """Caption and reasoning between forced pieces, then the forced conclusion.

    Args:
        opening: from after the question to the first free token.
        caption: of the first stage.
        reasoning: of the last.
    """
    reply = yield Ask(opening, ((len(opening) - 1, frozenset[int]()),))
    words, end, reply = yield from _stage(reply.chosen[-1], caption)
    reasons, tail, reply = yield from _stage(reply.chosen[-1], reasoning)
    if reply.pair is None:
        raise RuntimeError("the conclusion was not read")
    return ForcedResult(Written(words, end, reasons, tail), reply.pair)


def _stage(first: int, rules: StageRules) -> Generator[Ask, Reply, tuple[list[int], tuple[int, ...], Reply]]:
    """Own words from a first token on; the forced closing tag where there had to be one; the reply after it all."""
    row, token, back = Runs(rules.no_repeat), first, 0
    guess = rules.closing[1:] if rules.can_guess else ()
    while True:
        row.add(token)
        ended = rules.ended(row.tokens)
        if ended or len(row.tokens) >= rules.limit:
            end = () if ended else rules.closing
            reply = yield rules.leaving((token, *end, *rules.follow), (), back)
            return row.tokens, end, reply
        if guess and token == rules.closing[0] and len(row.tokens) + len(guess) <= rules.limit:
            piece = (token, *guess, *rules.follow)
            so_far = row.tokens
            places = tuple(
                (place, forbidden([*so_far, *guess[:place]], rules.no_repeat)) for place in range(len(guess))
            )
            reply = yield rules.leaving(piece, places, back)
            agreed = next((n for n, token in enumerate(guess) if reply.chosen[n] != token), len(guess))
            for token in guess[:agreed]:
                row.add(token)
            if agreed == len(guess):
                return row.tokens, (), reply
            token, back = reply.chosen[agreed], len(piece) - 1 - agreed
        else:
            reply = yield Ask((token,), ((0, row.forbidden()),), back=back)
            token, back = reply.chosen[0], 0


@dataclass(frozen=True, slots=True)
class FreeResult:
    """A drawn answer."""

    tokens: list[int]
    """Everything that the model wrote."""
    pairs: list[tuple[float, float]]
    """Logits of real and fake at the step that chose each token."""


def free_script(
    opening: tuple[int, ...], generator: torch.Generator, temperature: float, end_id: int, limit: int
) -> Generator[Ask, Reply, FreeResult]:
    """Everything is the model's own, drawn as in the paper.

    Args:
        opening: the end of the question's turn.
        generator: the picture's own random numbers.
        temperature: of drawing, above 0.
        end_id: the token that ends an answer.
        limit: tokens at most.
    """
    tokens: list[int] = []
    pairs: list[tuple[float, float]] = []
    piece = opening
    while True:
        reply = yield Ask(piece, pair=True, logits=True)
        if reply.pair is None or reply.logits is None:
            raise RuntimeError("the next token was not read")
        tokens.append(draw(reply.logits, generator, temperature))
        pairs.append(reply.pair)
        if tokens[-1] == end_id or len(tokens) >= limit:
            return FreeResult(tokens, pairs)
        piece = (tokens[-1],)
