"""The worker process: an engine of its own, blocks in, rows out. It dies with whoever started it."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import traceback
from typing import Any, BinaryIO

import fakescan
from fakescan.core.options import ScanOptions
from fakescan.crews import wire
from fakescan.errors import FakescanError
from fakescan.pipeline.part import PartScan

_NO_MEMORY = 12
"""Exit code; the number of the system's own error."""


def main() -> None:
    """Scan blocks until the scan closes the pipe."""
    incoming, outgoing = _own_pipes()
    # Ctrl-C reaches every process of a terminal; the scan decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(incoming, orders), daemon=True).start()
    options = orders.get()
    with contextlib.suppress(OSError):  # nobody listens any more
        try:
            _serve(options, orders, outgoing)
        except MemoryError:
            os._exit(_NO_MEMORY)
        except FakescanError as fault:
            wire.send(outgoing, fault)
        except Exception as fault:
            traceback.print_exc()
            text = f"internal error in a worker: {type(fault).__name__}: {fault}"
            wire.send(outgoing, FakescanError(text, "report what it printed as a fault of fakescan"))
    # Not through the interpreter's end: the listening thread still reads.
    os._exit(1)


def _serve(options: ScanOptions, orders: queue.SimpleQueue[Any], outgoing: BinaryIO) -> None:
    with PartScan(options, lambda: fakescan.engine_of(options)) as part:
        wire.send(outgoing, part.ready)
        while True:
            for rows in part.scan(orders.get()):
                wire.send(outgoing, rows)
            wire.send(outgoing, None)


def _listen(incoming: BinaryIO, orders: queue.SimpleQueue[Any]) -> None:
    try:
        while True:
            orders.put(wire.receive(incoming))
    except (EOFError, OSError):
        # In the middle of a batch too: nobody wants its rows. What this process leaves goes away without it.
        os._exit(0)


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the scan, out of reach of libraries that print."""
    incoming, outgoing = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(sys.stderr.fileno(), 1)
    return os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb")
