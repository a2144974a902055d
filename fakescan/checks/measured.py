"""Sentences that can be held against the pixels: what they state, what was measured, and which mark that gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from fakescan.checks.claims import Quantity, Stated
from fakescan.core.checked import ClaimMark
from fakescan.intake.measures import Measures


@dataclass(frozen=True, slots=True)
class _Scale:
    """How a quantity is measured, and from where on it is low or high."""

    of: Callable[[Measures], float]
    low: float
    """Up to here it is low."""
    high: float
    """From here on it is high."""
    unit: str
    decimals: int


_SCALES: Mapping[Quantity, _Scale] = {
    Quantity.RESOLUTION: _Scale(lambda found: found.megapixels, 0.3, 1.0, "megapixels", 2),
    # Rounded quarters of 240 training pictures of both labels (long side 128 to 832 px): 44 to 138, 0.25 to 0.8,
    # 0.22 to 0.46, 0.36 to 0.55; wider, so that what is called contradicted is plainly so.
    Quantity.SHARPNESS: _Scale(lambda found: found.sharpness, 30.0, 120.0, "grey levels", 0),
    Quantity.NOISE: _Scale(lambda found: found.noise, 0.3, 1.5, "grey levels", 2),
    Quantity.SATURATION: _Scale(lambda found: found.saturation, 0.2, 0.5, "of 1", 2),
    Quantity.BRIGHTNESS: _Scale(lambda found: found.brightness, 0.33, 0.6, "of 1", 2),
}
_NO_DETAIL = 8.0
"""With less sharpness than this in its sharpest parts a picture is too smooth for any lettering."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The outcome for a sentence."""

    mark: ClaimMark
    """What was found."""
    note: str
    """What was measured, with its numbers."""


def against_pixels(stated: Iterable[Stated], found: Measures) -> Measured | None:
    """Hold what a sentence states against what was measured; None when nothing of it can be measured.

    A sentence that states several things is as good as the worst of them.

    Args:
        stated: what it says of the whole picture.
        found: what was measured.
    """
    outcomes = [outcome for item in stated if (outcome := _one(item, found)) is not None]
    if not outcomes:
        return None
    order = (ClaimMark.CONTRADICTED, ClaimMark.UNSUPPORTED, ClaimMark.SUPPORTED)
    worst = min(outcomes, key=lambda outcome: order.index(outcome.mark))
    return Measured(worst.mark, " ".join(outcome.note for outcome in outcomes))


def _one(stated: Stated, found: Measures) -> Measured | None:
    if stated.quantity is Quantity.TEXT:
        return _text(stated, found)
    scale = _SCALES[stated.quantity]
    value = scale.of(found)
    place = "low" if value <= scale.low else "high" if value >= scale.high else "in between"
    wanted = "high" if stated.high else "low"
    if place == "in between":
        mark = ClaimMark.UNSUPPORTED
    else:
        mark = ClaimMark.SUPPORTED if place == wanted else ClaimMark.CONTRADICTED
    number = f"{value:.{scale.decimals}f} {scale.unit}"
    limits = f"low up to {scale.low:g}, high from {scale.high:g}"
    return Measured(mark, f"Measured {stated.quantity.value}: {number}, which is {place} ({limits}).")


def _text(stated: Stated, found: Measures) -> Measured | None:
    """Nothing here reads text; only that a picture is too smooth for any can be measured."""
    if not stated.high or found.sharpness >= _NO_DETAIL:
        return None
    note = f"The picture is too smooth for any lettering (measured sharpness: {found.sharpness:.0f} grey levels)."
    return Measured(ClaimMark.CONTRADICTED, note)
