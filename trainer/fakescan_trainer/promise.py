"""A threshold with a promise: fitted on real photographs alone, with a bound that holds for any number of them.

Let n scores be drawn independently from the user's real photographs, and let the threshold lie just above the
(k+1)-th largest. The share of all such photographs that reach it is then at most Beta(k+1, n-k) distributed, so that it
exceeds the risk r with probability P(Binomial(n, r) <= k) at most (Wilks 1941; the bound of Clopper and Pearson 1934 at
that order statistic). k is the largest number for which this stays within 1 - confidence. Nothing is assumed about the
distribution of scores, and equal scores only make it safer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fakescan.core.calibration import probability, uncalibrated
from fakescan.core.calibration_file import Promise, phrase, sentence
from fakescan.core.records import Calibration, LogitPair
from fakescan.errors import DataError
from fakescan_trainer.calibrate import Array, Targets, fit_platt, weighted_quantile

FEWEST_FAKES = 30
"""Fewer say too little about where AI-generated images score."""
FEWEST_OF_KIND = 30
"""Photographs of a kind that put it into the scope of the model's verdicts."""
_STEP = 1e-6
"""Scores are compared with six decimals."""


def photographs_needed(risk: float, confidence: float) -> int:
    """The fewest photographs that any threshold can be promised on.

    Args:
        risk: share of real photographs that may be called AI-generated, in (0, 1).
        confidence: in (0, 1).
    """
    return math.ceil(math.log(1 - confidence) / math.log(1 - risk))


def may_reach(photographs: int, risk: float, confidence: float) -> int | None:
    """How many photographs may reach the threshold: the largest k with P(Binomial(n, risk) <= k) <= 1 - confidence.

    Args:
        photographs: n.
        risk: in (0, 1).
        confidence: in (0, 1).

    Returns:
        None when there are too few for any.
    """
    total, allowed = 0.0, None
    for k in range(photographs):
        total += math.exp(_log_binomial(k, photographs, risk))
        if total > 1 - confidence:
            break
        allowed = k
    return allowed


def upper_bound(hits: int, images: int, confidence: float) -> float:
    """One-sided upper bound of Clopper and Pearson (1934) for a share.

    Args:
        hits: how many of the images.
        images: from 1 on.
        confidence: in (0, 1).
    """
    if hits >= images:
        return 1.0
    low, high = hits / images, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        below = sum(math.exp(_log_binomial(k, images, middle)) for k in range(hits + 1))
        low, high = (middle, high) if below > 1 - confidence else (low, middle)
    return high


