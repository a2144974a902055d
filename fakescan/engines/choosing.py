"""How the next token is chosen: the likeliest, or drawn as in the paper."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch

PAPER_TEMPERATURE = 0.2
"""Temperature of the paper's inference (Sec. 5.1)."""
TOP_K = 50
"""transformers' default, active in the authors' runs."""


def greedy(logits: torch.Tensor) -> torch.Tensor:
    """The likeliest token of each row, (B, V) to (B,)."""
    return logits.argmax(-1)


class Sampler:
    """Draws at temperature 0.2 among the 50 likeliest; each row has its own random numbers.

    They are seeded by the run's seed and the image's digest, so that a text does not depend on the batch.
    """

    def __init__(self, seed: int, digests: Sequence[str]) -> None:
        """One generator an image."""
        self.generators = []
        for digest in digests:
            own = hashlib.sha256(f"{seed} {digest}".encode()).digest()
            self.generators.append(torch.Generator().manual_seed(int.from_bytes(own[:7], "big")))

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        """(B, V) to (B,)."""
        values, ids = logits.cpu().topk(min(TOP_K, logits.shape[-1]))
        shares = (values.double() / PAPER_TEMPERATURE).softmax(-1)
        drawn = [torch.multinomial(row, 1, generator=own) for row, own in zip(shares, self.generators, strict=True)]
        return ids.gather(1, torch.stack(drawn))[:, 0].to(logits.device)
