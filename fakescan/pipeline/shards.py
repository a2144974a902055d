"""One part of a scan that several machines share: which files are whose is told by their names alone."""

from __future__ import annotations

import hashlib


def is_in_shard(path: str, shard: str) -> bool:
    """Whether a file belongs to this part of a scan.

    Args:
        path: relative to the scan's root, as reports show it.
        shard: ``i/n``.
    """
    number, count = map(int, shard.split("/"))
    return part_of(path, count) == number


def part_of(path: str, count: int) -> int:
    """The part that a file belongs to, from 1 on: the same on every machine, wherever the folder is mounted there.

    Args:
        path: relative to the scan's root, as reports show it.
        count: how many parts there are.
    """
    digest = hashlib.sha256(path.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % count + 1
