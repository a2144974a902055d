"""How a worker on this machine and the scan talk: a length, then a pickle.

Unlike the decoding processes (``intake/wire.py``) a worker never opens a file's bytes itself: what it unpickles comes
from the scan, and what the scan unpickles comes from our own code over numbers, text and pixels.
"""

from __future__ import annotations

import pickle
from typing import Any, BinaryIO

_LENGTH_BYTES = 8


def send(stream: BinaryIO, what: object) -> None:
    """Write something.

    Args:
        stream: the pipe.
        what: anything that can be pickled.

    Raises:
        OSError: when the other side is gone.
    """
    body = pickle.dumps(what, pickle.HIGHEST_PROTOCOL)
    stream.write(len(body).to_bytes(_LENGTH_BYTES, "little"))
    stream.write(body)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read what was sent.

    Args:
        stream: the pipe.

    Raises:
        EOFError: when the other side is gone.
    """
    length = int.from_bytes(_exactly(stream, _LENGTH_BYTES), "little")
    return pickle.loads(_exactly(stream, length))  # noqa: S301 -- see above


def _exactly(stream: BinaryIO, count: int) -> bytes:
    body = stream.read(count)
    if len(body) != count:
        raise EOFError
    return body
