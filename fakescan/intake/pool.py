"""Decoding processes for several threads: each file is examined behind a wall, and a dead process is replaced."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

from fakescan.core.records import Failure
from fakescan.core.views import Views
from fakescan.errors import FakescanError
from fakescan.intake.decode import DecodedImage, out_of_memory
from fakescan.intake.discover import Found
from fakescan.intake.examine import Examination, Examined, Readers, examine_steps
from fakescan.intake.limits import Limits
from fakescan.intake.read import size_of
from fakescan.intake.watch import Budget, Ended
from fakescan.intake.worker import Worker, WorkerDiedError, budget_of

_FILES_PER_WORKER = 2000
"""A process is replaced after so many files: decoders may leak, and memory gets crumbly. A new one costs as much
as some 40 files; after 2,000 mixed ones an old one held no more memory than after 250 (under 90 MB)."""


class DecodePool:
    """Examines files in killable processes; safe to use from several threads.

    ::

        with DecodePool(processes=2, readers=READERS) as pool:
            examined = pool.examine(found)
    """

    def __init__(
        self,
        processes: int = 1,
        limits: Limits | None = None,
        readers: Readers | None = None,
        *,
        in_process: bool = False,
    ) -> None:
        """Make a pool; processes are started when they are needed.

        Args:
            processes: how many files are examined at once at most.
            limits: what a file may cost; the defaults when None.
            readers: evidence readers by name, each ``module:Class``, asked in this order.
            in_process: examine in the calling process instead, one file at a time. A file that never ends or takes
                all memory then takes the program with it; for machines where no process can be started.

        Raises:
            ValueError: fewer than one process.
        """
        if processes < 1:
            raise ValueError("a pool needs at least one process")
        self._limits = limits or Limits()
        self._readers = dict(readers or {})
        self._in_process = in_process
        self._seats: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        self._alive: set[Worker] = set()
        self._lock = threading.Lock()
        self._closed = False
        self.views: Views | None = None
        """What is kept of each picture from now on; None: all of it. May be changed at any time."""
        self.kinds = True
        """Whether the kind of each picture is told from now on, which takes a while. May be changed at any time."""
        for _ in range(processes):
            self._seats.put(None)

    def __enter__(self) -> DecodePool:
        """The pool itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every process, also those that are in the middle of a file."""
        self.close()

    def close(self) -> None:
        """End every process, also those that are in the middle of a file; no file can be examined any more."""
        with self._lock:
            self._closed = True
            workers = list(self._alive)
            self._alive.clear()
        for worker in workers:
            worker.kill()

    def examine(self, found: Found) -> Examined:
        """Everything about a file that was found, short of the model's answer.

        Args:
            found: the file.

        Raises:
            FakescanError: when no process can be started, or the pool was closed.
        """
        return self._examined(str(found.absolute), found.path, self._readers)

    def examine_bytes(self, data: bytes, path: str) -> Examined:
        """The same for a file that was read already.

        Args:
            data: its bytes.
            path: path for the report.

        Raises:
            FakescanError: when no process can be started, or the pool was closed.
        """
        return self._examined(data, path, self._readers)

    def decode(self, source: str | Path | bytes, *, name: str = "") -> DecodedImage | Failure:
        """Only the picture of a file.

        Args:
            source: path of the file, or its bytes.
            name: the file's name where only bytes are given; tells camera raw files from TIFF.

        Raises:
            FakescanError: when no process can be started, or the pool was closed.
        """
        given = source if isinstance(source, bytes) else str(source)
        examined = self._examined(given, name or (given if isinstance(given, str) else ""), {})
        if examined.image is not None:
            return examined.image
        return examined.failure or _crashed()

    def _examined(self, source: str | bytes, name: str, readers: Readers) -> Examined:
        size_bytes = len(source) if isinstance(source, bytes) else size_of(source)
        gathered = Examination(name, readers, size_bytes)
        if self._in_process:
            examine_steps(source, name, self._limits, readers, gathered.add, views=self.views, kinds=self.kinds)
            return gathered.result()
        self._ask_until_settled(source, name, gathered, readers)
        return gathered.result()

    def _ask_until_settled(self, source: str | bytes, name: str, gathered: Examination, readers: Readers) -> None:
        """Ask processes until one answers or the file has shown that it is to blame.

        However many of them the file costs, they have one time limit together.
        """
        again = False
        left = budget_of(self._limits)
        while True:
            with self._seat(anew=again) as worker:
                used = worker.files > 0
                open_readers = {reader: readers[reader] for reader in gathered.readers_left}
                request = self._request(source, name, open_readers, at_once=again)
                died = self._ask(worker, request, source, gathered, left)
                left = left.less(worker.used)
            if self._closed:
                raise _ended()
            if died is None:
                return
            # A file is only blamed by a process that has told what it died over, each step at once; and for anything
            # but the time that passes, by one of its own: what other files left behind may have killed this one.
            is_known = gathered.is_read and (died.why is Ended.TIME or not used)
            if left.is_left and not again and not is_known:
                again = True
                continue
            if left.is_left and gathered.is_read and gathered.readers_left:
                # It died over the metadata: the picture is still to be had.
                gathered.skip_reader(gathered.readers_left[0])
                continue
            gathered.add(_blame(died.why if left.is_left else Ended.TIME, self._limits))
            return

    def _ask(
        self, worker: Worker, request: dict[str, Any], source: str | bytes, gathered: Examination, budget: Budget
    ) -> WorkerDiedError | None:
        used = worker.files > 0
        body = source if isinstance(source, bytes) else b""
        try:
            with contextlib.closing(worker.steps(request, body, budget=budget)) as steps:
                for step in steps:
                    if used and isinstance(step, Failure) and step == out_of_memory():
                        worker.kill()  # it may be to blame itself
                        return WorkerDiedError(None)
                    gathered.add(step)
        except WorkerDiedError as death:
            return death
        return None

    def _request(self, source: str | bytes, name: str, readers: Readers, *, at_once: bool) -> dict[str, Any]:
        by_path = isinstance(source, str)
        views = self.views
        return {
            # As bytes: the other process may think differently about the encoding of file names.
            "path": os.fsencode(source).hex() if by_path else "",
            "size_bytes": None if by_path else len(source),
            "name": name,
            "readers": dict(readers),
            "views": None if views is None else _plain(views),
            "kinds": self.kinds,
            "at_once": at_once,
        }

    @contextlib.contextmanager
    def _seat(self, *, anew: bool) -> Iterator[Worker]:
        """A live process for one file; waits while all are busy."""
        seat = self._seats.get()
        try:
            if seat is None or anew or not seat.is_alive or seat.files >= _FILES_PER_WORKER:
                if seat is not None:
                    self._retire(seat)
                seat = None
                seat = self._hired()
            yield seat
        finally:
            if seat is not None and not seat.is_alive:
                self._retire(seat)
                seat = None
            self._seats.put(seat)

    def _hired(self) -> Worker:
        if self._closed:
            raise _ended()
        worker = Worker(self._limits)
        with self._lock:
            if not self._closed:
                self._alive.add(worker)
                return worker
        # Closed while it started: nobody else knows of it.
        worker.kill()
        raise _ended()

    def _retire(self, worker: Worker) -> None:
        with self._lock:
            self._alive.discard(worker)
        worker.kill()


@lru_cache(maxsize=8)
def _plain(views: Views) -> dict[str, Any]:
    return asdict(views)


def _ended() -> FakescanError:
    return FakescanError("the decoding processes were ended", "start the scan again")


def _blame(why: Ended | None, limits: Limits) -> Failure:
    """What is said of a file that processes died over."""
    if why is Ended.MEMORY:
        return out_of_memory()
    return _timeout(limits) if why is Ended.TIME else _crashed()


def _timeout(limits: Limits) -> Failure:
    return Failure(
        "decode",
        "timeout",
        f"examining the file took longer than {limits.timeout_s:g} s",
        "raise the time limit if the file is merely large",
    )


def _crashed() -> Failure:
    return Failure(
        "decode",
        "decoder-crashed",
        "the decoder crashed on this file",
        "treat the file with care: it may be made to attack programs that open it",
    )
