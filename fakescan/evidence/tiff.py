"""A small, bounded look into a TIFF structure (which is what EXIF is): raw fields, and what a full read would cost."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

IFD0, EXIF_IFD, GPS_IFD = "ifd0", "exif", "gps"

_POINTERS = {0x8769: EXIF_IFD, 0x8825: GPS_IFD}
_ALL_POINTERS = (0x8769, 0x8825, 0xA005)
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_ASCII = 2
_MAX_ENTRIES = 1_000
_MAX_FIELD_BYTES = 1_000_000
_MAX_WORK = 200_000
_BULK_COUNT = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a directory, its value not looked at yet."""

    tag: int
    """Tag number."""
    kind: int
    """TIFF field type."""
    count: int
    """Number of values."""
    value_at: int
    """Where the four value bytes lie."""


class Tiff:
    """A TIFF block that may be anything."""

    def __init__(self, data: bytes) -> None:
        """Take the bytes over.

        Args:
            data: begins with a TIFF header, or does not.
        """
        self._data = data
        self._order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4], "")

    @property
    def is_valid(self) -> bool:
        """Whether it begins with a TIFF header."""
        return bool(self._order)

    def field(self, directory: str, tag: int) -> bytes | None:
        """Raw bytes of a field of the first directory, or of its EXIF or GPS directory; None when it is not there.

        Args:
            directory: ``IFD0``, ``EXIF_IFD`` or ``GPS_IFD``.
            tag: tag number; where it stands several times, the first counts.
        """
        entry = self._index.get((directory, tag))
        return None if entry is None else self._raw(entry)

    @cached_property
    def _index(self) -> dict[tuple[str, int], Entry]:
        found: dict[tuple[str, int], Entry] = {}
        if self.is_valid:
            for entry in self._entries(self._number(4, 4)):
                found.setdefault((IFD0, entry.tag), entry)
            for pointer, directory in _POINTERS.items():
                if (IFD0, pointer) in found:
                    for entry in self._entries(self._number(found[IFD0, pointer].value_at, 4)):
                        found.setdefault((directory, entry.tag), entry)
        return found

    def is_bearable(self) -> bool:
        """Whether reading every directory and value, as exifread does, takes bounded work.

        A few kilobytes can hold thousands of pointers to directories of thousands of entries each.
        """
        if not self.is_valid:
            return False
        work, at, seen = 0, self._number(4, 4), set[int]()
        while at and at not in seen:
            seen.add(at)
            for directory in chain((at,), self._sub_directories(at)):  # lazily: there may be millions
                work += self._work_of(directory)
                if work > _MAX_WORK:
                    return False
            at = self._number(at + 2 + 12 * self._number(at, 2), 4)
            if len(seen) > _MAX_ENTRIES:
                return False
        return True

    def _sub_directories(self, at: int) -> Iterator[int]:
        for entry in self._entries(at, limit=0xFFFF):
            if entry.tag in _ALL_POINTERS:
                nested = self._pointer(entry)
                yield nested
                yield from (
                    self._pointer(inner) for inner in self._entries(nested, limit=0xFFFF) if inner.tag in _ALL_POINTERS
                )

    def _pointer(self, entry: Entry) -> int:
        """Its first value, as exifread takes it: pointers are four bytes long, but a file may say otherwise."""
        size = _TYPE_BYTES.get(entry.kind, 0)
        inline = size * entry.count <= 4
        return self._number(entry.value_at if inline else self._number(entry.value_at, 4), size)

    def _work_of(self, at: int) -> int:
        work = self._number(at, 2)
        for entry in self._entries(at, limit=0xFFFF):
            if entry.kind == _ASCII:
                work += min(entry.count, len(self._data)) // _BULK_COUNT
            elif entry.count < _BULK_COUNT:
                work += entry.count
            if work > _MAX_WORK:
                break
        return work

    def _entries(self, at: int, limit: int = _MAX_ENTRIES) -> Iterator[Entry]:
        for number in range(min(self._number(at, 2), limit)):
            start = at + 2 + 12 * number
            if start + 12 > len(self._data):
                return
            tag, kind, count = struct.unpack_from(f"{self._order}HHI", self._data, start)
            yield Entry(tag, kind, count, start + 8)

    def _raw(self, entry: Entry) -> bytes:
        size = _TYPE_BYTES.get(entry.kind, 0) * entry.count
        start = entry.value_at if size <= 4 else self._number(entry.value_at, 4)
        return self._data[start : start + min(size, _MAX_FIELD_BYTES)]

    def _number(self, at: int, size: int) -> int:
        """An unsigned number, 0 where there is none."""
        raw = self._data[at : at + size]
        return int.from_bytes(raw, "little" if self._order == "<" else "big") if len(raw) == size else 0
