"""From two logits to a probability, from a probability to a side, and the words that may be said about it.

Eq. 8 of the paper reads P(fake) off the logits of "real" and "fake" at the classification index; a calibration record
scales their difference so that the number means what it says on the data that the record names. Probabilities are
rounded to the six decimals that reports show *before* they are compared, so that a shown number always agrees with
the side that was taken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from fakescan.core.records import PAPER_TEMPERATURE, Calibration, Label, LogitPair, Prediction, ScoreKind

DECIMALS = 6
"""Probabilities and logits carry this many."""

NOT_CALIBRATED = "model score, not calibrated"
"""What stands beside a number without a calibration record."""

_LIKELIHOODS = (
    (0.05, "almost no chance"),
    (0.20, "very unlikely"),
    (0.45, "unlikely"),
    (0.55, "roughly even chance"),
    (0.80, "likely"),
    (0.95, "very likely"),
)
_HIGHEST = "almost certain"


def uncalibrated(temperature: float = PAPER_TEMPERATURE) -> Calibration:
    """What stands in where a checkpoint has no record: the mapper's own temperature, one half, no band.

    Args:
        temperature: the checkpoint's trained temperature; the paper's starting value when it names none.
    """
    return Calibration(temperature, 0.0, 0.5, (0.5, 0.5), fitted_on="")


def with_threshold(calibration: Calibration, threshold: float | None) -> Calibration:
    """The same record with a threshold that the user chose.

    At or above it a picture is called fake. The lower edge of the band stays where it was measured unless the
    threshold lies below it: a stricter threshold widens the band, it never turns an undecided score into "real".

    Args:
        calibration: the measured record.
        threshold: in [0, 1], or None to keep the measured one.
    """
    if threshold is None:
        return calibration
    return replace(
        calibration,
        threshold=threshold,
        inconclusive_band=(min(calibration.inconclusive_band[0], threshold), threshold),
    )


def probability(pair: LogitPair | None, calibration: Calibration) -> float | None:
    """P(fake), rounded to six decimals; None without logits.

    Args:
        pair: the logits at the classification index.
        calibration: how to scale them.
    """
    if pair is None:
        return None
    return round(_sigmoid((pair.fake - pair.real) / calibration.temperature + calibration.bias), DECIMALS)


def side(p_fake: float, calibration: Calibration) -> Label:
    """The side that a probability takes: fake from the band's upper edge on, real below its lower edge.

    Args:
        p_fake: in [0, 1].
        calibration: holds the band.
    """
    low, high = calibration.inconclusive_band
    if p_fake >= high:
        return Label.FAKE
    return Label.REAL if p_fake < low else Label.INCONCLUSIVE


def likelihood(p_fake: float) -> str:
    """The verbal likelihood of ICD 203. Only for calibrated probabilities.

    Args:
        p_fake: in [0, 1].
    """
    return next((words for below, words in _LIKELIHOODS if p_fake < below), _HIGHEST)


def shown(p_fake: float) -> str:
    """Two decimals, never 0.00 or 1.00: no score is certainty.

    Args:
        p_fake: in [0, 1].
    """
    if p_fake < 0.01:
        return "<0.01"
    return ">0.99" if p_fake > 0.99 else f"{p_fake:.2f}"


def is_sound(prediction: Prediction) -> bool:
    """Whether all logits are finite numbers.

    Args:
        prediction: what an engine returned.
    """
    pairs = [pair for pair in (prediction.before, prediction.after) if pair is not None]
    return all(math.isfinite(pair.real) and math.isfinite(pair.fake) for pair in pairs)


def rounded(prediction: Prediction) -> Prediction:
    """The same with logits as they are stored, so that a resumed run computes from equal numbers.

    Args:
        prediction: what an engine returned.
    """
    return replace(prediction, before=_rounded(prediction.before), after=_rounded(prediction.after))


def calibration_of(
    kind: ScoreKind, calibrations: Mapping[ScoreKind, Calibration], temperature: float, threshold: float | None
) -> Calibration:
    """The record to use for a score: the checkpoint's, or the uncalibrated one, with the user's threshold.

    Args:
        kind: which score.
        calibrations: the checkpoint's records.
        temperature: the mapper's own temperature.
        threshold: the user's threshold, or None.
    """
    return with_threshold(calibrations.get(kind) or uncalibrated(temperature), threshold)


def _rounded(pair: LogitPair | None) -> LogitPair | None:
    return None if pair is None else LogitPair(round(pair.real, DECIMALS), round(pair.fake, DECIMALS), pair.index)


def _sigmoid(value: float) -> float:
    # Both branches keep the exponent at or below zero, so that nothing overflows.
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    grown = math.exp(value)
    return grown / (1.0 + grown)
