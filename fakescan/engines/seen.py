"""Pictures that were scored a moment ago: their visual tokens and first score, for those that are written about next.

With ``--reasoning flagged`` every picture is scored first and some come back for their text. What the vision tower
made of them is small beside what it cost.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from dataclasses import dataclass

import torch

from fakescan.core.records import LogitPair
from fakescan.protocols import RgbImage

MAX_BYTES = 128 << 20
"""Of visual tokens; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a picture."""

    visual: torch.Tensor
    """Visual tokens, (P, D)."""
    before: LogitPair
    """The score before any text."""


class SeenPictures:
    """Remembers pictures for as long as somebody holds them.

    A picture is the object, not its file's digest: checks look at altered pictures of the same file.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """Nothing is known.

        Args:
            max_bytes: of visual tokens.
        """
        self._max_bytes = max_bytes
        self._bytes = 0
        self._held: OrderedDict[int, tuple[weakref.ref[object], Seen]] = OrderedDict()

    def keep(self, image: RgbImage, seen: Seen) -> None:
        """Remember a picture."""
        picture = image.image
        self._forget(id(picture))
        try:
            reference = weakref.ref(picture)
        except TypeError:  # an object that cannot be watched might be another one tomorrow
            return
        # A copy: a row of a batch's tensor would keep the whole batch alive.
        self._held[id(picture)] = (reference, Seen(seen.visual.clone(), seen.before))
        self._bytes += _size(seen)
        for key in [key for key, (held, _) in self._held.items() if held() is None]:
            self._forget(key)
        while self._bytes > self._max_bytes:
            self._forget(next(iter(self._held)))

    def find(self, image: RgbImage) -> Seen | None:
        """What is known of a picture, None if nothing is."""
        reference, seen = self._held.get(id(image.image), (None, None))
        return seen if reference is not None and reference() is image.image else None

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()
        self._bytes = 0

    def _forget(self, key: int) -> None:
        if key in self._held:
            self._bytes -= _size(self._held.pop(key)[1])


def _size(seen: Seen) -> int:
    return seen.visual.numel() * seen.visual.element_size()
