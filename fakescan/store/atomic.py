"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from fakescan.errors import ReportError


def write_atomically(path: Path, write: Callable[[TextIO], object]) -> None:
    """Write a text file beside its place, then rename it there; on any fault the old file stays as it was.

    Args:
        path: where the file belongs.
        write: writes the content to a UTF-8 stream.

    Raises:
        ReportError: when it cannot be written.
    """

    def fill(partial: Path) -> None:
        with partial.open("w", encoding="utf-8", newline="\n") as out:
            write(out)
            out.flush()
            os.fsync(out.fileno())

    replace_atomically(path, fill)


def replace_atomically(path: Path, fill: Callable[[Path], object]) -> None:
    """The same for a file of any kind, which its writer opens itself.

    Args:
        path: where the file belongs.
        fill: writes the content to the path that it is given.

    Raises:
        ReportError: when it cannot be written.
    """
    with reporting_faults(path):
        descriptor, name = tempfile.mkstemp(prefix=".fakescan-", suffix=".part", dir=path.parent)
        os.close(descriptor)
        partial = Path(name)
        try:
            fill(partial)
            _as_readable_as_others(partial)
            partial.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise


def check_writable(path: Path) -> None:
    """Find out whether a file can be written before anything is worth losing.

    Args:
        path: where the file will belong.

    Raises:
        ReportError: when its folder is missing or not writable, or something that is no file stands in its place.
    """
    if path.is_dir():
        raise ReportError(f"cannot write {_named(path)}: it is a folder", "give a file name")
    if not path.parent.is_dir():
        raise ReportError(f"cannot write {_named(path)}: its folder does not exist", "make the folder first")
    if path.exists() and not os.access(path, os.W_OK):
        # A rename would replace even a read-only file, which is not what whoever protected it wants.
        raise ReportError(f"cannot write {_named(path)}: the file is read-only", "choose another place")
    with reporting_faults(path):
        descriptor, name = tempfile.mkstemp(prefix=".fakescan-", suffix=".part", dir=path.parent)
        os.close(descriptor)
        Path(name).unlink()


@contextmanager
def reporting_faults(path: Path) -> Iterator[None]:
    """Turn the operating system's faults into an error with a next step.

    Args:
        path: what is being written.
    """
    try:
        yield
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        hint = "free some space or choose another place"
        if isinstance(fault, PermissionError):
            # Windows does not let a file be replaced while another program has it open.
            hint = "close it in other programs, change its permissions, or choose another place"
        raise ReportError(f"cannot write {_named(path)}: {reason}", hint) from fault


def _named(path: Path) -> str:
    text = str(path)
    return text if text.isprintable() else ascii(text)


def _as_readable_as_others(path: Path) -> None:
    """Give a temporary file, which only its owner may read, the permissions that a new file gets."""
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        path.chmod(0o666 & ~mask)
