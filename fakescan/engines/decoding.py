"""A batch of growing sequences over one key-value cache: append forced pieces, or let the model choose.

Shapes: B rows, L appended positions, N positions so far, D hidden size, V vocabulary entries.

Rows may differ in length: every appended piece carries a mask, masked positions are never attended to, and positions
are counted row by row, so that a row's result does not depend on its neighbours beyond float noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from transformers import DynamicCache, LlavaForConditionalGeneration

from fakescan.model.build import encoder_outputs

Choose = Callable[[torch.Tensor, Sequence[Sequence[int]]], torch.Tensor]
"""Logits (B, V), which it may change, and each row's tokens so far to token ids (B,)."""


class Sequences:
    """B sequences, their cache, and the last hidden state of each."""

    def __init__(self, llava: LlavaForConditionalGeneration, rows: int) -> None:
        """Empty sequences."""
        self.llava = llava
        self.device = llava.lm_head.weight.device
        self.cache = DynamicCache(config=llava.config.text_config)
        self.mask = torch.zeros(rows, 0, dtype=torch.long, device=self.device)
        self.last = torch.empty(0)
        """Hidden state at the last real position of each row, (B, D)."""

    def append(self, pieces: Sequence[Sequence[int]], visual: torch.Tensor | None = None) -> torch.Tensor:
        """One forward pass over a piece a row, left-padded to the longest.

        Args:
            pieces: token ids; placeholders of the image among them where ``visual`` is given.
            visual: (B, P, D) visual tokens.

        Returns:
            Hidden states (B, L, D); those of a row's own tokens are the last ones.
        """
        width = max(len(piece) for piece in pieces)
        ids = torch.zeros(len(pieces), width, dtype=torch.long)
        mask = torch.zeros(len(pieces), width, dtype=torch.long)
        for row, piece in enumerate(pieces):
            if piece:
                ids[row, width - len(piece) :] = torch.tensor(list(piece))
                mask[row, width - len(piece) :] = 1
        return self._forward(ids.to(self.device), mask.to(self.device), visual)

    def append_read(self, pieces: Sequence[Sequence[int]]) -> list[list[float]]:
        """As ``append``, for text; returns the log-probability of each row's tokens, in nats.

        Args:
            pieces: token ids.
        """
        first = self.last
        if not any(pieces):
            return [[] for _ in pieces]
        hidden = self.append(pieces)
        found = []
        for row, piece in enumerate(pieces):  # row by row: the logits of all of them at once are large
            # A token is predicted from the position before it: the first from where the row stood.
            own = hidden[row, hidden.shape[1] - len(piece) :]
            states = torch.cat([first[row : row + 1], own[:-1]]) if piece else own
            logits = self.llava.lm_head(states).float().log_softmax(-1)
            ids = torch.tensor(list(piece), dtype=torch.long, device=self.device)
            found.append(logits.gather(1, ids[:, None])[:, 0].tolist())
        # A row without tokens of its own stands where it stood.
        empty = torch.tensor([not piece for piece in pieces], device=self.device)
        self.last = torch.where(empty[:, None], first, self.last)
        return found

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, visual: torch.Tensor | None) -> torch.Tensor:
        lengths = self.mask.sum(1, keepdim=True)
        positions = (lengths + mask.cumsum(1) - 1).clamp_min(0)
        self.mask = torch.cat([self.mask, mask], 1)
        outputs = self.llava.model(
            input_ids=ids, attention_mask=self.mask, position_ids=positions, past_key_values=self.cache, use_cache=True,
            mm_encoder_outputs=None if visual is None else encoder_outputs(visual),
        )  # fmt: skip
        hidden: torch.Tensor = outputs.last_hidden_state
        self.last = hidden[:, -1]
        return hidden

    def mark(self) -> int:
        """Where the sequences stand, for ``rewind``."""
        return self.mask.shape[1]

    def rewind(self, length: int) -> None:
        """Forget everything after the first ``length`` positions."""
        self.cache.crop(length - self.mask.shape[1])  # a negative number: how many to take away
        self.mask = self.mask[:, :length]

    def logits_of(self, token_ids: Sequence[int]) -> torch.Tensor:
        """Logits of a few tokens as the next one, float32 (B, len(token_ids))."""
        head = self.llava.lm_head.weight[list(token_ids)]
        logits: torch.Tensor = (self.last.to(head.dtype) @ head.T).float()
        return logits

    def next_logits(self) -> torch.Tensor:
        """Logits of the next token, float32 (B, V)."""
        logits: torch.Tensor = self.llava.lm_head(self.last).float()
        return logits

    def generate(
        self, choose: Choose, finished: Callable[[int, list[int]], bool], limit: int, watch: Sequence[int] = ()
    ) -> tuple[list[list[int]], list[list[torch.Tensor]]]:
        """Let the model choose until every row is finished or has ``limit`` tokens.

        Args:
            choose: picks a token a row from the logits.
            finished: row number and its tokens so far -> whether it ends here.
            limit: tokens a row at most.
            watch: token ids whose logits are kept for every step.

        Returns:
            The tokens of each row, and for each of them the watched logits of the step that chose it. The sequences
            then hold all chosen tokens, and ``last`` belongs to each row's own last token.
        """
        rows = len(self.mask)
        tokens: list[list[int]] = [[] for _ in range(rows)]
        watched: list[list[torch.Tensor]] = [[] for _ in range(rows)]
        active = [True] * rows
        for _ in range(limit):
            logits = self.next_logits()
            kept = logits[:, list(watch)].cpu() if watch else None
            chosen = choose(logits, tokens).tolist()
            for row in range(rows):
                if active[row]:
                    tokens[row].append(chosen[row])
                    if kept is not None:
                        watched[row].append(kept[row])
            before = self.last
            self.append_tokens(chosen, active)
            self.last = torch.where(torch.tensor(active, device=self.device)[:, None], self.last, before)
            active = [on and not finished(row, tokens[row]) for row, on in enumerate(active)]
            if not any(active):
                break
        return tokens, watched

    def append_tokens(self, chosen: Sequence[int], active: Sequence[bool]) -> None:
        """One decoding step; rows that have ended get a masked position."""
        ids = torch.tensor([[token if on else 0] for token, on in zip(chosen, active, strict=True)], device=self.device)
        mask = torch.tensor([[int(on)] for on in active], device=self.device)
        self._forward(ids, mask, None)
