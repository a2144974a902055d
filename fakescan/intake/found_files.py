"""Found files by the hundred thousand: their paths in one piece of memory, each file made when it is asked for."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

from fakescan.intake.discover import Found
from fakescan.intake.remote import RemoteFound

AnyFound = Found | RemoteFound


class FoundFiles(Sequence[AnyFound]):
    """Files in the order of their paths. A local file below the root takes the bytes of its path and 17 more."""

    def __init__(self, files: Iterable[AnyFound], root: str) -> None:
        """Keep files.

        Args:
            files: in any order; taken one by one.
            root: folder that report paths are relative to.
        """
        self._root = Path(root)
        self._paths = bytearray()
        self._ends = array("Q", [0])
        self._others: dict[int, AnyFound] = {}
        is_sorted, last = True, b""
        for number, file in enumerate(files):
            path = _raw(file.path)
            is_sorted, last = is_sorted and last <= path, path
            self._paths += path
            self._ends.append(len(self._paths))
            if file != self._made(path):
                self._others[number] = file
        # A walk finds them in order, or nearly.
        numbers = range(len(self))
        self._order = array("Q", numbers if is_sorted else sorted(numbers, key=self._path))

    def __len__(self) -> int:
        """How many there are."""
        return len(self._ends) - 1

    @overload
    def __getitem__(self, at: int) -> AnyFound: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[AnyFound, ...]: ...
    def __getitem__(self, at: int | slice) -> AnyFound | tuple[AnyFound, ...]:
        """One of them, or some as a tuple."""
        if isinstance(at, slice):
            return tuple(self[place] for place in range(*at.indices(len(self))))
        number = self._order[at]
        return self._others.get(number) or self._made(self._path(number))

    def __iter__(self) -> Iterator[AnyFound]:
        """All, one by one."""
        return (self[at] for at in range(len(self)))

    def paths(self) -> Iterator[str]:
        """Their paths as reports show them, in order."""
        return (_text(self._path(number)) for number in self._order)

    def _path(self, number: int) -> bytes:
        return bytes(self._paths[self._ends[number] : self._ends[number + 1]])

    def _made(self, path: bytes) -> Found:
        """The file as it is nearly always: found in a walk, below the root."""
        shown = _text(path)
        return Found(shown, self._root / shown)


def _raw(path: str) -> bytes:
    # In this form bytes are ordered as the text is, and any file name survives.
    return path.encode("utf-8", "surrogatepass")


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogatepass")
