"""How much detail the finest pixels of a picture hold: scaling up makes none."""

from __future__ import annotations

from functools import cached_property

from PIL import Image

from fakescan.intake import values


class Detail:
    """What of a square part of a picture is lost when it is made smaller, in mean steps of brightness."""

    def __init__(self, grey: Image.Image) -> None:
        """Take it.

        Args:
            grey: mode L; its side a multiple of eight.
        """
        self._grey, self._halved = values.plane_of(grey), grey.reduce(2)
        side = self._halved.width
        back = self._halved.reduce(4).resize((side, side), Image.Resampling.BICUBIC)
        lost = values.total(values.gaps(values.plane_of(self._halved), values.plane_of(back)))
        self.coarse = lost / max(1, side * side)
        """What two more halvings destroy after a first one."""

    @property
    def at_least(self) -> float:
        """As ``finest``, as if nothing were lost below the upper quarter: never more than it."""
        return self._upper / max(1, self._grey.size) / self.coarse

    @property
    def finest(self) -> float:
        """What halving destroys, by ``coarse``."""
        rows = len(self._grey)
        return (self._upper + self._lost(rows // 4, rows)) / max(1, self._grey.size) / self.coarse

    @cached_property
    def _upper(self) -> int:
        return self._lost(0, len(self._grey) // 4)

    def _lost(self, top: int, bottom: int) -> int:
        """Sum over some of the rows."""
        box = (0, top // 2, self._halved.width, bottom // 2)
        back = self._halved.resize((self._grey.shape[1], bottom - top), Image.Resampling.BICUBIC, box)
        return values.total(values.gaps(self._grey[top:bottom], values.plane_of(back)))
