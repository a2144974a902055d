"""What a single file may cost before it becomes an error."""

from __future__ import annotations

import sys
from dataclasses import dataclass

_MIB = 1024 * 1024
_LONG_S = 60.0
"""Small allowances of processor time are a matter of minutes too where a machine hardly gives any."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one file. A file beyond any of them is an error of that file, never of the scan."""

    max_file_bytes: int = 200_000_000
    """Larger files are not read."""
    max_pixels: int = 100_000_000
    """Pictures with more pixels by their header are not decoded."""
    max_short_side_px: int | None = None
    """Pictures are scaled down until their short side is at most this; None: never. They are never scaled up."""
    draft: bool = False
    """Whether a JPEG of which only views are kept is decoded at a half, a quarter or an eighth of its size, where that
    leaves at least twice the views' size."""
    timeout_s: float = 12.0
    """Processor time for reading, evidence and decoding together; enforced only where a worker process is used.
    It is the same on a busy machine as on an idle one."""
    wall_timeout_s: float | None = None
    """Time on the wall, less what the worker waited for a processor, for a worker that sleeps or is blocked; None: 5/3
    of ``timeout_s``. So by default no file takes longer than 20 s where processors are free."""
    memory_bytes: int | None = None
    """Address space of a worker process where the system can limit it; None: enough for ``max_pixels``."""
    watch_memory: bool | None = None
    """Whether the parent measures and ends worker processes instead of the system refusing them memory; None: where
    the system keeps no limit (everywhere but on Linux)."""

    def __post_init__(self) -> None:
        """Refuse bounds that nothing could satisfy.

        Raises:
            ValueError: a bound below 1, or no time at all.
        """
        bounds = (self.max_file_bytes, self.max_pixels, self.max_short_side_px, self.memory_bytes)
        times = (self.timeout_s, self.wall_s)
        if any(bound is not None and bound < 1 for bound in bounds) or not all(time > 0 for time in times):
            raise ValueError("limits must be above zero")

    @property
    def wall_s(self) -> float:
        """Time on the wall that a file may take, less what its worker waited for a processor."""
        return self.timeout_s * 5 / 3 if self.wall_timeout_s is None else self.wall_timeout_s

    @property
    def longest_s(self) -> float:
        """After so long on the wall a worker ends itself, however busy the machine, should nobody watch it."""
        return max(_LONG_S, 10 * max(self.timeout_s, self.wall_s))

    @property
    def watched_bytes(self) -> int | None:
        """What a worker may hold in memory when it is measured, or None when the system limits its address space.

        Less than the address space, which also counts code and what was never touched, and with room for what is
        allocated between two measurements.
        """
        watched = not sys.platform.startswith("linux") if self.watch_memory is None else self.watch_memory
        return self.address_space_bytes * 7 // 8 if watched else None

    @property
    def address_space_bytes(self) -> int:
        """What a worker may map: 1.5 GiB serve a picture of 100 megapixels; larger allowances get more."""
        if self.memory_bytes is not None:
            return self.memory_bytes
        # Decoding holds up to three buffers of four bytes a pixel; the file's bytes lie beside them.
        for_pixels = 512 * _MIB + 12 * self.max_pixels
        return max(1536 * _MIB, for_pixels + max(0, self.max_file_bytes - 200_000_000))
