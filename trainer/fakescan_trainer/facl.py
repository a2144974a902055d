"""Forgery-Aligned Contrastive Learning (paper Sec. 4.2, Eq. 1-5).

Shapes: B images of the batch, T texts of the batch (captions and reasonings, T = 2B or fewer), Q queued entries,
D features. ``A`` stands for texts and ``I`` for images, as in the paper.

What the paper leaves open is decided here and in ``FaclConfig``:

* Eq. 1 has one positive, the text says "matched caption and reasoning": the loss is averaged over both.
* Every denominator runs over the batch and the queue; an anchor is never its own candidate.
* An anchor without a positive (empty queue, the only one of its class) contributes nothing; a term in which no anchor
  has one is 0.
* Queued features carry no gradient (they belong to earlier weights), as in MoCo, but there is no momentum encoder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional


class FeatureQueue(nn.Module):
    """The most recent n features with labels, first in first out. Part of the state that a checkpoint keeps."""

    features: torch.Tensor
    labels: torch.Tensor
    filled: torch.Tensor

    def __init__(self, length: int, width: int) -> None:
        """An empty queue of a given length."""
        super().__init__()
        self.length = length
        self.register_buffer("features", torch.zeros(length, width))
        self.register_buffer("labels", torch.full((length,), -1, dtype=torch.long))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))

    def entries(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (Q, D) and labels (Q,), oldest first."""
        count = int(self.filled)
        return self.features[self.length - count :], self.labels[self.length - count :]

    @torch.no_grad()
    def push(self, features: torch.Tensor, labels: torch.Tensor) -> None:
        """Append a batch; the oldest entries leave."""
        if self.length == 0:
            return
        self.features = torch.cat([self.features, features.detach().to(self.features)])[-self.length :]
        self.labels = torch.cat([self.labels, labels.to(self.labels)])[-self.length :]
        self.filled = (self.filled + len(labels)).clamp_max(self.length)


@dataclass(frozen=True, slots=True)
class FaclTerms:
    """The four terms and their mean (Eq. 5), scalars."""

    v2a: torch.Tensor
    a2v: torch.Tensor
    v2v: torch.Tensor
    a2a: torch.Tensor

    @property
    def loss(self) -> torch.Tensor:
        """The mean of the four."""
        return (self.v2a + self.a2v + self.v2v + self.a2a) / 4


def contrastive(similarity: torch.Tensor, positive: torch.Tensor, candidate: torch.Tensor) -> torch.Tensor:
    """Mean over anchors of -1/|P| * sum over positives of log(exp(s_p) / sum over candidates of exp(s)).

    Args:
        similarity: (anchors, entries), already divided by the temperature.
        positive: bool of the same shape; positives are candidates too.
        candidate: bool of the same shape.

    Returns:
        A scalar; 0 when no anchor has a positive.
    """
    positive = positive & candidate
    count = positive.sum(1)
    has = count > 0
    if not bool(has.any()):
        return similarity.sum() * 0.0
    scores = similarity[has].masked_fill(~candidate[has], -math.inf)
    log_share = scores - scores.logsumexp(1, keepdim=True)
    per_anchor = -log_share.masked_fill(~positive[has], 0.0).sum(1) / count[has]
    return per_anchor.mean()


