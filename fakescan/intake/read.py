"""A file's bytes, without ever opening anything but a regular file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from fakescan.core.records import Failure

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    # Should a regular file be exchanged for a pipe between look and open, opening it must not wait for a writer.
    | getattr(os, "O_NONBLOCK", 0)
)

_LEAST_BYTES, _MOST_BYTES = 4096, 1 << 20
"""Asked for at once: room for it is made before it is known how much comes."""


def read_head(path: str | Path, size_bytes: int) -> bytes:
    """The first bytes of a regular file.

    Args:
        path: the file; links are followed.
        size_bytes: how many bytes at most.

    Raises:
        OSError: when it is no regular file or cannot be read.
    """
    descriptor = _open_regular(path)
    with open(descriptor, "rb", buffering=0) as stream:  # noqa: PTH123 -- the descriptor is what was checked
        return stream.read(size_bytes) or b""


def read_file(path: str | Path, limit_bytes: int) -> bytes | Failure:
    """All bytes of a regular file, or why they cannot be had.

    Args:
        path: the file; links are followed.
        limit_bytes: larger files are not read.
    """
    try:
        descriptor = _open_regular(path)
        with open(descriptor, "rb", buffering=0) as stream:  # noqa: PTH123 -- the descriptor is what was checked
            size_bytes = os.fstat(descriptor).st_size
            if size_bytes > limit_bytes:
                return too_large(limit_bytes)
            # One byte more than allowed tells a file that grows, or one whose size the system does not know.
            data = _all_of(stream.fileno(), limit_bytes + 1, size_bytes)
    except (OSError, ValueError) as fault:
        return _unreadable(fault)
    return checked(data, limit_bytes)


def checked(data: bytes, limit_bytes: int) -> bytes | Failure:
    """The bytes of a file, or what is wrong with their number.

    Args:
        data: as far as they were read.
        limit_bytes: a file may not have more.
    """
    if len(data) > limit_bytes:
        return too_large(limit_bytes)
    return data or Failure("read", "empty-file", "the file is empty", "copy or download it again")


def size_of(path: str | Path) -> int:
    """Size of a regular file in bytes; 0 where there is none."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _open_regular(path: str | Path) -> int:
    mode = os.stat(path).st_mode  # noqa: PTH116 -- the path may be bytes that are not UTF-8
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    if not stat.S_ISREG(mode):
        raise NotARegularFileError
    descriptor = os.open(path, _FLAGS)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotARegularFileError
    return descriptor


class NotARegularFileError(OSError):
    """A pipe, socket or device where a file was expected."""


def _all_of(descriptor: int, limit_bytes: int, size_bytes: int) -> bytes:
    """All bytes up to a limit; the size is what the system says, and only tells how much room to make."""
    parts, left = [], limit_bytes
    while left > 0:
        room = max(_LEAST_BYTES, min(_MOST_BYTES, size_bytes - (limit_bytes - left)))
        part = os.read(descriptor, min(left, room))
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def too_large(limit_bytes: int) -> Failure:
    """What is said of a file that has too many bytes.

    Args:
        limit_bytes: a file may not have more.
    """
    megabytes = limit_bytes / 1e6
    return Failure("read", "too-large", f"the file is larger than {megabytes:g} MB", "raise the limit on file size")


def _unreadable(fault: OSError | ValueError) -> Failure:
    if isinstance(fault, IsADirectoryError):  # a folder comes here when what is in it could not be listed
        hint = "change its permissions, or check the disk"
        return Failure("read", "unreadable-folder", "what is in this folder cannot be listed", hint)
    if isinstance(fault, NotARegularFileError):
        return Failure("read", "not-a-file", "this is no regular file", "give a file or a folder")
    if isinstance(fault, FileNotFoundError | ValueError):
        return Failure("read", "no-such-file", "there is no such file", "check the path")
    if isinstance(fault, PermissionError):
        return Failure("read", "permission-denied", "no permission to read the file", "change its permissions")
    reason = fault.strerror if isinstance(fault, OSError) and fault.strerror else "unknown reason"
    return Failure("read", "unreadable", f"the file cannot be read: {reason}", "check the disk and the path")
