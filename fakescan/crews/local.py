"""Workers on this machine: a process for each device."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, BinaryIO

from fakescan.core.options import ScanOptions
from fakescan.crews import wire
from fakescan.errors import ConfigError, FakescanError
from fakescan.intake.found_files import AnyFound
from fakescan.intake.interpreter import started
from fakescan.pipeline.crew import Worker, WorkerLostError
from fakescan.pipeline.part import Part, Ready

_MAX_DECODERS = 4
_END_TIMEOUT_S = 60.0
"""A killed process gives its memory back before it is gone, which takes a busy machine a while."""


@contextmanager
def local_crew(options: ScanOptions) -> Iterator[Sequence[Callable[[], Worker]]]:
    """A maker of workers for each device; nothing is left behind, since each worker ends with its pipe.

    Args:
        options: with several devices.

    Raises:
        ConfigError: ``cuda:all`` where there is no such device.
    """
    devices = _devices(options.device)
    processors = max(1, (os.cpu_count() or 1) // len(devices))
    decoders = options.workers or min(_MAX_DECODERS, processors)
    yield [
        partial(
            LocalWorker,
            replace(options, device=device, workers=decoders, paths=()),
            # Each by itself would take all processors, and be slower for it.
            {"OMP_NUM_THREADS": str(processors)} if device == "cpu" else {},
        )
        for device in devices
    ]


class LocalWorker:
    """One process."""

    def __init__(self, options: ScanOptions, environment: dict[str, str]) -> None:
        """Start nothing yet.

        Args:
            options: with the one device of this worker.
            environment: for the process, unless the user's says otherwise.
        """
        self.options = options
        """With this worker's device, and without paths: files are named one by one."""
        self._environment = {**environment, **os.environ}
        self._lock = threading.Lock()
        self._ended = False
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Ready:
        """Start the process, and wait until its model is loaded."""
        with self._lock:
            if self._ended:
                raise WorkerLostError("ended")
            try:
                self._process = started("fakescan.crews.child", environment=self._environment)
            except OSError as fault:
                reason = fault.strerror or type(fault).__name__
                raise FakescanError(
                    f"a worker does not start: {reason}", "check that this Python may start itself, or use one device"
                ) from None
        self._send(self.options)
        ready: Ready = self._heard()
        return ready

    def scan(self, files: Sequence[AnyFound]) -> Iterator[Part]:
        """Wait for the rows of a block."""
        self._send(tuple(files))
        while (part := self._heard()) is not None:
            yield part

    def end(self) -> None:
        """Kill the process, and wait until it is gone."""
        with self._lock:
            self._ended = True
            process = self._process
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_TIMEOUT_S)
        _close(process)

    def _send(self, what: object) -> None:
        try:
            wire.send(_present(self._present.stdin), what)
        except (OSError, ValueError):
            raise self._lost() from None

    def _heard(self) -> Any:
        try:
            told = wire.receive(_present(self._present.stdout))
        except (EOFError, OSError, ValueError):
            raise self._lost() from None
        if isinstance(told, FakescanError):
            raise told
        return told

    def _lost(self) -> WorkerLostError:
        process = self._present
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_TIMEOUT_S)
        code = process.returncode
        _close(process)
        if code is None:
            return WorkerLostError("it closed its pipe")
        return WorkerLostError(f"signal {-code}" if code < 0 else f"exit code {code}")

    @property
    def _present(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise WorkerLostError("never started")
        return self._process


def _devices(names: str) -> list[str]:
    if names != "cuda:all":
        return names.split(",")
    import torch  # who asks for all of them has to know how many there are

    count = torch.cuda.device_count()
    if not count:
        raise ConfigError(["device: cuda:all, but there is none on this machine"], "use --device cpu")
    return [f"cuda:{number}" for number in range(count)]


def _close(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        # What could not be sent any more is of no use to anybody.
        with contextlib.suppress(OSError):
            _present(stream).close()


def _present(stream: Any) -> BinaryIO:
    found: BinaryIO = stream
    return found