def fit(
    real: Sequence[LogitPair],
    shipped: Calibration | None,
    *,
    fake: Sequence[LogitPair] = (),
    risk: float,
    confidence: float,
    copies: int = 0,
    folder: str = "",
    lower: bool = False,
    kinds: dict[str, int] | None = None,
) -> tuple[Calibration, Promise]:
    """Put the threshold where the promise holds.

    Args:
        real: of the user's photographs, near-duplicates once.
        shipped: the model's own calibration of this score; None where it has none, which needs fakes: temperature,
            bias and band then come from these images alone.
        fake: of AI-generated images; with them temperature, bias and the band's lower edge are fitted too.
        risk: share of real photographs that may be called AI-generated.
        confidence: how sure that must be.
        copies: near-duplicates that were left out, for the record.
        folder: name of the folder, for the record.
        lower: whether the threshold may fall below the model's own.
        kinds: photographs by kind of picture.

    Raises:
        DataError: too few images, or no threshold keeps the promise; the message says what is needed.
    """
    allowed = may_reach(len(real), risk, confidence)
    if allowed is None:
        needed = photographs_needed(risk, confidence)
        raise DataError(
            f"{len(real)} photographs are too few to promise at most {100 * risk:.4g} % with {100 * confidence:.4g} % "
            f"confidence: {needed} are needed",
            f"add {needed - len(real)} real photographs (near-duplicates count once), or ask for a larger --risk",
        )
    if 0 < len(fake) < FEWEST_FAKES:
        raise DataError(
            f"{len(fake)} AI-generated images are too few to fit temperature and band: {FEWEST_FAKES} are needed",
            "add more, or leave --fakes out",
        )
    if shipped is None and not fake:
        raise DataError("without a calibration of the model's own, AI-generated images are needed too", "add them")
    base = _refitted(real, fake, shipped) if fake or shipped is None else shipped
    scores = np.sort([_score(pair, base) for pair in real])[::-1]
    threshold = round(float(scores[allowed]) + _STEP, 6)
    if not lower:
        threshold = max(threshold, base.threshold)
    if threshold > 1:
        raise DataError(
            f"{allowed + 1} of {len(real)} photographs score 1.000000: no threshold keeps this promise",
            "look whether AI-generated images lie among them; else ask for a larger --risk",
        )
    low = _lower_edge([_score(pair, base) for pair in fake], base, threshold)
    called = int((scores >= threshold).sum())
    promise = Promise(risk, confidence, len(real), called, copies, len(fake), folder)
    metrics: dict[str, float | int | str] = {
        "data": "your own photographs" if not fake else "your own photographs and AI-generated images",
        "n_real": len(real), "n_fake": len(fake), "real_called_fake": called / len(real),
        "promise": sentence(promise, threshold),
    }  # fmt: skip
    if fake:
        metrics["fake_called_fake"] = sum(_score(pair, base) >= threshold for pair in fake) / len(fake)
    record = replace(
        base, threshold=threshold, inconclusive_band=(low, threshold), fitted_on=phrase(promise, threshold),
        metrics=metrics, by_kind=_scope(base, kinds or {}),
    )  # fmt: skip
    return record, promise


def _refitted(real: Sequence[LogitPair], fake: Sequence[LogitPair], shipped: Calibration | None) -> Calibration:
    """The model's record with temperature and bias of these images, each label with half of the weight.

    Where it has none there is no threshold that was measured and must not be undercut: one half is what the fitted
    probability itself says.
    """
    scores: Array = np.array([pair.fake - pair.real for pair in (*real, *fake)], float)
    labels: Array = np.array([0.0] * len(real) + [1.0] * len(fake))
    weights = np.where(labels == 1, 0.5 / len(fake), 0.5 / len(real))
    try:
        temperature, bias = fit_platt(scores, labels, weights)
    except ValueError as fault:
        raise DataError(str(fault), "look whether the folders were mistaken for each other") from None
    if shipped is None:
        return replace(uncalibrated(1.0), temperature=temperature, bias=bias)
    # The model's own threshold, as the same logit difference under the new temperature.
    edge = min(max(shipped.threshold, _STEP), 1 - _STEP)
    logit = (math.log(edge / (1 - edge)) - shipped.bias) * shipped.temperature
    moved = replace(shipped, temperature=temperature, bias=bias)
    return replace(moved, threshold=_score(LogitPair(0.0, logit, None), moved))


def _lower_edge(fake: Sequence[float], base: Calibration, threshold: float) -> float:
    if not fake:
        return min(base.inconclusive_band[0], threshold)
    scores: Array = np.array(fake, float)
    edge = -weighted_quantile(-scores, np.ones_like(scores), Targets().fake_called_real)
    return max(0.0, min(round(edge, 6), threshold))


def _scope(shipped: Calibration, kinds: dict[str, int]) -> dict[str, dict[str, float | int | str]]:
    """Kinds of picture that get a verdict: the model's own, and those with enough photographs here.

    The rates that the model was measured with hold for its own threshold, so they are not taken over.
    """
    if not shipped.by_kind:
        return {}
    own = {kind for kind, images in kinds.items() if images >= FEWEST_OF_KIND}
    return {kind: ({"n_real": kinds[kind]} if kind in own else {}) for kind in sorted({*shipped.by_kind, *own})}


def _score(pair: LogitPair, calibration: Calibration) -> float:
    value = probability(pair, calibration)
    assert value is not None  # noqa: S101 - there are logits
    return value


def _log_binomial(k: int, n: int, p: float) -> float:
    """Ln of P(Binomial(n, p) = k)."""
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return ways + k * math.log(p) + (n - k) * math.log1p(-p)
