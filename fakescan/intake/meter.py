"""What a process has used: processor time, time on the wall, memory; cheap enough to be read for every file."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from time import monotonic

import psutil

_STAT_BYTES = 4096
_USER, _SYSTEM = 11, 12
"""Places of the times in /proc/PID/stat, counted from behind the name in brackets, which may hold anything."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """What a process has used so far, all in seconds."""

    cpu_s: float
    """Processor time, its own and the system's for it."""
    wall_s: float
    """Time on the wall, on the clock of ``time.monotonic``."""
    waited_s: float = 0.0
    """How long it was ready to run and got no processor, where the system tells (Linux); 0 elsewhere."""

    @property
    def served_s(self) -> float:
        """Time on the wall without what a busy machine kept it waiting: what a file can be blamed for."""
        return self.wall_s - self.waited_s


class Meter:
    """Reads what one process has used.

    On Linux the files that tell it are kept open: they never speak of another process that got the same number, and
    reading them again costs a tenth of what looking it up costs.
    """

    def __init__(self, number: int) -> None:
        """Begin; a process that is not there has used nothing.

        Args:
            number: its id.
        """
        self._process: psutil.Process | None = None
        with contextlib.suppress(psutil.Error, ValueError):
            self._process = psutil.Process(number)
        self._stat, self._waits = (_opened(number, name) for name in ("stat", "schedstat"))

    def now(self) -> Clocks:
        """The clocks; no processor time when the process is gone, or after ``close``."""
        wall_s = monotonic()
        try:
            return Clocks(self._cpu_s(), wall_s, self._waited_s())
        except (psutil.Error, OSError, ValueError, IndexError):
            return Clocks(0.0, wall_s)

    def memory_bytes(self) -> int:
        """Bytes that it holds; on Windows with what was moved out to disk, so that paging hides nothing."""
        if self._process is None:
            return 0
        try:
            found = self._process.memory_info()
        except psutil.Error:
            return 0
        return max(int(found.rss), int(getattr(found, "private", 0)))

    def close(self) -> None:
        """Let the files go. Not while another thread reads."""
        for descriptor in (self._stat, self._waits):
            if descriptor is not None:
                os.close(descriptor)
        self._process = self._stat = self._waits = None

    def _cpu_s(self) -> float:
        if self._stat is not None:
            fields = os.pread(self._stat, _STAT_BYTES, 0).rpartition(b")")[2].split()
            return (int(fields[_USER]) + int(fields[_SYSTEM])) / os.sysconf("SC_CLK_TCK")
        if self._process is None:
            return 0.0
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def _waited_s(self) -> float:
        """How long its main thread, which does all the work, stood in line for a processor."""
        if self._waits is None:
            return 0.0
        return int(os.pread(self._waits, _STAT_BYTES, 0).split()[1]) / 1e9


def _opened(number: int, name: str) -> int | None:
    """A file of the system about a process; None where there is none."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return os.open(f"/proc/{number}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
