"""Lists of paths: ``--files-from``, ``--files-from0`` and ``-``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from fakescan.errors import InputError
from fakescan.intake.discover import read_list

STDIN = "-"

_MAX_BYTES = 1024**3


def listed_paths(
    paths: Sequence[str], files_from: Sequence[str], files_from0: Sequence[str], stdin: BinaryIO | None = None
) -> list[str]:
    """All paths that were given, those of lists included, in order.

    Args:
        paths: as typed; ``-`` stands for a list on stdin, one path a line.
        files_from: files with a path a line; ``-`` is stdin.
        files_from0: files with paths that end in a NUL byte; ``-`` is stdin.
        stdin: the process's when None.

    Raises:
        InputError: when a list cannot be read, or stdin is wanted twice.
    """
    wanted = [*paths, *files_from, *files_from0].count(STDIN)
    if wanted > 1:
        raise InputError("stdin is wanted as a list more than once", "give - only once")
    source = stdin or sys.stdin.buffer
    found: list[str] = []
    for path in paths:
        found += read_list(source.read(), nul=False) if path == STDIN else [path]
    for names, nul in ((files_from, False), (files_from0, True)):
        for name in names:
            found += read_list(source.read() if name == STDIN else _content(name), nul=nul)
    return found


def _content(name: str) -> bytes:
    shown = ascii(name)[1:-1]
    try:
        path = Path(name)
        if path.is_file() and path.stat().st_size > _MAX_BYTES:
            raise InputError(f"the list {shown} is too large", "give the folder itself")
        return path.read_bytes()
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or type(fault).__name__
        raise InputError(f"cannot read the list {shown}: {reason}", "give a file with one path a line") from None
