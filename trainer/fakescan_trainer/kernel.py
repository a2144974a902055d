"""A detector with a bent boundary on the class token: kernel ridge regression, and a small network that learnt from it.

On the frozen tower's features a linear probe ranks sources that it never saw clearly worse than a kernel machine: it
cannot say "unlike anything in training". The machine needs every training image at hand, so a network of two layers,
small enough to be part of the projector (``ClassTokenProbe``), learns its values instead: on training images, on
mixtures of two of them, on both with noise, and farther out, where the machine is asked and no label is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional
from transformers import LlavaForConditionalGeneration

from fakescan.model.mapper import Anchors
from fakescan.model.projector import ClassTokenProbe, PooledProjector
from fakescan_trainer.data.mmfr import Record
from fakescan_trainer.data.source import TrainingData
from fakescan_trainer.probe import GAIN
from fakescan_trainer.words import RESERVED_UNITS

STEPS = 8000
"""Of the small network's training: minutes. With 2,500 its values correlate with the machine's by 0.98 on images of
other sources, with 6,000 by 0.99."""
BATCH = 256
NOISE = 0.4
"""Of the points at which the machine is asked, in deviations of a coordinate."""
FAR_SHARE = 0.1
"""Of the points asked at, moved outwards up to ``FAR`` times: a network goes on growing where the machine has less and
less of an opinion, unless it is told. Farther than real pictures are, it costs too much of its likeness near by."""
FAR = 2.0
_LEAST_AXIS = 1e-5
"""Of the largest: principal axes below are rounding."""


@dataclass(frozen=True)
class KernelProbe:
    """A kernel machine: sum of coefficients times exp(-gamma * squared distance to the training points).

    Shapes: C channels, K principal axes, N training images.
    """

    mean: torch.Tensor
    """(C,)"""
    axes: torch.Tensor
    """(C, K), scaled so that a point's mean squared norm is 1."""
    points: torch.Tensor
    """(N, K)"""
    coefficients: torch.Tensor
    """(N,)"""
    gamma: float

    def coordinates(self, features: torch.Tensor) -> torch.Tensor:
        """(M, C) standardised to (M, K)."""
        return (features - self.mean) @ self.axes

    def at(self, coordinates: torch.Tensor) -> torch.Tensor:
        """(M, K) to (M,): near 1 among fakes, near -1 among reals, near 0 far from all training images."""
        return _kernel(coordinates, self.points, self.gamma) @ self.coefficients

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """(M, C) standardised to (M,)."""
        return self.at(self.coordinates(features))


def _kernel(first: torch.Tensor, second: torch.Tensor, gamma: float) -> torch.Tensor:
    squares = first.square().sum(1)[:, None] + second.square().sum(1) - 2 * first @ second.T
    return torch.exp(-gamma * squares.clamp_min(0))


@torch.no_grad()
def fit_kernel(
    features: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, penalty: float, gamma: float, components: int
) -> KernelProbe:
    """Weighted kernel ridge regression on +1 (fake) and -1 (real), in the leading principal axes.

    Args:
        features: (M, C), standardised.
        labels: (M,), 1 = fake.
        weights: (M,), summing to 1.
        penalty: ridge, in shares of a point's kernel with itself.
        gamma: of the Gaussian kernel, where the mean squared norm of a point is 1.
        components: most principal axes.
    """
    mean = features.mean(0)
    centred = features - mean
    # the smaller of the two Gram matrices gives the axes of both
    wide = len(centred) < centred.shape[1]
    sizes, vectors = torch.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    kept = sizes.flip(0)[:components] > _LEAST_AXIS * sizes[-1]
    axes = vectors.flip(1)[:, :components][:, kept]
    if wide:
        axes = centred.T @ axes / sizes.flip(0)[:components][kept].sqrt()
    axes = axes / (centred @ axes).square().sum(1).mean().sqrt().clamp_min(1e-6)
    points = centred @ axes
    kernel = _kernel(points, points, gamma).double()
    kernel.diagonal().add_(penalty / (weights.double() * len(weights)).clamp_min(1e-6))
    coefficients = torch.linalg.solve(kernel, 2 * labels.double() - 1).float()
    return KernelProbe(mean, axes, points, coefficients, gamma)


def out_of_fold(
    features: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor,
    fold: torch.Tensor,
    penalty: float,
    gamma: float,
    components: int,
) -> torch.Tensor:
    """What machines that saw no image of a fold say of its images: (M,), 0 where one would have seen one label alone.

    Args:
        features: (M, C), standardised.
        labels: (M,), 1 = fake.
        weights: (M,), summing to 1.
        fold: (M,) numbers; whole sources, and all variants of a picture, share one (``probe.deal``).
        penalty: as for ``fit_kernel``.
        gamma: as for ``fit_kernel``.
        components: as for ``fit_kernel``.
    """
    scores = torch.zeros(len(labels))
    for number in fold.unique().tolist():
        held = fold == number
        if len(labels[~held].unique()) == 2:
            seen = weights[~held] / weights[~held].sum()
            scores[held] = fit_kernel(features[~held], labels[~held], seen, penalty, gamma, components)(features[held])
    return scores


