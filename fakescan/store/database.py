"""How databases are opened, and what their faults mean."""

from __future__ import annotations

import sqlite3
from pathlib import Path, PurePath


def uri_of(path: PurePath) -> str:
    """An absolute path as SQLite takes it: a Windows share stands in the path, where SQLite allows no server name.

    Args:
        path: absolute.
    """
    uri = path.as_uri()
    return uri if uri.startswith("file:///") else "file:////" + uri.removeprefix("file://")


def connect(path: Path | None, *, read_only: bool = False, shared: bool = False) -> sqlite3.Connection:
    """Open a database, or make it.

    Args:
        path: the file; None for a temporary one that goes away when it is closed.
        read_only: open an existing one without changing it.
        shared: whether other processes may write to it at the same time.

    Raises:
        sqlite3.Error: when it cannot be opened.
    """
    if path is None:
        # SQLite's own temporary database: in memory while it is small, on disk when it grows.
        return sqlite3.connect("", check_same_thread=False)
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(
        f"{uri_of(path.absolute())}?mode={mode}", uri=True, timeout=1.0, check_same_thread=False
    )
    if not (read_only or shared):
        # One writer: a second scan into the same run directory is refused instead of mixed in.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return connection


def explained(fault: sqlite3.Error) -> tuple[str, str]:
    """What went wrong with a journal, and what to do about it.

    Args:
        fault: as SQLite tells it.
    """
    text = str(fault)
    if "locked" in text:
        return "another scan is writing to it", "wait for it, or give another --run-dir"
    if "full" in text:
        return "the disk is full", "free some space; --resume then goes on with what is done"
    if "readonly" in text or "unable to open" in text:
        return "it cannot be written", "give a --run-dir that you may write to"
    if "not a database" in text or "malformed" in text:
        return "it is damaged or no journal", "scan into a new run directory"
    return text, "free some space or give another --run-dir; --resume goes on with what is done"
