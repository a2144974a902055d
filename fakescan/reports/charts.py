"""The drawings of the page as numbers: calibration bar of a picture, histogram of a scan, reliability of a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fakescan.core.calibration import with_threshold
from fakescan.core.records import Calibration, Label, Verdict

BINS = 20
"""Columns of the histogram."""
_ORDER = (Label.FAKE, Label.INCONCLUSIVE, Label.REAL)


@dataclass(frozen=True, slots=True)
class BarView:
    """The calibration bar: a score on the way from 0 to 1. All lengths are percentages as SVG takes them."""

    position: str
    """Where the score lies."""
    low: str
    """Where the inconclusive band begins."""
    width: str
    """The band's width."""
    high: str
    """Where the band ends."""
    rest: str
    """From there to the end."""
    legend: str
    """The same in words."""


@dataclass(frozen=True, slots=True)
class HistogramBar:
    """Pictures of one verdict in one range of scores. All lengths are percentages as SVG takes them."""

    key: str
    """Key of the verdict."""
    x: str
    """Left edge."""
    y: str
    """Top edge."""
    height: str
    """Height."""


@dataclass(frozen=True, slots=True)
class HistogramView:
    """How the scores of this scan are spread."""

    bars: tuple[HistogramBar, ...]
    """What to draw."""
    bar_width: str
    """Width of a column as a percentage."""
    tallest: int
    """Images in the tallest column."""
    scored: int
    """Images with a score."""
    rows: tuple[tuple[str, str, str, str], ...]
    """The same as a table: range, likely AI-generated, inconclusive, no sign; only ranges with images."""


def percent(value: float) -> str:
    """A share of one as an SVG percentage, kept between 0 and 100."""
    return f"{min(1.0, max(0.0, value)) * 100:.2f}".rstrip("0").rstrip(".") + "%"


def bar_view(verdict: Verdict, calibration: Calibration | None) -> BarView | None:
    """The calibration bar of a verdict, None when there is no score.

    Args:
        verdict: the verdict.
        calibration: of the score that decided, as measured; without it the band shrinks to the threshold.
    """
    if verdict.p_fake is None:
        return None
    low, high = _band(verdict, calibration)
    middle = f" From {low:.2f} to {high:.2f}: inconclusive." if high > low else ""
    legend = f"Model below {low:.2f}: no sign of AI generation.{middle} From {high:.2f}: likely AI-generated."
    return BarView(percent(verdict.p_fake), percent(low), percent(high - low), percent(high), percent(1 - high), legend)


def _band(verdict: Verdict, calibration: Calibration | None) -> tuple[float, float]:
    """The inconclusive band that the verdict was found with: the user's threshold may have moved the measured one."""
    if calibration is None:
        return verdict.threshold, verdict.threshold
    if not math.isclose(verdict.threshold, calibration.threshold, abs_tol=1e-6):
        calibration = with_threshold(calibration, verdict.threshold)
    return calibration.inconclusive_band


def histogram_view(verdicts: Sequence[Verdict]) -> HistogramView:
    """How the scores of a scan are spread, stacked by verdict.

    Args:
        verdicts: those of the scan; one without a score is left out.
    """
    counts = {label: [0] * BINS for label in _ORDER}
    for verdict in verdicts:
        if verdict.p_fake is not None:
            counts[verdict.label][min(BINS - 1, int(verdict.p_fake * BINS))] += 1
    totals = [sum(counts[label][index] for label in _ORDER) for index in range(BINS)]
    tallest = max(totals)
    bars: list[HistogramBar] = []
    rows: list[tuple[str, str, str, str]] = []
    for index in (index for index, total in enumerate(totals) if total):
        column = [(label, counts[label][index]) for label in _ORDER]
        bars += _column(index, column, tallest)
        fake, inconclusive, real = (f"{number:,}" for _, number in column)
        rows.append((f"{index / BINS:.2f} to {(index + 1) / BINS:.2f}", fake, inconclusive, real))
    return HistogramView(tuple(bars), percent(0.84 / BINS), tallest, sum(totals), tuple(rows))


def _column(index: int, parts: Sequence[tuple[Label, int]], tallest: int) -> list[HistogramBar]:
    """One stacked column, the first part at the bottom."""
    bars, below = [], 0
    for label, number in parts:
        below += number
        if number:
            x = percent((index + 0.08) / BINS)
            bars.append(HistogramBar(label.value, x, percent(1 - below / tallest), percent(number / tallest)))
    return bars


@dataclass(frozen=True, slots=True)
class ReliabilityPoint:
    """Test images in one range of scores. All lengths are percentages as SVG takes them."""

    x: str
    """Left edge of the range."""
    width: str
    """Width of the range."""
    y: str
    """Top edge: the share that was AI-generated."""
    height: str
    """Height up to that share."""
    expected: str
    """Top edge of where the share should lie: the middle of the range."""
    few: bool
    """Whether there are too few images to read much into it."""


FEW_IMAGES = 20
"""Test images below which a range's share is drawn as uncertain."""


def reliability_points(bins: Sequence[tuple[int, int, int]]) -> tuple[ReliabilityPoint, ...]:
    """What a reliability diagram shows.

    Args:
        bins: tenth of the scale (0 to 9), test images in it (more than 0), and how many were AI-generated.
    """
    points = []
    for index, images, fakes in bins:
        share = fakes / images
        points.append(
            ReliabilityPoint(
                percent((index + 0.06) / 10), percent(0.088), percent(1 - share), percent(share),
                percent(1 - (index + 0.5) / 10), images < FEW_IMAGES,
            )
        )  # fmt: skip
    return tuple(points)
