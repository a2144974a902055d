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
from collections.abc import Iterator
from typing import Any, BinaryIO

from fakescan.core.views import Views
from fakescan.intake import wire
from fakescan.intake.examine import examine_steps
from fakescan.intake.limits import Limits


def main() -> None:
    """Serve files until the parent closes the pipe."""
    incoming, outgoing = _own_pipes()
    _set_signals()
    logging.disable(logging.CRITICAL)
    setup = wire.receive(incoming)
    limits = Limits(**setup["limits"])
    _bound_memory(limits.address_space_bytes if limits.watched_bytes is None else None)
    _one_thread_per_picture()
    wire.send(outgoing, wire.READY)
    with contextlib.suppress(wire.WireError, BrokenPipeError):
        while True:
            request = wire.receive(incoming)
            # The parent ends it at its time limit; it ends itself should there be no parent left.
            with ended_after(limits.longest_s):
                _serve(request, incoming, outgoing, limits)


def _serve(request: dict[str, Any], incoming: BinaryIO, outgoing: BinaryIO, limits: Limits) -> None:
    source: str | bytes = os.fsdecode(bytes.fromhex(request["path"]))
    if request["size_bytes"] is not None:
        source = bytes(wire.receive_bytes(incoming, request["size_bytes"]))
    views = None if request["views"] is None else Views(**request["views"])
    examine_steps(
        source, request["name"], limits, request["readers"], lambda step: wire.send_step(outgoing, step), views=views
    )
    wire.send(outgoing, wire.END)


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
    return os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb")


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
