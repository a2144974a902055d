"""Slots: as many sequences as fit, each at its own place in its own script; a finished one makes room for the next.

Active sequences always lie in the cache's first rows. A row that ends is taken by a waiting picture, or, when none
waits, by the last active row; so a decoding step reads one slice of the cache and nothing in it is padding.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import torch

from fakescan.engines.cache import StaticCache
from fakescan.engines.lean import LeanDecoder, piece_of
from fakescan.engines.scripts import Ask, Reply
from fakescan.engines.steps import DecodeStep

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(slots=True)
class Running(Generic[Job, Result]):
    """One picture's sequence of tokens."""

    job: Job
    """What it is for."""
    script: Generator[Ask, Reply, Result]
    """What is asked next."""
    length: int
    """Tokens in the cache."""
    ask: Ask = field(default_factory=lambda: Ask(()))
    """What is asked now."""
    result: Result | None = None
    """What came of it, once it is done."""

    def start(self) -> None:
        """Hear the first question."""
        self.ask = next(self.script)

    def answer(self, reply: Reply) -> None:
        """Answer the question and hear the next, or the result."""
        try:
            self.ask = self.script.send(reply)
        except StopIteration as end:
            self.result = end.value
        else:
            self.length -= self.ask.back


class Slots(Generic[Job, Result]):
    """Runs the sequences of many jobs over a cache."""

    def __init__(self, decoder: LeanDecoder, cache: StaticCache, prefix: int, patience: int = 1) -> None:
        """Nothing runs before ``run``.

        Args:
            decoder: the language model.
            cache: every row begins with the shared prefix.
            prefix: length of the prefix.
            patience: rows with several tokens to append wait until there are so many of them, or nothing else to do.
        """
        self._decoder, self._cache, self._prefix, self._patience = decoder, cache, prefix, patience
        self._step = DecodeStep(decoder, cache)
        self._active: list[Running[Job, Result]] = []

    def run(
        self,
        waiting: deque[Job],
        begin: Callable[[Sequence[Job], Sequence[int]], list[Running[Job, Result]]],
        *,
        chunk: int = 1,
        refill: bool = True,
    ) -> Iterator[tuple[Job, Result]]:
        """Run every job to its end.

        Args:
            waiting: the jobs, taken from the left.
            begin: puts the prompts of a few jobs into rows of the cache; gives their sequences.
            chunk: jobs that begin together at most.
            refill: whether a job begins as soon as a row is free; else when all rows are.

        Yields:
            Jobs with their results, in the order in which they end.
        """
        self._active = []  # whoever broke off the run before left them here
        while waiting or self._active:
            if waiting and (refill or not self._active):
                self._fill(waiting, begin, chunk)
            self._advance()
            ended = [row for row, sequence in enumerate(self._active) if sequence.result is not None]
            # Handed out before others begin, since that may fail for want of memory.
            for sequence in [self._active[row] for row in ended]:
                if sequence.result is not None:
                    yield sequence.job, sequence.result
            self._leave(ended, waiting, begin if refill else None)

    def _fill(
        self,
        waiting: deque[Job],
        begin: Callable[[Sequence[Job], Sequence[int]], list[Running[Job, Result]]],
        chunk: int,
    ) -> None:
        """Jobs into the free rows behind the active ones."""
        while waiting and len(self._active) < self._cache.rows:
            first = len(self._active)
            count = min(chunk, len(waiting), self._cache.rows - first)
            jobs = [waiting.popleft() for _ in range(count)]
            self._active += begin(jobs, range(first, first + count))

    def _leave(
        self,
        ended: list[int],
        waiting: deque[Job],
        begin: Callable[[Sequence[Job], Sequence[int]], list[Running[Job, Result]]] | None,
    ) -> None:
        """Take out what has ended; its rows go to waiting jobs, else to the last active rows."""
        for row in reversed(ended):
            if waiting and begin is not None:
                [self._active[row]] = begin([waiting.popleft()], [row])
                continue
            last = self._active.pop()
            if row < len(self._active):
                self._cache.move(len(self._active), row, self._prefix, last.length)
                self._active[row] = last

    def _advance(self) -> None:
        """One pass: the rows with several tokens to append, or one token for each of the others."""
        many = [row for row, sequence in enumerate(self._active) if len(sequence.ask.piece) > 1]
        if many and (len(many) >= self._patience or len(many) == len(self._active)):
            self._append(many)
        else:
            self._decode([row for row, sequence in enumerate(self._active) if len(sequence.ask.piece) == 1])

    def _append(self, rows: list[int]) -> None:
        pieces = [self._active[row].ask.piece for row in rows]
        starts = [self._active[row].length for row in rows]
        width, device = max(map(len, pieces)), self._decoder.placement.device
        ids = torch.tensor([[*piece, *[0] * (width - len(piece))] for piece in pieces], device=device)
        piece = piece_of(rows, starts, max(starts) + width, device)
        hidden = self._decoder.extend(self._decoder.embed(ids), self._cache, piece)
        self._answer(rows, hidden)

    def _decode(self, rows: list[int]) -> None:
        reach = rows[-1] + 1
        active = self._active[:reach]
        # Rows between them that wait for their turn ride along: what is written behind their end is overwritten.
        tokens = [sequence.ask.piece[0] if len(sequence.ask.piece) == 1 else 0 for sequence in active]
        hidden = self._step(tokens, [sequence.length for sequence in active])
        self._answer(rows, (hidden if len(rows) == reach else hidden[rows])[:, None])

    def _answer(self, rows: Sequence[int], hidden: torch.Tensor) -> None:
        """Answer the questions of rows from their hidden states (B, L, D)."""
        asks = [self._active[row].ask for row in rows]
        chosen = self._chosen(asks, hidden)
        ends = hidden[range(len(rows)), [len(ask.piece) - 1 for ask in asks]]
        pairs = self._decoder.pair(ends).tolist() if any(ask.pair for ask in asks) else []
        logits = self._decoder.logits(ends).cpu() if any(ask.logits for ask in asks) else None
        for number, row in enumerate(rows):
            sequence, ask = self._active[row], asks[number]
            sequence.length += len(ask.piece)
            pair = (pairs[number][0], pairs[number][1]) if ask.pair else None
            sequence.answer(Reply(chosen[number], pair, None if logits is None else logits[number]))

    def _chosen(self, asks: Sequence[Ask], hidden: torch.Tensor) -> list[tuple[int, ...]]:
        """The likeliest allowed tokens at every place that is asked for."""
        wanted = [(number, place, barred) for number, ask in enumerate(asks) for place, barred in ask.choose]
        if not wanted:
            return [()] * len(asks)
        logits = self._decoder.logits(hidden[[number for number, _, _ in wanted], [place for _, place, _ in wanted]])
        forbidden = [(at, token) for at, (_, _, barred) in enumerate(wanted) for token in barred]
        if forbidden:
            logits[[at for at, _ in forbidden], [token for _, token in forbidden]] = -torch.inf
        best = iter(logits.argmax(-1).tolist())
        return [tuple(next(best) for _ in ask.choose) for ask in asks]
