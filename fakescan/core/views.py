"""How a model looks at a picture: which square parts of it, and how large. Nothing else of the picture is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

View = Literal["pad", "square", "native", "crop"]


@dataclass(frozen=True, slots=True)
class Views:
    """The views of a model, in order."""

    names: tuple[View, ...]
    """Which."""
    size_px: int
    """Side of each, in pixels."""
    margin: tuple[int, int, int]
    """Colour beside the picture where a view pads it to a square (red, green, blue, 0 to 255)."""

    def __post_init__(self) -> None:
        """Take lists, as JSON has them, and refuse views that do not exist.

        Raises:
            ValueError: an unknown view, none at all, or a side below 1.
        """
        check_views(self.names, self.size_px)
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "margin", tuple(int(value) for value in self.margin))

    @property
    def strip_px(self) -> tuple[int, int]:
        """Width and height of all views, one under the other."""
        return self.size_px, self.size_px * len(self.names)

    @property
    def pixels(self) -> int:
        """How many pixels all views have together."""
        return self.size_px * self.size_px * len(self.names)


def check_views(names: Sequence[str], size_px: int) -> None:
    """Refuse views that do not exist.

    Args:
        names: the views.
        size_px: their side.

    Raises:
        ValueError: an unknown view, none at all, or a side below 1.
    """
    unknown = [name for name in names if name not in get_args(View)]
    if unknown or not names or size_px < 1:
        raise ValueError(f"views {tuple(names)!r} at {size_px} px: views are {', '.join(get_args(View))}")