def distil(teacher: KernelProbe, weights: torch.Tensor, units: int, seed: int, steps: int = 0) -> ClassTokenProbe:
    """A network of ``units`` hidden units with the machine's values for logits.

    Args:
        teacher: the machine.
        weights: (N,) of the training images; they are drawn by the square root.
        units: hidden units.
        seed: of the start, the draws and the noise.
        steps: of its training; 0 = ``STEPS``.

    Returns:
        The network, for standardised features; it moves no visual token yet, and is nowhere surer than the machine is
        on its own points.
    """
    draw = torch.Generator().manual_seed(seed)
    points = teacher.points
    width = points.shape[1]
    # halfway between whitened and not: leading axes matter more, yet not by their full spread
    scale = 0.5 * (points.std(0) + points.std())
    pupil = ClassTokenProbe(width, units, 0)
    with torch.no_grad():
        for layer in (pupil.linear_1, pupil.linear_2):
            bound = layer.in_features**-0.5
            for parameter in (layer.weight, layer.bias):
                parameter.uniform_(-bound, bound, generator=draw)
    optimizer = torch.optim.AdamW(pupil.parameters(), 2e-3, weight_decay=1e-3)
    drawn = weights.sqrt()  # it learns the machine's values, for which no source has to count as much as another
    steps = steps or STEPS
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 2e-3 * (1 - step / steps)
        one, other = torch.multinomial(drawn, 2 * BATCH, replacement=True, generator=draw).view(2, BATCH)
        share = 0.5 * torch.rand(BATCH, 1, generator=draw)
        asked = points[one] * (1 - share) + points[other] * share
        asked = asked + NOISE * scale * torch.randn(BATCH, width, generator=draw)
        outwards = 1 + (FAR - 1) * torch.rand(BATCH, 1, generator=draw)
        asked = torch.where(torch.rand(BATCH, 1, generator=draw) < FAR_SHARE, outwards * asked, asked)
        loss = functional.mse_loss(pupil.logit(asked / scale), teacher.at(asked))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    whole = ClassTokenProbe(len(teacher.mean), units, 0).requires_grad_(False)
    # the way from features to scaled coordinates is linear, and goes into the first layer
    with torch.no_grad():
        whole.linear_1.weight.copy_((pupil.linear_1.weight / scale) @ teacher.axes.T)
        whole.linear_1.bias.copy_(pupil.linear_1.bias - whole.linear_1.weight @ teacher.mean)
    whole.linear_2.load_state_dict(pupil.linear_2.state_dict())
    surest = float(teacher.at(points).abs().max())
    whole.bounds.copy_(torch.tensor([-surest, surest]))
    return whole


def all_class_tokens(
    projector: PooledProjector, data: TrainingData, records: Sequence[Record]
) -> tuple[torch.Tensor, list[int]]:
    """Standardised class tokens of every view of every variant that the cache holds: each view goes through the probe.

    Args:
        projector: with its channel statistics set.
        data: with a cache.
        records: the images.

    Returns:
        (M, C) on the CPU, and which of the records each of the M is.
    """
    rows, owners = [], []
    for number, record in enumerate(records):
        for features in data.every_variant(record):  # (V, P, C)
            tokens = projector.standardised(features.to(projector.feature_mean.device))[:, 0].cpu()
            rows.append(tokens)
            owners += [number] * len(tokens)
    return torch.cat(rows), owners


@torch.no_grad()
def write_probe(llava: LlavaForConditionalGeneration, anchors: Anchors, given: ClassTokenProbe) -> None:
    """Put a network into the projector of a model, in place of the linear probe, with logits spread like that one's.

    Its logit moves the first visual token from the embedding of "real" towards that of "fake", as far a unit as the
    linear probe's did (``probe.start_from_probe``): a language model that reads the one reads the other.
    """
    projector = llava.model.multi_modal_projector
    own: ClassTokenProbe = projector.probe
    embeddings = llava.get_input_embeddings().weight
    direction = functional.normalize(embeddings[anchors.fake_id] - embeddings[anchors.real_id], dim=0)
    own.direction.copy_(GAIN * embeddings.norm(dim=1).mean() * direction)
    own.linear_1.load_state_dict(given.linear_1.state_dict())
    own.linear_2.load_state_dict(given.linear_2.state_dict())
    own.bounds.copy_(given.bounds)
    projector.linear_1.weight[:RESERVED_UNITS] = 0
    projector.linear_1.bias[:RESERVED_UNITS] = 0
    projector.linear_2.weight[:, :RESERVED_UNITS] = 0


def as_read(
    scores: torch.Tensor, weights: torch.Tensor, logits: torch.Tensor, theirs: torch.Tensor
) -> tuple[float, float]:
    """Factor and shift that give scores the mean and the deviation of logits: factor * score + shift.

    Args:
        scores: (M,) of kernel machines, out of fold.
        weights: (M,).
        logits: (L,) of linear probes, out of fold: what the language model has learnt to read.
        theirs: (L,), the weights of those.
    """
    (mean, deviation), (wanted, spread) = _moments(scores, weights), _moments(logits, theirs)
    factor = spread / max(deviation, 1e-9)
    return factor, wanted - factor * mean


def _moments(values: torch.Tensor, weights: torch.Tensor) -> tuple[float, float]:
    share = weights / weights.sum()
    mean = float((share * values).sum())
    return mean, float((share * (values - mean).square()).sum()) ** 0.5


@torch.no_grad()
def rescale(probe: ClassTokenProbe, factor: float, shift: float) -> None:
    """Change what a probe says, in place: factor * logit + shift."""
    probe.linear_2.weight.mul_(factor)
    probe.linear_2.bias.mul_(factor).add_(shift)
    probe.bounds.mul_(factor).add_(shift)
