"""Are the files still those that were scanned? Every one is hashed again, offline."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from fakescan.core.addresses import is_address
from fakescan.core.records import Scan

_CHUNK_BYTES = 1 << 20


class State(StrEnum):
    """What was found out about a file."""

    SAME = "same"
    """The digest is the recorded one."""
    CHANGED = "changed"
    """It is another one."""
    MISSING = "missing"
    """There is no such file."""
    UNREADABLE = "unreadable"
    """It could not be read, or is no regular file."""
    REMOTE = "on another machine"
    """It was scanned over the network, which checks do not use."""
    NOT_RECORDED = "not recorded"
    """The scan could not read it either, so there is nothing to compare with."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A file and what was found out."""

    path: str
    """As in the scan."""
    state: State
    """What was found out."""


def check_inputs(scan: Scan, root: Path | None = None) -> Iterator[Checked]:
    """Hash the scanned files again.

    Args:
        scan: a scan; only its paths, sizes and digests are used.
        root: the folder that its paths are relative to now; the recorded one when None.
    """
    base = root or Path(scan.root)
    for result in scan.results:
        file = result.record.file
        if is_address(file.path) or (root is None and is_address(scan.root)):
            yield Checked(file.path, State.REMOTE)
            continue
        yield Checked(file.path, _state(base / file.path, file.sha256, file.size_bytes))


def digest_of(stream: BinaryIO) -> str:
    """SHA-256 of a stream, lower-case hex.

    Args:
        stream: read to its end.
    """
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _state(path: Path, sha256: str, size_bytes: int) -> State:
    """Sizes are compared first, and only regular files are opened: a report may come from anybody."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            return State.UNREADABLE
        if not sha256:
            return State.NOT_RECORDED
        if about.st_size != size_bytes:
            return State.CHANGED
        with path.open("rb") as stream:
            return State.SAME if digest_of(stream) == sha256 else State.CHANGED
    except (FileNotFoundError, NotADirectoryError):
        return State.MISSING
    except (OSError, ValueError):
        return State.UNREADABLE
