"""One part of a scan that several machines share: which files are whose is told by their names alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

from fakescan.core.records import Skipped
from fakescan.core.shards import left_to_others
from fakescan.pipeline.resume import Item

File = TypeVar("File", bound=Item)


def in_shard(files: Sequence[File], shard: str) -> tuple[list[File], list[Skipped]]:
    """Part the files of a scan.

    Args:
        files: all of them.
        shard: ``i/n``.

    Returns:
        Those of this part, and a line for each of the others.
    """
    number, count = map(int, shard.split("/"))
    ours: list[File] = []
    others: list[Skipped] = []
    for file in files:
        if part_of(file.path, count) == number:
            ours.append(file)
        else:
            others.append(Skipped(file.path, left_to_others(shard)))
    return ours, others


def part_of(path: str, count: int) -> int:
    """The part that a file belongs to, from 1 on: the same on every machine, wherever the folder is mounted there.

    Args:
        path: relative to the scan's root, as reports show it.
        count: how many parts there are.
    """
    digest = hashlib.sha256(path.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % count + 1
