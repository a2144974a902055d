"""Are the files still those that were scanned? Every one is hashed again, offline."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from fakescan.core.addresses import is_address
from fakescan.core.records import Scan, SourceFile
from fakescan.reports.places import is_below_root

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
    sha256: str | None = None
    """Digest of the file as it is now; None where it was not read, or is not for the report to ask for."""
    size_bytes: int | None = None
    """Its size now; None where that could not be told, or is not for the report to ask for."""


def check_inputs(scan: Scan, root: Path | None = None, *, whole: bool = False) -> Iterator[Checked]:
    """Hash the scanned files again.

    Args:
        scan: a scan; only its paths, sizes and digests are used.
        root: the folder that its paths are relative to now; the recorded one when None.
        whole: tell the digests of files below the root that are others now, too. A report may come from anybody, and
            the digest of a file that it names is not told unless the user has named the folder, or it is the recorded
            one.
    """
    base = root or Path(scan.root)
    for result in scan.results:
        file = result.record.file
        if is_address(file.path) or (root is None and is_address(scan.root)):
            yield Checked(file.path, State.REMOTE)
            continue
        below = is_below_root(file.path)
        checked = _checked(base / file.path, file, whole=whole and below)
        yield checked if below else replace(checked, size_bytes=None)


def digest_of(stream: BinaryIO) -> str:
    """SHA-256 of a stream, lower-case hex.

    Args:
        stream: read to its end.
    """
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _checked(place: Path, file: SourceFile, *, whole: bool) -> Checked:
    """Sizes are compared first, and only regular files are opened: a report may come from anybody."""
    size = None
    try:
        about = place.stat()
        if not stat.S_ISREG(about.st_mode):
            return Checked(file.path, State.UNREADABLE)
        size = about.st_size
        other = State.CHANGED if file.sha256 else State.NOT_RECORDED
        if not whole and (not file.sha256 or size != file.size_bytes):
            return Checked(file.path, other, None, size)
        with place.open("rb") as stream:
            digest = digest_of(stream)
        if digest == file.sha256:
            return Checked(file.path, State.SAME, digest, size)
        return Checked(file.path, other, digest if whole else None, size)
    except (FileNotFoundError, NotADirectoryError):
        return Checked(file.path, State.MISSING)
    except (OSError, ValueError):
        return Checked(file.path, State.UNREADABLE, None, size)
