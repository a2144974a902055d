"""A scan by several workers: each takes a block of files and sends rows back; this process alone writes the journal.

A worker may die at any moment: what it had sent is in the journal, the rest of its block goes to others, and another
worker takes its place. Each worker has a thread here that waits for it; all of them tell one queue.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from fakescan.core.records import Failure, ImageRecord, ImageResult, SourceFile
from fakescan.errors import FakescanError, ModelError
from fakescan.intake.found_files import AnyFound
from fakescan.pipeline.blocks import MAX_DEATHS, Block, Blocks
from fakescan.pipeline.part import Part, Ready
from fakescan.store.journal import Journal

_POLL_S = 0.5
"""On Windows a wait without an end cannot be interrupted by Ctrl-C."""
_MAX_FAILED_STARTS = 2
"""A worker that died so often while it loaded the model has no successor."""
_MAX_DEATHS_IN_A_ROW = 20
"""Without a single row in between: then it is not the files."""
_END_TIMEOUT_S = 60.0


class WorkerLostError(Exception):
    """A worker is gone, whatever ended it."""


class Worker(Protocol):
    """A process somewhere that scans blocks with an engine of its own (``PartScan``)."""

    def start(self) -> Ready:
        """Start it, and wait until its model is loaded.

        Raises:
            WorkerLostError: it died, or ``end`` was called.
            FakescanError: it cannot work at all, and neither could another.
        """

    def scan(self, files: Sequence[AnyFound]) -> Iterator[Part]:
        """Wait for the rows of a block, as they are finished.

        Args:
            files: the block.

        Raises:
            WorkerLostError: it died, or ``end`` was called.
            FakescanError: a fault that would spoil every image.
        """

    def end(self) -> None:
        """End it now, whatever it does; may be called from any thread, at any time, and twice."""


Crew = Callable[[], AbstractContextManager[Sequence[Callable[[], Worker]]]]
"""Opens what workers live in, and gives a maker for each of them; no worker outlives the context."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What a seat's thread heard of its worker."""

    seat: _Seat
    what: Ready | Part | WorkerLostError | Exception | None
    """None: the block is through."""


@dataclass(eq=False)
class _Seat:
    """A worker's place, and the thread that waits for whoever has it."""

    make: Callable[[], Worker]
    events: queue.SimpleQueue[_Told]
    orders: queue.SimpleQueue[Block | bool] = field(default_factory=queue.SimpleQueue)
    """A block to scan; True: start a worker; False: that was all."""
    ready: Ready | None = None
    block: Block | None = None
    finished: set[str] = field(default_factory=set)
    """Paths of the block's files that have their row."""
    failed_starts: int = 0
    given_up: bool = False

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._worker: Worker | None = None
        self.thread = threading.Thread(target=self._wait, name="fakescan-worker", daemon=True)

    def close(self) -> None:
        """End the worker, and soon the thread."""
        with self._lock:
            self._closed = True
            worker = self._worker
        self.orders.put(False)
        if worker is not None:
            worker.end()

    def _wait(self) -> None:
        while order := self.orders.get():
            try:
                worker = self._hired() if order is True else self._worker
                if worker is None:
                    return
                if isinstance(order, Block):
                    for part in worker.scan(order.files):
                        self._tell(part)
                    self._tell(None)
                else:
                    self._tell(worker.start())
            except Exception as fault:
                self._tell(fault)

    def _hired(self) -> Worker | None:
        with self._lock:
            if self._closed:
                return None
            before, self._worker = self._worker, self.make()
            hired = self._worker
        if before is not None:
            before.end()
        return hired

    def _tell(self, what: Ready | Part | Exception | None) -> None:
        self.events.put(_Told(self, what))


