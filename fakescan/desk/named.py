"""Paths that a report names. It may come from anybody: looking at them must neither fail nor leave this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path, PureWindowsPath

_SHARE = "\\\\"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""One slash: a path that was made of an address has lost the other."""


def is_elsewhere(path: str | Path) -> bool:
    """Whether this is an address or a share of another machine, which looking at would call.

    Args:
        path: as the report has it.
    """
    text = str(path)
    # Only Windows takes slashes for the same.
    share = PureWindowsPath(text).drive if os.name == "nt" else text
    return _ADDRESS.match(text) is not None or share.startswith(_SHARE)


def is_file(path: Path) -> bool:
    """Whether a file is there and can be looked at.

    Args:
        path: any path: one that is too long, that nobody may look at, or that cannot be one, is none.
    """
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder is there and can be looked at.

    Args:
        path: any path, as with ``is_file``.
    """
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
