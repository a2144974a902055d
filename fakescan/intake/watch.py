"""Ends a decoding process that takes too long, or more memory than it may where the system keeps no limit itself.

"Too long" is told by two clocks. Processor time is what a file costs on any machine, however busy: a loop without an
end meets it. A process that sleeps or is blocked uses none, so time on the wall stands behind it, without what the
process stood in line for a processor: a good file on an overloaded machine is not blamed for its neighbours.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from time import monotonic

from fakescan.intake.meter import Clocks, Meter

_MEMORY_POLL_S = 0.02
"""Between two looks at a process's memory: in that time a decoder fills some ten megabytes, not hundreds."""
_TIME_POLL_S = 0.25
"""Between two looks at its clocks at most; most files are done before the first."""


class Ended(StrEnum):
    """Why a process was ended."""

    TIME = "time"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be used from some moment on, or what was."""

    cpu_s: float
    """Processor time in seconds."""
    wall_s: float
    """Time on the wall in seconds, less what the process waited for a processor."""

    def less(self, used: Budget) -> Budget:
        """What is left of it.

        Args:
            used: what was used.
        """
        return Budget(self.cpu_s - used.cpu_s, self.wall_s - used.wall_s)

    def within(self, other: Budget) -> Budget:
        """The smaller of both, clock by clock.

        Args:
            other: another one from the same moment on.
        """
        return Budget(min(self.cpu_s, other.cpu_s), min(self.wall_s, other.wall_s))

    @property
    def is_left(self) -> bool:
        """Whether both clocks have time left."""
        return self.cpu_s > 0 and self.wall_s > 0


def spent(since: Clocks, until: Clocks) -> Budget:
    """What was used between two looks at the clocks.

    Args:
        since: the earlier one.
        until: the later one.
    """
    return Budget(until.cpu_s - since.cpu_s, until.served_s - since.served_s)


class Watch:
    """One thread for one process; it sleeps while the process has nothing to do."""

    def __init__(self, process: subprocess.Popen[bytes], memory_bytes: int | None) -> None:
        """Begin, with nothing to watch yet.

        Args:
            process: the process.
            memory_bytes: what it may hold in memory; None: the system itself keeps it within bounds.
        """
        self._process = process
        self._memory_bytes = memory_bytes
        self._budget: Budget | None = None
        self._meter = Meter(process.pid)
        self._since = self._last = self._meter.now()
        self._wakes_s = inf
        self._closed = False
        self._changed = threading.Condition()
        self.ended: Ended | None = None
        """Why the process was ended, or None when nobody had to."""
        threading.Thread(target=self._run, name="fakescan-watch", daemon=True).start()

    def allow(self, budget: Budget, since: Clocks | None = None) -> Clocks:
        """Let the process use so much from some moment on; replaces what was said before.

        Args:
            budget: processor time and time on the wall.
            since: the moment, as an earlier look told it; None: now, for which the clocks are looked at.

        Returns:
            What it had used at that moment.
        """
        with self._changed:
            self._budget = budget
            self._since = self._look() if since is None else since
            # Files come by the hundred a second: the thread is only woken where it would sleep for too long.
            if monotonic() + self._nap_s(budget) < self._wakes_s:
                self._changed.notify()
            return self._since

    def rest(self) -> None:
        """There is nothing to watch for now; the thread notices when it wakes."""
        with self._changed:
            self._budget = None

    def used_since(self, moment: Clocks) -> Budget:
        """What was used since a moment; of a process that is gone, what was last seen.

        Args:
            moment: what ``clocks`` returned.
        """
        return spent(moment, self.clocks())

    def clocks(self) -> Clocks:
        """What the process has used so far."""
        with self._changed:
            return self._look()

    def close(self) -> None:
        """Let the thread go."""
        with self._changed:
            self._closed = True
            self._meter.close()
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._closed and self.ended is None:
                if self._budget is None:
                    self._wakes_s = inf
                    self._changed.wait()
                    continue
                now = self._look()
                left = self._budget.less(spent(self._since, now))
                if not left.is_left:
                    self._end(Ended.TIME)
                elif self._memory_bytes is not None and self._meter.memory_bytes() > self._memory_bytes:
                    self._end(Ended.MEMORY)
                else:
                    nap_s = self._nap_s(left)
                    self._wakes_s = monotonic() + nap_s
                    self._changed.wait(nap_s)

    def _nap_s(self, left: Budget) -> float:
        """How long the thread may sleep: no clock of one thread runs faster than the wall's, so nothing is missed."""
        return min(left.cpu_s, left.wall_s, _TIME_POLL_S if self._memory_bytes is None else _MEMORY_POLL_S)

    def _look(self) -> Clocks:
        """The clocks now; a process that is gone has used what was last seen, while the wall's clock goes on."""
        now = self._meter.now()
        last = self._last
        self._last = Clocks(max(now.cpu_s, last.cpu_s), now.wall_s, max(now.waited_s, last.waited_s))
        return self._last

    def _end(self, why: Ended) -> None:
        self.ended = why
        # Its closed pipe wakes whoever reads from it.
        with contextlib.suppress(OSError):
            self._process.kill()
