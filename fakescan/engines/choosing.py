"""How the next token is chosen: the likeliest, or drawn as in the paper."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch

PAPER_TEMPERATURE = 0.2
"""Temperature of the paper's inference (Sec. 5.1)."""
TOP_K = 50
"""transformers' default, active in the authors' runs."""


class Greedy:
    """The likeliest token of each row that repeats no run of tokens, so that a small model cannot turn in circles.

    The same rule as transformers' ``no_repeat_ngram_size``, over each row's own tokens.
    """

    def __init__(self, no_repeat: int = 0) -> None:
        """Forbid runs of ``no_repeat`` tokens from occurring twice; 0 forbids nothing."""
        self.no_repeat = no_repeat

    def __call__(self, logits: torch.Tensor, tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        """(B, V) and the rows so far to (B,)."""
        if self.no_repeat:
            for row, so_far in enumerate(tokens):
                for token in forbidden(so_far, self.no_repeat):
                    logits[row, token] = -torch.inf
        return logits.argmax(-1)


def forbidden(tokens: Sequence[int], size: int) -> set[int]:
    """Tokens that would complete a run of ``size`` tokens that is there already; none when ``size`` is 0."""
    if not size or len(tokens) < size - 1:
        return set()
    start = tuple(tokens[len(tokens) - size + 1 :]) if size > 1 else ()
    return {tokens[i + size - 1] for i in range(len(tokens) - size + 1) if tuple(tokens[i : i + size - 1]) == start}


class Runs:
    """The same for a row that grows token by token, without looking through it each time."""

    def __init__(self, size: int) -> None:
        """An empty row."""
        self.size = size
        self.tokens: list[int] = []
        self._after: dict[tuple[int, ...], set[int]] = {}

    def add(self, token: int) -> None:
        """The row's next token."""
        if self.size and len(self.tokens) >= self.size - 1:
            self._after.setdefault(self._last(), set()).add(token)
        self.tokens.append(token)

    def forbidden(self) -> set[int]:
        """Tokens that may not come next."""
        return self._after.get(self._last(), set()) if self.size else set()

    def _last(self) -> tuple[int, ...]:
        return tuple(self.tokens[len(self.tokens) - self.size + 1 :]) if self.size > 1 else ()


class Sampler:
    """Draws at a temperature among the 50 likeliest; each row has its own random numbers.

    They are seeded by the run's seed and the image's digest, so that a text does not depend on the batch.
    """

    def __init__(self, seed: int, digests: Sequence[str], temperature: float = PAPER_TEMPERATURE) -> None:
        """One generator an image."""
        self.temperature = temperature
        self.generators = [generator_of(seed, digest) for digest in digests]

    def __call__(self, logits: torch.Tensor, tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        """(B, V) to (B,)."""
        del tokens
        drawn = [draw(row, own, self.temperature) for row, own in zip(logits.cpu(), self.generators, strict=True)]
        return torch.tensor(drawn, device=logits.device)


def generator_of(seed: int, digest: str) -> torch.Generator:
    """An image's own random numbers."""
    own = hashlib.sha256(f"{seed} {digest}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(own[:7], "big"))


def draw(logits: torch.Tensor, generator: torch.Generator, temperature: float = PAPER_TEMPERATURE) -> int:
    """A token drawn at a temperature among the 50 likeliest.

    Args:
        logits: (V,), on the CPU.
        generator: the row's own.
        temperature: above 0.
    """
    values, ids = logits.topk(min(TOP_K, len(logits)))
    shares = (values.double() / temperature).softmax(-1)
    return int(ids[torch.multinomial(shares, 1, generator=generator)])
