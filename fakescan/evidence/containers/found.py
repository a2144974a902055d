"""The metadata of one file, gathered by kind; nothing of it is understood yet."""

from __future__ import annotations

from dataclasses import dataclass, field

EXIF_PREFIX = b"Exif\0\0"
"""Stands before the TIFF header in JPEG, and, against the standards, in some other containers."""
MAX_TEXT_BYTES = 1_000_000
"""Longest text that a compressed field may unpack to."""
MAX_PARTS = 10_000
"""Segments, chunks or boxes that are looked at; a file of more is made to cost time."""


@dataclass(slots=True)
class Metadata:
    """Raw blocks of metadata, each in the order of the file."""

    exif: list[bytes] = field(default_factory=list)
    """EXIF blocks: each begins with a TIFF header."""
    xmp: list[bytes] = field(default_factory=list)
    """XMP packets."""
    iptc: list[bytes] = field(default_factory=list)
    """IPTC-IIM records, as Photoshop stores them."""
    texts: list[tuple[str, str]] = field(default_factory=list)
    """Keyword and text of PNG text chunks."""
    comments: list[bytes] = field(default_factory=list)
    """Comments of JPEG and GIF files."""
    jumbf: list[bytes] = field(default_factory=list)
    """Stores of Content Credentials (JUMBF boxes), put together where the container cuts them up."""
    unread: list[str] = field(default_factory=list)
    """What was seen but could not be unpacked, in words."""

    def add_exif(self, block: bytes) -> None:
        """Take an EXIF block with or without its prefix.

        Args:
            block: the container's field.
        """
        block = block.removeprefix(EXIF_PREFIX)
        if block:
            self.exif.append(block)


def text_of(raw: bytes) -> str:
    """UTF-8, else Latin-1: the standards ask for one or the other, and writers do as they like.

    Args:
        raw: a text field.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
