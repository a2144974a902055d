"""About a hundred hand-made figures of a square of pixels: colour, gradients, spectrum, block transform, noise, JPEG.

No figure knows the file's format, size or shape. numpy and scipy only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

Array = NDArray[np.float64]

RINGS = 20
"""Of the radial spectrum."""
_TINY = 1e-9


def hand_features(pixels: NDArray[np.uint8]) -> Array:
    """All figures of one square.

    Args:
        pixels: (S, S, 3), RGB; S a multiple of 8, at least 32.

    Returns:
        (``COUNT``,), finite.
    """
    rgb = pixels.astype(np.float64)
    luma = rgb @ np.array([0.299, 0.587, 0.114])
    parts = (_colour(rgb), _gradients(luma), _spectrum(luma), _blocks(luma), _noise(rgb), _jpeg(rgb, luma))
    return np.nan_to_num(np.concatenate(parts))


def _moments(values: Array) -> tuple[float, float, float, float]:
    """Mean, deviation, skewness and excess kurtosis."""
    mean, deviation = float(values.mean()), float(values.std())
    if deviation < _TINY:
        return mean, 0.0, 0.0, 0.0
    unit = (values - mean) / deviation
    return mean, deviation, float((unit**3).mean()), float((unit**4).mean()) - 3


def _correlation(first: Array, second: Array) -> float:
    spread = float(first.std() * second.std())
    return float(((first - first.mean()) * (second - second.mean())).mean()) / spread if spread > _TINY else 0.0


def _colour(rgb: Array) -> Array:
    """Moments of channels, their correlations, saturation, hues, clipped shares, colourfulness: 25."""
    found = [moment for channel in range(3) for moment in _moments(rgb[..., channel])[:3]]
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    found += [_correlation(red, green), _correlation(red, blue), _correlation(green, blue)]
    highest, lowest = rgb.max(2), rgb.min(2)
    chroma = highest - lowest
    saturation = chroma / np.maximum(highest, 1)
    found += [float(saturation.mean()), float(saturation.std())]
    hue = np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)
    hues, _ = np.histogram(hue, 8, (-np.pi, np.pi), weights=chroma)
    found += list(hues / (chroma.sum() + 1))
    found += [float((lowest >= 250).mean()), float((highest <= 5).mean())]
    opponent = red - green, (red + green) / 2 - blue
    spread = np.hypot(opponent[0].std(), opponent[1].std())
    found.append(float(spread + 0.3 * np.hypot(opponent[0].mean(), opponent[1].mean())))
    return np.array(found)


def _gradients(luma: Array) -> Array:
    """Strength and directions of edges, and of the Laplacian: 17."""
    down, right = np.gradient(luma)
    strength = np.hypot(down, right)
    mean, deviation, _, kurtosis = _moments(strength)
    found = [mean, deviation, kurtosis, *np.quantile(strength, (0.5, 0.9, 0.99))]
    ways, _ = np.histogram(np.arctan2(down, right) % np.pi, 8, (0, np.pi), weights=strength)
    found += list(ways / (strength.sum() + 1))
    inner = luma[1:-1, 1:-1]
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * inner
    found += [float(np.abs(laplacian).mean()), *_moments(laplacian)[1::2]]
    return np.array(found)


def _spectrum(luma: Array) -> Array:
    """Radial log power, its slope and how well a line fits, the share along the axes, the sharpest peak: 24."""
    side = len(luma)
    window = np.hanning(side)
    power = np.abs(np.fft.fft2((luma - luma.mean()) * np.outer(window, window))) ** 2
    line = np.fft.fftfreq(side)
    radius = np.hypot(*np.meshgrid(line, line))
    log = np.log(power + 1)
    ring = np.minimum((radius / 0.5 * RINGS).astype(int), RINGS)  # corners beyond the last ring are left out
    count = np.bincount(ring.ravel(), minlength=RINGS + 1)[:RINGS]
    profile = np.bincount(ring.ravel(), log.ravel(), RINGS + 1)[:RINGS] / np.maximum(count, 1)
    middle = np.log((np.arange(RINGS) + 0.5) / RINGS)
    slope, offset = np.polyfit(middle, profile, 1)
    misfit = float((profile - slope * middle - offset).std())
    high = (radius > 0.25) & (radius < 0.5)
    axis = (np.abs(line)[:, None] < 0.02) | (np.abs(line)[None, :] < 0.02)
    along = float(log[high & axis].mean() - log[high & ~axis].mean())
    peak = float(log[high].max() - np.median(log[high]))
    return np.array([*(profile - profile.mean()), slope, misfit, along, peak])


def _blocks(luma: Array) -> Array:
    """Mean log size of the 8 x 8 cosine coefficients by frequency, how heavy their tails are, the share near 0: 16."""
    side = len(luma) // 8 * 8
    tiles = luma[:side, :side].reshape(side // 8, 8, side // 8, 8).transpose(0, 2, 1, 3).reshape(-1, 8, 8)
    size = np.abs(dctn(tiles, axes=(1, 2), norm="ortho"))
    log = np.log(size + 0.1).mean(0)
    order = np.add.outer(np.arange(8), np.arange(8))
    diagonals = [float(log[order == number].mean()) for number in range(1, 15)]
    high = size[:, order > 6]
    return np.array([*diagonals, _moments(high)[3], float((high < 0.5).mean())])


def _noise(rgb: Array) -> Array:
    """What is left after the mean of the neighbours: its moments, its likeness between channels and pixels: 16."""
    around = (rgb[:-2, 1:-1] + rgb[2:, 1:-1] + rgb[1:-1, :-2] + rgb[1:-1, 2:]) / 4
    rest = rgb[1:-1, 1:-1] - around
    found = [moment for channel in range(3) for moment in _moments(rest[..., channel])[1::2]]
    found += [_correlation(rest[..., one], rest[..., two]) for one, two in ((0, 1), (0, 2), (1, 2))]
    green = rest[..., 1]
    side = len(green) // 16 * 16
    local = green[:side, :side].reshape(side // 16, 16, side // 16, 16).std((1, 3))
    found += list(np.quantile(local, (0.1, 0.5, 0.9)))
    found += [_correlation(green[:, :-1], green[:, 1:]), _correlation(green[:-1], green[1:])]
    steps = np.abs(np.diff(rgb[..., 1], axis=1))  # upsampling by two leaves pairs of pixels alike
    pairs = float(steps[:, 0::2].mean() / (steps[:, 1::2].mean() + _TINY))
    found += [pairs, float((np.diff(rgb[..., 1], axis=1) == 0).mean())]
    return np.array(found)


def _jpeg(rgb: Array, luma: Array) -> Array:
    """How much larger steps over the borders of 8 x 8 and 16 x 16 blocks are than within: 4."""
    blue = rgb[..., 2] - luma
    found = []
    for values, period in ((luma, 8), (luma.T, 8), (blue, 16), (blue.T, 16)):
        steps = np.abs(np.diff(values, axis=1))
        border = np.arange(steps.shape[1]) % period == period - 1
        found.append(float(steps[:, border].mean() / (steps[:, ~border].mean() + 0.01)))
    return np.array(found)


COUNT = 25 + 17 + (RINGS + 4) + 16 + 16 + 4
"""How many figures there are."""
