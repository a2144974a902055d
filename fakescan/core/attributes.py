"""The ten forgery attributes of the paper (Figures 6 and 7) and their grouping into perspectives (Figure 8)."""

from __future__ import annotations

FAKE_ATTRIBUTES = (
    "Inconsistent Lighting and Shadows",
    "Irregular Image Edges",
    "Anomalous Image Texture",
    "Low Image Quality",
    "Semantic Irrationality",
)
"""What speaks for AI generation, in the paper's order."""

REAL_ATTRIBUTES = (
    "Consistent Lighting and Shadows",
    "Smooth and Natural Image Edges",
    "Natural and Consistent Image Texture",
    "High Image Quality",
    "Semantic Rationality",
)
"""What speaks for a real image, pairwise opposite to ``FAKE_ATTRIBUTES``."""

HIGH_LEVEL = frozenset({"Semantic Irrationality", "Semantic Rationality"})
"""Seen "from high-level perspective"; all others are low-level."""


def attributes_of(label: str) -> tuple[str, ...]:
    """The five attribute names that annotations of a label may use.

    Args:
        label: ``"fake"`` or ``"real"``.
    """
    return FAKE_ATTRIBUTES if label == "fake" else REAL_ATTRIBUTES
