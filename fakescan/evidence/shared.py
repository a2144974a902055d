"""What several readers need of a file is read once: kept as long as the file is looked at, and not a moment longer."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import ref

from fakescan.core.records import SourceFile
from fakescan.evidence.containers import Metadata, metadata_of
from fakescan.evidence.xmp import Property, readable_properties

_Found = TypeVar("_Found")


def once_a_file(read: Callable[[SourceFile, bytes], _Found]) -> Callable[[SourceFile, bytes], _Found]:
    """Read something of a file only once, and give the same to all who ask. Nobody may change it.

    Args:
        read: reads it; what it raises, everybody hears.
    """
    latest: list[tuple[ref[SourceFile], bytes, _Found]] = []

    def forget(_gone: ref[SourceFile]) -> None:
        latest.clear()

    @wraps(read)
    def found(file: SourceFile, data: bytes) -> _Found:
        for of_file, of_data, known in latest:  # one at most; a weak mapping would take longer than most readings
            if of_file() is file and of_data is data:
                return known
        new = read(file, data)
        latest[:] = [(ref(file, forget), data, new)]
        return new

    return found


@once_a_file
def metadata(file: SourceFile, data: bytes) -> Metadata:
    """The metadata of a file.

    Args:
        file: the file; its media type tells the container.
        data: its bytes.
    """
    return metadata_of(data, file.media_type)


@once_a_file
def properties(file: SourceFile, data: bytes) -> tuple[list[Property], bool]:
    """The properties in a file's XMP, and whether a packet could not be read.

    Args:
        file: the file; its media type tells the container.
        data: its bytes.
    """
    return readable_properties(metadata(file, data).xmp)
