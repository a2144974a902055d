"""Going on with a run: what is new comes first, then what must be read again; the rest is neither read nor held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from fakescan.store.journal import DoneFile


class Item(Protocol):
    """A file of the scan."""

    @property
    def path(self) -> str:
        """As reports show it."""


@runtime_checkable
class TellsPaths(Protocol):
    """Files whose paths are had for less than the files themselves."""

    def paths(self) -> Iterator[str]:
        """Their paths, in the files' order."""


File = TypeVar("File", bound=Item)

_TOLD_EVERY = 4096


def still_to_do(
    files: Sequence[File],
    done: Callable[[], Iterator[DoneFile]],
    stamp_of: Callable[[File], str],
    tell: Callable[[Mapping[str, int]], None],
) -> Generator[File, None, None]:
    """The files of a run that must be examined.

    Those without a row come first: that a file has one is told by comparing two ordered lists, half a million names
    in a moment. Only then the file system is asked about each of the others.

    Args:
        files: all files of the scan, ordered by path.
        done: makes the list of files that have a row, ordered by path.
        stamp_of: what the file system says of a file now; empty where that tells nothing.
        tell: told, every now and then, how many files with which verdict need not be examined.

    Yields:
        New files in order, then those that were written to since they were read, in order.
    """
    has_row = bytearray(len(files))
    for at, _ in _matches(_paths_of(files), done()):
        has_row[at] = True
    for at, known in enumerate(has_row):
        if not known:
            yield files[at]
    kept: Counter[str] = Counter()
    for at, row in _matches(_paths_of(files), done()):
        # A file that was examined a moment ago has a row now; it was yielded before.
        if not has_row[at]:
            continue
        if row.stamp and row.stamp == stamp_of(files[at]):
            kept[row.label] += 1
            if kept.total() >= _TOLD_EVERY:
                tell(kept)
                kept = Counter()
        else:
            yield files[at]
    if kept:
        tell(kept)


def _paths_of(files: Sequence[Item]) -> Iterator[str]:
    return files.paths() if isinstance(files, TellsPaths) else (file.path for file in files)


def _matches(paths: Iterator[str], done: Iterator[DoneFile]) -> Iterator[tuple[int, DoneFile]]:
    """Places of the files that have a row, and the rows."""
    at, path = 0, next(paths, None)
    for row in done:
        while path is not None and path < row.path:
            at, path = at + 1, next(paths, None)
        if path is None:
            return
        if path == row.path:
            yield at, row