class CrewRun:
    """One scan by a crew; ``batches`` can be called once."""

    def __init__(
        self,
        makers: Sequence[Callable[[], Worker]],
        files: Callable[[str], Iterable[AnyFound]],
        count: int,
        journal: Journal,
        *,
        stamp: Callable[[AnyFound], str],
        on_ready: Callable[[Ready], None],
        warn: Callable[[str], None],
    ) -> None:
        """Make it; no worker is started yet.

        Args:
            makers: one for each worker.
            files: told the rows' key, the files to examine.
            count: how many those are at most; at least 1.
            journal: keeps what is done.
            stamp: what the file system says of a file.
            on_ready: told when the first worker is there.
            warn: told, in a sentence, of each worker that died.
        """
        self._events: queue.SimpleQueue[_Told] = queue.SimpleQueue()
        # More workers than files would load models for nothing.
        self._seats = [_Seat(make, self._events) for make in makers[:count]]
        self._files = files
        self._count = count
        self._journal = journal
        self._stamp = stamp
        self._on_ready = on_ready
        self._warn = warn
        self._first: Ready | None = None
        self._blocks: Blocks | None = None
        self._deaths_in_a_row = 0

    def batches(self) -> Generator[list[ImageResult], None, None]:
        """Scan everything.

        Yields:
            Results as they come; they are in the journal.

        Raises:
            FakescanError: for a fault that would spoil every image, or when no worker is left.
        """
        try:
            for seat in self._seats:
                seat.thread.start()
                seat.orders.put(True)
            while True:
                told = self._next()
                results = self._heard(told.seat, told.what)
                if results:
                    yield results
                if self._hand_out():
                    return
        finally:
            for seat in self._seats:
                seat.close()
            for seat in self._seats:
                if seat.thread.ident is not None:
                    seat.thread.join(_END_TIMEOUT_S)

    def _next(self) -> _Told:
        while True:
            try:
                return self._events.get(timeout=_POLL_S)
            except queue.Empty:
                continue

    def _hand_out(self) -> bool:
        """Give each worker that waits a block; tells whether everything is through."""
        if self._blocks is None:
            return False
        for seat in self._seats:
            if seat.ready is not None and seat.block is None:
                seat.block = self._blocks.next(seat.ready.batch_size)
                if seat.block is None:
                    break
                seat.finished = set()
                seat.orders.put(seat.block)
        # Whoever still loads a model then has nothing to do with it.
        return all(seat.block is None for seat in self._seats) and any(seat.ready for seat in self._seats)

    def _heard(self, seat: _Seat, what: Ready | Part | Exception | None) -> list[ImageResult]:
        if isinstance(what, Ready):
            self._begun(seat, what)
        elif isinstance(what, Part):
            return self._kept(seat, what)
        elif isinstance(what, WorkerLostError):
            return self._lost(seat, what)
        elif what is not None:
            raise what
        elif seat.block is not None:
            if len(seat.finished) != len(seat.block.files):
                raise FakescanError("a worker left files out", "report this as a fault of fakescan")
            seat.block = None
        return []

    def _begun(self, seat: _Seat, ready: Ready) -> None:
        if self._first is None:
            self._first = ready
            self._on_ready(ready)
            files = self._files(ready.row_key)
            self._blocks = Blocks(files, self._count, len(self._seats), self._stamp)
        elif ready.row_key != self._first.row_key:
            raise ModelError(
                f"the worker on {ready.place} would give other rows than the first one, on {self._first.place}",
                "all need the same versions, model, trust list and kind of device",
            )
        seat.ready, seat.failed_starts = ready, 0

    def _kept(self, seat: _Seat, part: Part) -> list[ImageResult]:
        if self._first is None or seat.block is None:
            return []
        results, stamps = list(part.results), seat.block.stamps
        self._journal.add(results, self._first.key, self._first.row_key, stamps=stamps, cached=part.cached)
        seat.finished.update(result.record.file.path for result in results)
        self._deaths_in_a_row = 0
        return results

    def _lost(self, seat: _Seat, why: WorkerLostError) -> list[ImageResult]:
        block, seat.block = seat.block, None
        place = f" on {seat.ready.place}" if seat.ready else ""
        seat.failed_starts += seat.ready is None
        seat.ready = None
        self._deaths_in_a_row += 1
        if self._deaths_in_a_row >= _MAX_DEATHS_IN_A_ROW:
            raise ModelError(f"workers die one after the other: {why}", "see whether memory or the device fails")
        blamed: list[AnyFound] = []
        if block is not None and self._blocks is not None:
            left = len(block.files) - len(seat.finished)
            blamed = self._blocks.back(block, seat.finished)
            self._warn(f"a worker{place} died ({why}); others go on with its {left} files")
        else:
            self._warn(f"a worker{place} died ({why})")
        if seat.failed_starts < _MAX_FAILED_STARTS:
            seat.orders.put(True)
        else:
            seat.given_up = True
            if all(other.given_up for other in self._seats):
                raise ModelError(f"no worker is left: {why}", "see whether the model fits into memory there")
        results = [_blamed(file) for file in blamed]
        if results and self._first is not None:
            self._journal.add(results, self._first.key, self._first.row_key)
        return results


def _blamed(file: AnyFound) -> ImageResult:
    failure = Failure(
        "infer",
        "worker-died",
        f"{MAX_DEATHS} workers died one after the other while they examined this file, the last one nothing else",
        "look at it with care; --resume tries it again",
    )
    return ImageResult(ImageRecord(SourceFile(file.path, 0, "", None)), (), failure, {})
