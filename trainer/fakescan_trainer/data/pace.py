"""How often an endpoint is asked, and how long it is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How hard is tried."""

    retries: int = 6
    """Tries of a question after the first."""
    first_wait_s: float = 1.0
    """Wait before the first of them; it doubles each time, with some chance, so that clients do not march in step."""
    timeout_s: float = 120.0
    """Longest wait for an answer."""


class Pace:
    """So many requests a minute over all threads, and a common pause when the endpoint asks for one."""

    def __init__(self, per_minute: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is waited for before the first request.

        Args:
            per_minute: most requests; None: no limit.
            clock: seconds that only go forward.
        """
        self._gap_s = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._clock = clock
        self._lock = threading.Lock()

    def wait(self, stopped: threading.Event) -> None:
        """Return when the next request may be sent, or when all is to end.

        Args:
            stopped: set to end all waiting.
        """
        with self._lock:
            at = max(self._next, self._clock())
            self._next = at + self._gap_s
        delay = at - self._clock()
        if delay > 0:
            stopped.wait(delay)

    def pause(self, seconds: float) -> None:
        """Let nobody ask before so many seconds have passed.

        Args:
            seconds: how many.
        """
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)
