"""Ends a decoding process that takes too long, or more memory than it may where the system keeps no limit itself."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from enum import StrEnum
from time import monotonic

import psutil

_POLL_S = 0.02
"""Between two looks at a process's memory: in that time a decoder fills some ten megabytes, not hundreds."""


class Ended(StrEnum):
    """Why a process was ended."""

    TIME = "time"
    MEMORY = "memory"


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
        self._deadline: float | None = None
        self._closed = False
        self._changed = threading.Condition()
        self.ended: Ended | None = None
        """Why the process was ended, or None when nobody had to."""
        threading.Thread(target=self._run, name="fakescan-watch", daemon=True).start()

    def until(self, deadline_s: float | None) -> None:
        """Watch until then; replaces what was said before.

        Args:
            deadline_s: on the clock of ``time.monotonic``; None: there is nothing to watch for now.
        """
        with self._changed:
            self._deadline = deadline_s
            self._changed.notify()

    def close(self) -> None:
        """Let the thread go."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._closed and self.ended is None:
                if self._deadline is None:
                    self._changed.wait()
                    continue
                left = self._deadline - monotonic()
                if left <= 0:
                    self._end(Ended.TIME)
                elif self._memory_bytes is not None and _memory_of(self._process.pid) > self._memory_bytes:
                    self._end(Ended.MEMORY)
                else:
                    self._changed.wait(left if self._memory_bytes is None else min(left, _POLL_S))

    def _end(self, why: Ended) -> None:
        self.ended = why
        # Its closed pipe wakes whoever reads from it.
        with contextlib.suppress(OSError):
            self._process.kill()


def _memory_of(number: int) -> int:
    """Bytes that a process holds; on Windows with what was moved out to disk, so that paging hides nothing."""
    try:
        found = psutil.Process(number).memory_info()
    except psutil.Error:
        return 0
    return max(int(found.rss), int(getattr(found, "private", 0)))
