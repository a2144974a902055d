"""Previews of many pictures, kept on the disk until the reports that show them are written."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Self


class Previews(Mapping[str, bytes]):
    """Previews by path, in a temporary file, so that ten thousand of them do not count in memory."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the mapping)
        self._places: dict[str, tuple[int, int]] = {}
        self._end = 0

    def add(self, path: str, picture: bytes) -> None:
        """Keep a preview.

        Args:
            path: path of the file that it shows.
            picture: its bytes.
        """
        self._file.seek(self._end)
        self._file.write(picture)
        self._places[path] = (self._end, len(picture))
        self._end += len(picture)

    def __getitem__(self, path: str) -> bytes:
        """The preview of a file."""
        start, length = self._places[path]
        self._file.seek(start)
        return self._file.read(length)

    def __iter__(self) -> Iterator[str]:
        """Paths in the order in which they were added."""
        return iter(self._places)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._places)

    def close(self) -> None:
        """Let the temporary file go."""
        self._file.close()

    def __enter__(self) -> Self:
        """Keep the temporary file until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let it go."""
        self.close()


class Renamed(Mapping[str, bytes]):
    """Previews under other names.

    Args:
        previews: by path.
        names: new name by path; must be distinct.
    """

    def __init__(self, previews: Mapping[str, bytes], names: Mapping[str, str]) -> None:
        self._previews = previews
        self._paths = {new: old for old, new in names.items() if old in previews}

    def __getitem__(self, path: str) -> bytes:
        """The preview of a file, by its new name."""
        return self._previews[self._paths[path]]

    def __iter__(self) -> Iterator[str]:
        """New names."""
        return iter(self._paths)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._paths)


class Recoded(Mapping[str, bytes]):
    """Previews in another format, made when they are asked for.

    Args:
        previews: previews by path.
        recode: makes the other format of one.
    """

    def __init__(self, previews: Mapping[str, bytes], recode: Callable[[bytes], bytes]) -> None:
        self._previews, self._recode = previews, recode

    def __getitem__(self, path: str) -> bytes:
        """The preview of a file."""
        return self._recode(self._previews[path])

    def __iter__(self) -> Iterator[str]:
        """Paths in their order."""
        return iter(self._previews)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._previews)
