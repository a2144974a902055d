"""What lies in a folder, told without opening any of it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_WINDOWS_HIDDEN = 2
_OUTSIDE = "a link to a file outside of what is scanned: --follow-links follows it"
_SPECIAL = {
    stat.S_IFIFO: "a named pipe, not a file",
    stat.S_IFSOCK: "a socket, not a file",
    stat.S_IFCHR: "a device, not a file",
    stat.S_IFBLK: "a device, not a file",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a folder holds under one name."""

    path: Path
    """Its path."""
    is_folder: bool
    """Whether it is a folder itself; a link to one is not."""
    is_hidden: bool
    """Whether its name or its attributes hide it."""
    trouble: str | None
    """Why it is no file that could be examined, or None."""


def entries_of(folder: Path, inside: Sequence[Path] | None = None) -> Iterator[Entry]:
    """Entries in the order in which their full paths sort: a folder by its name and the separator after it.

    Args:
        folder: the folder.
        inside: resolved folders that links to files must lead into; None: they may lead anywhere.

    Raises:
        OSError: when it cannot be listed.
    """

    def key(item: os.DirEntry[str]) -> str:
        try:
            return item.name + "/" * item.is_dir(follow_symlinks=False)
        except OSError:
            return item.name

    with os.scandir(folder) as listing:
        items = sorted(listing, key=key)
    return (_entry(folder / item.name, item, inside) for item in items)


def _entry(path: Path, item: os.DirEntry[str], inside: Sequence[Path] | None) -> Entry:
    hidden = item.name.startswith(".")
    try:
        about = item.stat(follow_symlinks=False)
    except OSError as fault:
        return Entry(path, False, hidden, f"cannot be looked at: {fault.strerror or 'unknown reason'}")
    hidden = hidden or bool(getattr(about, "st_file_attributes", 0) & _WINDOWS_HIDDEN)
    if _is_link(about):
        return Entry(path, False, hidden, _link_trouble(path, inside))
    if stat.S_ISDIR(about.st_mode):
        return Entry(path, True, hidden, None)
    return Entry(path, False, hidden, _special(about.st_mode))


def _is_link(about: os.stat_result) -> bool:
    """Links, and the junctions of Windows, which are no links to Python but lead elsewhere all the same."""
    junction = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)
    return stat.S_ISLNK(about.st_mode) or (junction is not None and getattr(about, "st_reparse_tag", 0) == junction)


def _link_trouble(path: Path, inside: Sequence[Path] | None) -> str | None:
    """Why a link is not followed, or None when it leads to a regular file."""
    try:
        target = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return "a link that leads nowhere"
    except OSError as fault:
        if fault.errno == errno.ELOOP:
            return "a link that leads back to itself"
        return f"a link whose target cannot be looked at: {fault.strerror or 'unknown reason'}"
    if not stat.S_ISDIR(target.st_mode):
        special = _special(target.st_mode)
        if special is not None:
            return f"a link to {special}"
        return None if inside is None or _leads_into(path, inside) else _OUTSIDE
    try:
        loops = path.resolve() in path.parent.resolve().parents or path.resolve() == path.parent.resolve()
    except (OSError, RuntimeError):
        loops = True
    if loops:
        return "a link that leads back to a folder around it"
    return "a link to a folder: give the folder itself to scan it"


def _leads_into(path: Path, folders: Sequence[Path]) -> bool:
    try:
        target = path.resolve()
    except (OSError, RuntimeError):
        return False
    return any(folder in target.parents for folder in folders)


def _special(mode: int) -> str | None:
    """Why an entry that is no folder is no regular file either, or None."""
    return None if stat.S_ISREG(mode) else _SPECIAL.get(stat.S_IFMT(mode), "not a regular file")