class ForgeryAlignedContrast(nn.Module):
    """The four terms with their queues and their trainable temperature."""

    def __init__(
        self, width: int, queue: int, temperature: float = 0.07, *, normalise: bool = True, text_pairs: str = "both"
    ) -> None:
        """Empty queues.

        Args:
            width: D.
            queue: length of the image queue; the text queue is twice as long.
            temperature: start of the trainable temperature.
            normalise: scale features to unit length before comparing.
            text_pairs: anchors of the text-to-text term: ``both`` captions and reasonings, or ``reasoning``.
        """
        super().__init__()
        self.images = FeatureQueue(queue, width)
        self.texts = FeatureQueue(2 * queue, width)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature)))
        self.normalise = normalise
        self.text_pairs = text_pairs
        self.exchange: Callable[[torch.Tensor], torch.Tensor] | None = None
        """Gives the tensors of all processes one after the other (P * B, ...); None where there is one process."""
        self.place = 0
        """Number of this process."""

    @property
    def temperature(self) -> torch.Tensor:
        """The temperature, a scalar above 0."""
        return self.log_temperature.exp()

    def forward(
        self, image: torch.Tensor, caption: torch.Tensor, reasoning: torch.Tensor, labels: torch.Tensor
    ) -> FaclTerms:
        """The four terms for one batch; the batch joins the queues afterwards (in training mode).

        Args:
            image: (B, D) pooled images.
            caption: (B, D) pooled captions.
            reasoning: (B, D) pooled reasonings.
            labels: (B,) 1 = fake.
        """
        image, caption, reasoning = (self._prepared(x) for x in (image, caption, reasoning))
        text = torch.cat([caption, reasoning])  # (T, D): captions first
        own = torch.arange(len(image), device=image.device).repeat(2)  # image that each text belongs to
        text_labels = labels.repeat(2)
        turns = self._turns(image, labels, text, text_labels) if self.training else []
        for turn in turns[: self.place]:
            self._push(*turn)
        queued_images, image_labels = self.images.entries()
        queued_texts, queued_text_labels = self.texts.entries()
        all_images, all_image_labels = torch.cat([image, queued_images]), torch.cat([labels, image_labels])
        all_texts, all_text_labels = torch.cat([text, queued_texts]), torch.cat([text_labels, queued_text_labels])

        matched = own[None, :] == torch.arange(len(image), device=image.device)[:, None]  # (B, T)
        v2a = self._term(image, all_texts, _widen(matched, len(queued_texts)), own_batch=False)
        a2v = self._term(text, all_images, _widen(matched.T, len(queued_images)), own_batch=False)
        v2v = self._term(image, all_images, labels[:, None] == all_image_labels[None, :], own_batch=True)
        anchors = slice(len(caption), None) if self.text_pairs == "reasoning" else slice(None)
        same = text_labels[:, None] == all_text_labels[None, :]
        a2a = self._term(text, all_texts, same, own_batch=True, anchors=anchors)
        for turn in turns[self.place :]:
            self._push(*turn)
        return FaclTerms(v2a, a2v, v2v, a2a)

    def _turns(self, *batch: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
        """The batch of every process, in their order."""
        if self.exchange is None:
            return [batch]
        gathered = [self.exchange(tensor.detach().contiguous()) for tensor in batch]
        processes = len(gathered[0]) // len(batch[0])
        return list(zip(*(tensor.chunk(processes) for tensor in gathered), strict=True))

    def _push(self, image: torch.Tensor, labels: torch.Tensor, text: torch.Tensor, text_labels: torch.Tensor) -> None:
        self.images.push(image, labels)
        self.texts.push(text, text_labels)

    def _prepared(self, features: torch.Tensor) -> torch.Tensor:
        features = features.float()
        return functional.normalize(features, dim=-1) if self.normalise else features

    def _term(
        self,
        anchor: torch.Tensor,
        entries: torch.Tensor,
        positive: torch.Tensor,
        *,
        own_batch: bool,
        anchors: slice = slice(None),
    ) -> torch.Tensor:
        """One term; ``own_batch`` says that the anchors are the first entries and must not meet themselves."""
        candidate = torch.ones_like(positive)
        if own_batch:
            candidate[:, : len(anchor)].fill_diagonal_(fill_value=False)
        similarity = anchor @ entries.T / self.temperature
        return contrastive(similarity[anchors], positive[anchors], candidate[anchors])


def _widen(matched: torch.Tensor, queued: int) -> torch.Tensor:
    """Append columns of queued entries, which are never a match."""
    return torch.cat([matched, matched.new_zeros(len(matched), queued)], 1)


def mean_pooled(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """AvgPool of Sec. 4.2: mean over the masked positions.

    Args:
        states: (B, N, D).
        mask: (B, N), 1 where a position counts. A row without any gives zeros.
    """
    weights = mask.to(states.dtype).unsqueeze(-1)
    return (states * weights).sum(1) / weights.sum(1).clamp_min(1)
