"""A decoding process that may die: started, asked, watched, ended.

It is a plain interpreter on pipes instead of a ``multiprocessing`` worker. Spawned workers import the main module of
the program that uses them (a notebook or an unguarded script breaks, a script with torch loads it in each worker),
and their parent unpickles whatever they send. This one does neither, and works alike on Linux, macOS and Windows.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Generator
from dataclasses import asdict
from time import monotonic
from typing import Any, BinaryIO

from fakescan.core.views import Views
from fakescan.errors import FakescanError
from fakescan.intake import wire
from fakescan.intake.examine import FileRead, ReaderDone, Step
from fakescan.intake.interpreter import started
from fakescan.intake.limits import Limits
from fakescan.intake.watch import Budget, Ended, Watch, spent

_START = Budget(60.0, 60.0)
_END_TIMEOUT_S = 5.0
_SOON_S = 0.01
"""Steps that are done sooner are not measured one by one."""
_PIPE_BYTES = 256 * 1024
_READER_PARTS, _SILENT_PARTS = 3, 6
"""A single evidence reader may take a third of what a file may, a process that tells nothing a sixth."""


class WorkerDiedError(Exception):
    """The process ended in the middle of a file.

    Args:
        why: what it was ended for, or None when it died by itself.
    """

    def __init__(self, why: Ended | None) -> None:
        super().__init__(why or "died")
        self.why = why


class Worker:
    """One decoding process. Not for several threads at once; only ``kill`` may come from anywhere."""

    def __init__(self, limits: Limits) -> None:
        """Start the process and wait until it is ready.

        Args:
            limits: what a file may cost.

        Raises:
            FakescanError: when it does not start.
        """
        self._limits = limits
        self.files = 0
        """Files that it was asked about."""
        self.used = Budget(0.0, 0.0)
        """What the last of them took where it was given up; nothing where it was answered."""
        try:
            # A heap for each thread would take 64 MB of the address space that is allowed (glibc; others ignore it).
            environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}
            self._process = started("fakescan.intake.child", stderr=subprocess.DEVNULL, environment=environment)
            _widened(self._process.stdout)
        except OSError as fault:
            raise _cannot_start(fault.strerror or type(fault).__name__) from None
        self._watch = Watch(self._process, limits.watched_bytes)
        try:
            self._greet()
        except BaseException:
            self.kill()
            raise

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def steps(
        self, request: dict[str, Any], body: bytes = b"", *, budget: Budget | None = None
    ) -> Generator[Step, None, None]:
        """Ask about a file.

        Args:
            request: path, name, readers, views, whether the kind is told, and whether each step is told at once.
            body: the file's bytes where the parent has them.
            budget: what all of it may take; None: what the limits allow a file.

        Yields:
            Each step of its examination.

        Raises:
            WorkerDiedError: when the process dies, or is ended at a limit.
        """
        self.files += 1
        self.used = Budget(0.0, 0.0)
        finished = given = False
        allowed = budget or budget_of(self._limits)
        # If a reader hangs, there is still time for the picture.
        for_reader = budget_of(self._limits, parts=_READER_PARTS)
        readers_left = len(request["readers"])
        views = None if request["views"] is None else Views(**request["views"])
        # As long as nothing is heard, nobody knows what takes so long: another process is to tell.
        silent = budget_of(self._limits, parts=_SILENT_PARTS)
        first = allowed if request["at_once"] else allowed.within(silent)
        is_read = False
        started = looked = self._watch.allow(first)
        try:
            wire.send(self._input, request, body)
            while not finished:
                steps, finished = wire.receive_steps(self._output, self._limits.max_pixels, views)
                if not finished:
                    readers_left -= sum(isinstance(step, ReaderDone) for step in steps)
                    was_read, is_read = is_read, is_read or any(isinstance(step, FileRead) for step in steps)
                    # Most readers take no time worth a look at the clocks; the next one's part begins a little early.
                    is_late = monotonic() - looked.wall_s > _SOON_S
                    if not readers_left or not is_read:
                        self._watch.allow(allowed, started)
                    elif is_late or not was_read:
                        looked = self._watch.clocks() if is_late else looked
                        left = allowed.less(spent(started, looked))
                        self._watch.allow(left.within(for_reader), looked)
                yield from steps
            given = True
        except (wire.WireError, OSError, ValueError):
            raise WorkerDiedError(self._watch.ended) from None
        finally:
            self._watch.rest()
            if not given:
                self.used = self._watch.used_since(started)
            # Whoever stops in the middle leaves a process that still talks about this file.
            if not finished or self._watch.ended:
                self.kill()

    def kill(self) -> None:
        """End the process now, and wait until it is gone."""
        self._watch.close()
        with contextlib.suppress(OSError):
            self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_TIMEOUT_S)
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()

    @property
    def _input(self) -> BinaryIO:
        return _present(self._process.stdin)

    @property
    def _output(self) -> BinaryIO:
        return _present(self._process.stdout)

    def _greet(self) -> None:
        try:
            self._watch.allow(_START)
            wire.send(self._input, {"limits": asdict(self._limits)})
            ready = wire.receive(self._output) == wire.READY
        except (wire.WireError, OSError, ValueError):
            ready = False
        finally:
            self._watch.rest()
        if not ready:
            state = "took too long" if self._watch.ended is Ended.TIME else "ended at once"
            raise _cannot_start(f"it {state}")


def budget_of(limits: Limits, *, parts: int = 1) -> Budget:
    """What a file may take, or an equal part of it.

    Args:
        limits: what a file may cost.
        parts: into how many parts it is divided.
    """
    return Budget(limits.timeout_s / parts, limits.wall_s / parts)


def _widened(pipe: Any) -> None:
    """Room for a picture's views in a pipe, so that they are not handed over in portions."""
    if sys.platform.startswith("linux"):
        import fcntl

        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _cannot_start(reason: str) -> FakescanError:
    return FakescanError(
        f"the process that decodes images does not start: {reason}",
        "check that this Python may start itself, or decode in this process (less safe)",
    )


def _present(stream: Any) -> BinaryIO:
    found: BinaryIO = stream
    return found
