"""A perceptual hash: near-duplicates (another size, another compression) get nearly the same.

Two difference hashes (N. Krawetz, "Kind of like that", 2013): whether each cell of a coarse grid is brighter than its
neighbour, along the rows and along the columns, 64 bits each. ``core/duplicates.py`` compares them.
"""

from __future__ import annotations

from PIL import Image

from fakescan.intake import values

_CELLS = 8
_LEAST_CONTRAST = 24
"""A picture whose coarse grid has less between its darkest and its brightest cell has nothing to be known by."""


def phash_of(image: Image.Image) -> str | None:
    """Perceptual hash, 32 hex digits; None for a picture that is too plain to have one.

    Args:
        image: mode RGB, or a reduced copy of it.
    """
    grey = image.convert("L")
    rows = grey.resize((_CELLS + 1, _CELLS), Image.Resampling.BOX)
    low, high = rows.getextrema()
    if float(high) - float(low) < _LEAST_CONTRAST:  # type: ignore[arg-type]  # one band: two numbers
        return None
    columns = grey.resize((_CELLS, _CELLS + 1), Image.Resampling.BOX).transpose(Image.Transpose.TRANSPOSE)
    return (values.rises(values.plane_of(rows)) + values.rises(values.plane_of(columns))).hex()
