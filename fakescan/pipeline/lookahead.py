"""Work that runs a little ahead of whoever needs it, in order, in a few threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_POLL_S = 0.5
"""On Windows a wait without an end cannot be interrupted by Ctrl-C."""


class LookAhead(Generic[Item, Result]):
    """Applies a function to items in threads and yields the results in the items' order.

    At most ``ahead`` results exist that nobody has asked for yet, and no work is begun while those that are there
    weigh more than ``max_weight``, so that memory stays flat however long the list is.
    """

    def __init__(
        self,
        work: Callable[[Item], Result],
        *,
        workers: int,
        ahead: int,
        weigh: Callable[[Result], int] = lambda result: 0,
        max_weight: int = 0,
    ) -> None:
        """Make it; nothing runs before ``results``, which can be called once.

        Args:
            work: what to do with an item; must be safe to call from several threads.
            workers: threads.
            ahead: results to hold at most; may be changed while it runs.
            weigh: what a result costs while it is held.
            max_weight: what all of them may cost.
        """
        self._work = work
        self._workers = workers
        self._weigh = weigh
        self._max_weight = max_weight
        self._held = 0
        self._next = 0
        self._stopped = False
        self._changed = threading.Condition()
        self.ahead = ahead

    def results(self, items: Iterable[Item]) -> Generator[Result, None, None]:
        """Results in order.

        Args:
            items: what to work on; taken one by one.
        """
        waiting: deque[Future[tuple[Result, int]]] = deque()
        executor = ThreadPoolExecutor(self._workers, thread_name_prefix="fakescan-decode")
        try:
            for number, item in enumerate(items):
                while len(waiting) >= max(1, self.ahead):
                    yield self._taken(waiting.popleft())
                waiting.append(executor.submit(self._weighed, number, item))
            while waiting:
                yield self._taken(waiting.popleft())
        finally:
            with self._changed:
                self._stopped = True
                self._changed.notify_all()
            # Whoever stops in the middle does not wait for files that nobody will ask about.
            executor.shutdown(wait=False, cancel_futures=True)

    def _weighed(self, number: int, item: Item) -> tuple[Result, int]:
        with self._changed:
            # The one that is asked for next always runs, however heavy the others are.
            while self._held > self._max_weight and number != self._next and not self._stopped:
                self._changed.wait()
        result = self._work(item)
        weight = self._weigh(result)
        with self._changed:
            self._held += weight
        return result, weight

    def _taken(self, future: Future[tuple[Result, int]]) -> Result:
        result, weight = _settled(future)
        with self._changed:
            self._held -= weight
            self._next += 1
            self._changed.notify_all()
        return result


def _settled(future: Future[tuple[Result, int]]) -> tuple[Result, int]:
    while True:
        try:
            return future.result(timeout=_POLL_S)
        except TimeoutError:
            if future.done():
                raise
