"""The interface of ``decoding.Sequences`` over the lean forward pass, for answers that are read and not written.

Rows may differ in length without any padding: each has its own columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fakescan.engines.cache import StaticCache
from fakescan.engines.lean import LeanDecoder, piece_of

_FIRST_COLUMNS = 256


class LeanSequences:
    """B sequences, their cache, and the last hidden state of each."""

    def __init__(self, decoder: LeanDecoder, rows: int, image_id: int) -> None:
        """Empty sequences.

        Args:
            decoder: the language model.
            rows: B.
            image_id: placeholder of a visual token.
        """
        self._decoder, self._image_id = decoder, image_id
        self._device = decoder.placement.device
        self._cache = StaticCache(decoder.shape(), rows, 0)
        self._lengths = [0] * rows
        self._last = torch.empty(0)

    def append(self, pieces: Sequence[Sequence[int]], visual: torch.Tensor | None = None) -> torch.Tensor:
        """One forward pass over a piece a row.

        Args:
            pieces: token ids; placeholders of the image among them where ``visual`` is given.
            visual: (B, P, D) visual tokens.

        Returns:
            Hidden states (B, L, D); those of a row's own tokens are the first ones.
        """
        width, rows = max(map(len, pieces)), range(len(pieces))
        ids = torch.tensor([[*piece, *[0] * (width - len(piece))] for piece in pieces], device=self._device)
        embedded = self._decoder.embed(ids)
        if visual is not None:
            embedded = embedded.masked_scatter((ids == self._image_id)[..., None], visual.to(embedded.dtype))
        reach = max(self._lengths) + width
        self._decoder.reach(reach)
        self._cache.grow(-(-reach // _FIRST_COLUMNS) * _FIRST_COLUMNS)
        piece = piece_of(rows, self._lengths, reach, self._device)
        hidden = self._decoder.extend(embedded, self._cache, piece)
        self._lengths = [length + len(own) for length, own in zip(self._lengths, pieces, strict=True)]
        ends = hidden[list(rows), [max(len(own) - 1, 0) for own in pieces]]
        empty = torch.tensor([not own for own in pieces], device=self._device)
        # A row without tokens of its own stands where it stood.
        self._last = torch.where(empty[:, None], self._last, ends) if self._last.numel() else ends
        return hidden

    def append_read(self, pieces: Sequence[Sequence[int]]) -> list[list[float]]:
        """As ``append``, for text; returns the log-probability of each row's tokens, in nats.

        Args:
            pieces: token ids.
        """
        first = self._last
        if not any(pieces):
            return [[] for _ in pieces]
        hidden = self.append(pieces)
        found: list[list[float]] = []
        for row, piece in enumerate(pieces):  # row by row: the logits of all of them at once are large
            if not piece:
                found.append([])
                continue
            # A token is predicted from the position before it: the first from where the row stood.
            states = torch.cat([first[row : row + 1], hidden[row, : len(piece) - 1]])
            logits = self._decoder.logits(states).log_softmax(-1)
            ids = torch.tensor(list(piece), device=self._device)
            found.append(logits.gather(1, ids[:, None])[:, 0].tolist())
        return found

    def mark(self) -> tuple[int, ...]:
        """Where the sequences stand, for ``rewind``."""
        return tuple(self._lengths)

    def rewind(self, mark: tuple[int, ...]) -> None:
        """Forget everything after a mark."""
        self._lengths = list(mark)

    def logits_of(self, token_ids: Sequence[int]) -> torch.Tensor:
        """Logits of real and fake as the next token, float32 (B, 2).

        Args:
            token_ids: the two classes; the decoder keeps the rows of its head for no others.
        """
        del token_ids
        return self._decoder.pair(self._last)
