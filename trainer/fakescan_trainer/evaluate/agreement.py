"""Agreement of raters: Krippendorff's alpha for marks that have an order.

1 = they agree, 0 = as by chance; any number of raters, and not everybody must mark everything. Source: Krippendorff
2011, "Computing Krippendorff's Alpha-Reliability".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def ordinal_alpha(units: Sequence[Mapping[str, int]], categories: Sequence[int]) -> float | None:
    """Krippendorff's alpha with the ordinal difference.

    Args:
        units: for each thing that was marked, the marks by rater.
        categories: all marks there are, in order.

    Returns:
        None where nothing was marked by two raters, or only one mark was ever given.
    """
    size = len(categories)
    place = {mark: at for at, mark in enumerate(categories)}
    pairs = np.zeros((size, size))  # coincidences
    for marks in units:
        given = [place[mark] for mark in marks.values()]
        if len(given) < 2:
            continue
        counts = np.bincount(given, minlength=size).astype(float)
        pairs += (np.outer(counts, counts) - np.diag(counts)) / (len(given) - 1)
    totals = pairs.sum(1)
    everything = totals.sum()
    # Squared number of values between two marks, the marks themselves counted by half.
    below = np.cumsum(totals) - totals / 2
    distance = (below[:, None] - below[None, :]) ** 2
    expected = (np.outer(totals, totals) * distance).sum()
    if everything < 2 or not expected:
        return None
    return float(1 - (everything - 1) * (pairs * distance).sum() / expected)
