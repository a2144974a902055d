"""Files in blocks for workers: how large a block is, and what becomes of one whose worker died."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from fakescan.intake.found_files import AnyFound

MAX_DEATHS = 3
"""A file that so many workers died over, the last one over nothing else, is an error."""
_BATCHES = 8
"""Of the model, in a block at most: so rarely a worker waits for its next block to be decoded."""


@dataclass(frozen=True, slots=True)
class Block:
    """Files for one worker."""

    files: tuple[AnyFound, ...]
    """In the order of paths."""
    stamps: Mapping[str, str]
    """By path: what the file system of this machine said of each before anybody read it."""


class Blocks:
    """Cuts files into blocks, and takes back what a dead worker has not finished.

    Blocks get smaller towards the end, so that all workers are through at nearly the same time. What a worker died
    over is given to the next one as it is, since most deaths have nothing to do with a file; after the second death
    each of the files is given alone, and after the third it is blamed.
    """

    def __init__(self, files: Iterable[AnyFound], count: int, workers: int, stamp: Callable[[AnyFound], str]) -> None:
        """Cut nothing yet.

        Args:
            files: taken as they are asked for.
            count: how many there are at most.
            workers: how many share them.
            stamp: what the file system says of a file.
        """
        self._files: Iterator[AnyFound] = iter(files)
        self._left = count
        self._workers = max(1, workers)
        self._stamp = stamp
        self._again: deque[Block] = deque()
        self._deaths: Counter[str] = Counter()

    def next(self, batch_size: int) -> Block | None:
        """The next block, or None when there is none for now.

        Args:
            batch_size: how many pictures the worker wants at once.
        """
        if self._again:
            return self._again.popleft()
        share = self._left // (2 * self._workers * batch_size) * batch_size
        files = tuple(islice(self._files, min(max(share, batch_size), _BATCHES * batch_size)))
        self._left -= len(files)
        return Block(files, {file.path: self._stamp(file) for file in files}) if files else None

    def back(self, block: Block, finished: set[str]) -> list[AnyFound]:
        """A worker died over a block.

        Args:
            block: what it was given.
            finished: paths of the files whose rows it had sent.

        Returns:
            Files that nobody is given any more.
        """
        left = tuple(file for file in block.files if file.path not in finished)
        self._deaths.update(file.path for file in left)
        blamed = [file for file in left if self._deaths[file.path] >= MAX_DEATHS]
        whole = tuple(file for file in left if self._deaths[file.path] == 1)
        alone = [(file,) for file in left if 1 < self._deaths[file.path] < MAX_DEATHS]
        for files in ([whole] if whole else []) + alone:
            self._again.append(Block(files, {file.path: block.stamps[file.path] for file in files}))
        return blamed
