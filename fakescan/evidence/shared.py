"""What several readers need of a file is read once: kept as long as the file is looked at, and not a moment longer."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from fakescan.core.records import SourceFile
from fakescan.evidence.containers import Metadata, metadata_of
from fakescan.evidence.xmp import Property, readable_properties

_Found = TypeVar("_Found")


def once_a_file(read: Callable[[SourceFile, bytes], _Found]) -> Callable[[SourceFile, bytes], _Found]:
    """Read something of a file only once, and give the same to all who ask. Nobody may change it.

    Args:
        read: reads it; what it raises, everybody hears.
    """
    known: WeakKeyDictionary[SourceFile, tuple[bytes, _Found]] = WeakKeyDictionary()

    @wraps(read)
    def found(file: SourceFile, data: bytes) -> _Found:
        kept = known.get(file)
        # Files are equal by what is said of them; the bytes are what counts.
        if kept is None or kept[0] is not data:
            kept = known[file] = data, read(file, data)
        return kept[1]

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
