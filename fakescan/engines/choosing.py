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
                for token in self._forbidden(so_far):
                    logits[row, token] = -torch.inf
        return logits.argmax(-1)

    def _forbidden(self, tokens: Sequence[int]) -> set[int]:
        """Tokens that would complete a run that is there already."""
        size = self.no_repeat
        start = tuple(tokens[len(tokens) - size + 1 :]) if size > 1 else ()
        if len(tokens) < size - 1:
            return set()
        return {tokens[i + size - 1] for i in range(len(tokens) - size + 1) if tuple(tokens[i : i + size - 1]) == start}


class Sampler:
    """Draws at a temperature among the 50 likeliest; each row has its own random numbers.

    They are seeded by the run's seed and the image's digest, so that a text does not depend on the batch.
    """

    def __init__(self, seed: int, digests: Sequence[str], temperature: float = PAPER_TEMPERATURE) -> None:
        """One generator an image."""
        self.temperature = temperature
        self.generators = []
        for digest in digests:
            own = hashlib.sha256(f"{seed} {digest}".encode()).digest()
            self.generators.append(torch.Generator().manual_seed(int.from_bytes(own[:7], "big")))

    def __call__(self, logits: torch.Tensor, tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        """(B, V) to (B,)."""
        del tokens
        values, ids = logits.cpu().topk(min(TOP_K, logits.shape[-1]))
        shares = (values.double() / self.temperature).softmax(-1)
        drawn = [torch.multinomial(row, 1, generator=own) for row, own in zip(shares, self.generators, strict=True)]
        return ids.gather(1, torch.stack(drawn))[:, 0].to(logits.device)
