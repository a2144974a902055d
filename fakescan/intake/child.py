"""The decoding process: takes files one by one from its parent, and dies rather than linger.

It is started with a plain interpreter and imports neither torch nor the program that started it: a decoder's fault
costs a quarter of a second and nothing else.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from math import inf
from time import monotonic, sleep
from typing import Any, BinaryIO

from fakescan.core.views import Views
from fakescan.intake import wire
from fakescan.intake.examine import Step, examine_steps
from fakescan.intake.limits import Limits

_PATIENCE_S = 0.05
"""Steps are kept back for about so long, twice as long at most."""
_STACK_BYTES = 512 * 1024
_BUFFER_BYTES = 64 * 1024
"""All that is told of most files fits, but for the views of their pictures."""


def main() -> None:
    """Serve files until the parent closes the pipe."""
    incoming, outgoing = _own_pipes()
    _set_signals()
    logging.disable(logging.CRITICAL)
    setup = wire.receive(incoming)
    limits = Limits(**setup["limits"])
    _bound_memory(limits.address_space_bytes if limits.watched_bytes is None else None)
    _one_thread_per_picture()
    account = Account(outgoing)
    _set_clock(account)
    wire.send(outgoing, wire.READY)
    with contextlib.suppress(wire.WireError, BrokenPipeError):
        while True:
            request = wire.receive(incoming)
            # The parent ends it at its time limit; it ends itself should there be no parent left.
            with ended_after(limits.longest_s):
                _serve(request, incoming, account, limits)


def _serve(request: dict[str, Any], incoming: BinaryIO, account: Account, limits: Limits) -> None:
    source: str | bytes = os.fsdecode(bytes.fromhex(request["path"]))
    if request["size_bytes"] is not None:
        source = bytes(wire.receive_bytes(incoming, request["size_bytes"]))
    views = None if request["views"] is None else Views(**request["views"])
    account.begin(at_once=request["at_once"])
    readers, kinds = request["readers"], request["kinds"]
    examine_steps(source, request["name"], limits, readers, account.add, views=views, kinds=kinds)
    account.end()


class Account:
    """Steps on their way to the parent: all together where a file is quickly done, else each as soon as it is done.

    Waking the parent costs as much as many a step. What is kept back is lost if the process dies; the parent then asks
    another one to tell each step at once. A clock in another thread tells what there is, be it nothing, when a file
    takes long; reading and decoding let other threads run.
    """

    def __init__(self, outgoing: BinaryIO) -> None:
        """Begin with no file.

        Args:
            outgoing: the pipe to the parent.
        """
        self._outgoing, self._kept = outgoing, list[Step]()
        self._patience_ends_s = inf
        self._lock = threading.Lock()
        self.has_clock = False
        """Whether something calls ``tick`` again and again; nothing is kept back otherwise."""

    def begin(self, *, at_once: bool) -> None:
        """A file begins.

        Args:
            at_once: whether each step is told as soon as it is done, however quick it was.
        """
        with self._lock:
            self._kept = []
            self._patience_ends_s = monotonic() + _PATIENCE_S if self.has_clock and not at_once else -inf

    def add(self, step: Step) -> None:
        """Take the next step of the file.

        Args:
            step: what happened.
        """
        with self._lock:
            self._kept.append(step)
            if monotonic() > self._patience_ends_s:
                self._tell()

    def tick(self) -> None:
        """Some time has passed: tell what there is, once the file has taken long, and only once."""
        with self._lock:
            if -inf < self._patience_ends_s < monotonic():
                self._tell()

    def end(self) -> None:
        """The file has no more steps."""
        with self._lock:
            self._tell(is_end=True)

    def _tell(self, *, is_end: bool = False) -> None:
        kept, self._kept = self._kept, []
        self._patience_ends_s = inf if is_end else -inf
        try:
            wire.send_steps(self._outgoing, kept, is_end=is_end)
        except MemoryError:
            # Half a message may be out; nothing can be said any more that would be understood.
            os._exit(1)


def _set_clock(account: Account) -> None:
    """Call ``tick`` from a thread; where there can be none, each step is told at once."""

    def run() -> None:
        # A parent that is gone is noticed by the main thread.
        with contextlib.suppress(OSError, ValueError):
            while True:
                sleep(_PATIENCE_S)
                account.tick()

    threading.stack_size(_STACK_BYTES)
    with contextlib.suppress(RuntimeError):
        threading.Thread(target=run, daemon=True).start()
        account.has_clock = True


@contextlib.contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """The process is gone if this takes longer, whatever it is doing."""
    if sys.platform != "win32":
        # Nobody handles the signal, so the system ends the process by itself; a thread for it would cost far more.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
        signal.setitimer(signal.ITIMER_REAL, 0)
    else:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123 -- os.devnull is no path
            faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
            yield
            faulthandler.cancel_dump_traceback_later()


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the parent, out of reach of C libraries that write to the standard streams."""
    incoming, outgoing = os.dup(0), os.dup(1)
    silence = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(silence, standard)
    return os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb", _BUFFER_BYTES)


def _set_signals() -> None:
    """Ctrl-C reaches every process of a terminal, but the parent decides when this one ends; or its own alarm does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})


def _bound_memory(address_space_bytes: int | None) -> None:
    """Let the system refuse what a bomb asks for; None: the parent measures instead. Windows knows neither limit."""
    if sys.platform == "win32":
        return
    import resource

    bounds = {resource.RLIMIT_CORE: 0}
    if address_space_bytes is not None:
        bounds[resource.RLIMIT_AS] = address_space_bytes
    for limit, value in bounds.items():
        with contextlib.suppress(OSError, ValueError):
            _, hard = resource.getrlimit(limit)
            resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _one_thread_per_picture() -> None:
    """Each thread of a library reserves address space of its own, which on a machine of many cores is all there is."""
    # What numpy brings along for matrices, of which there are none here.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with contextlib.suppress(ImportError):
        from PIL import AvifImagePlugin

        AvifImagePlugin.DEFAULT_MAX_THREADS = 1


if __name__ == "__main__":
    main()
