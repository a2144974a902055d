"""Where metadata lies in JPEG, PNG, WebP, AVIF and TIFF files, found along their structure.

Only what belongs to the container counts: bytes after its end, and bytes that merely look like metadata in the middle
of the pixels, are not looked at. A PNG chunk whose checksum is wrong does not count either.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

from fakescan.evidence.tiff import IFD0, Tiff

MAX_TEXT_BYTES = 1_000_000
"""Longest text that a compressed PNG chunk may unpack to."""
MAX_PARTS = 10_000
"""Segments or chunks that are looked at; a file of more is made to cost time."""

_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_PNG = b"\x89PNG\r\n\x1a\n"
_RAW_EXIF = ("Raw profile type exif", "Raw profile type APP1")
_XMP_TAG = 0x02BC
_PNG_XMP = "XML:com.adobe.xmp"


@dataclass(slots=True)
class Metadata:
    """The metadata of one file, by kind; nothing of it is understood yet."""

    exif: list[bytes] = field(default_factory=list)
    """EXIF blocks: each begins with a TIFF header."""
    xmp: list[bytes] = field(default_factory=list)
    """XMP packets."""
    texts: list[tuple[str, str]] = field(default_factory=list)
    """Keyword and text of PNG text chunks, in order."""
    comments: list[bytes] = field(default_factory=list)
    """Comments of JPEG files."""


def metadata_of(data: bytes, media_type: str | None) -> Metadata:
    """Find the metadata of a file.

    Args:
        data: the file's bytes.
        media_type: its type by signature.
    """
    found = Metadata()
    match media_type:
        case "image/jpeg":
            _from_jpeg(data, found)
        case "image/png":
            _from_png(data, found)
        case "image/webp":
            _from_webp(data, found)
        case "image/avif":
            _from_avif(data, found)
        case "image/tiff" | "image/x-adobe-dng" | "image/x-raw":
            _from_tiff(data, found)
    return found


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and payload of the segments before the first scan.

    Args:
        data: bytes of a JPEG file.
    """
    at = 2
    for _ in range(MAX_PARTS):
        while data[at : at + 2] == b"\xff\xff":  # fill bytes
            at += 1
        if at + 4 > len(data) or data[at] != 0xFF:
            return
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        # Start of scan, end of image, or a length that cannot be: what follows is no header any more.
        if marker in (0xDA, 0xD9) or length < 2 or at + 2 + length > len(data):
            return
        yield marker, data[at + 4 : at + 2 + length]
        at += 2 + length


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and payload of the chunks up to IEND, those with a wrong checksum left out; pixels come empty.

    Args:
        data: bytes of a PNG file.
    """
    if not data.startswith(_PNG):
        return
    at = len(_PNG)
    for _ in range(MAX_PARTS):
        if at + 12 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if kind == b"IEND" or end + 4 > len(data):
            return
        if kind in (b"IDAT", b"fdAT"):
            yield kind, b""
        elif zlib.crc32(memoryview(data)[at + 4 : end]) == int.from_bytes(data[end : end + 4], "big"):
            yield kind, data[at + 8 : end]
        at = end + 4


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and payload of the chunks inside the RIFF container; pixels come empty.

    Args:
        data: bytes of a WebP file.
    """
    end, at = min(len(data), 8 + int.from_bytes(data[4:8], "little")), 12
    for _ in range(MAX_PARTS):
        if at + 8 > end:
            return
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + length > end:
            return
        yield kind, b"" if kind in (b"VP8 ", b"VP8L", b"ALPH", b"ANMF") else data[at + 8 : at + 8 + length]
        at += 8 + length + (length & 1)


def _from_jpeg(data: bytes, found: Metadata) -> None:
    for marker, payload in jpeg_segments(data):
        if marker == 0xE1 and payload.startswith(_EXIF):
            found.exif.append(payload[len(_EXIF) :])
        elif marker == 0xE1 and payload.startswith(_XMP):
            found.xmp.append(payload[len(_XMP) :])
        elif marker == 0xFE:
            found.comments.append(payload)


def _from_png(data: bytes, found: Metadata) -> None:
    for kind, payload in png_chunks(data):
        if kind == b"eXIf":
            found.exif.append(payload.removeprefix(_EXIF))
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, text = _png_text(kind, payload)
            if keyword == _PNG_XMP:
                found.xmp.append(text.encode("utf-8", "replace"))
            elif keyword in _RAW_EXIF:
                found.exif.append(_raw_profile(text))
            elif keyword:
                found.texts.append((keyword, text))


def _raw_profile(text: str) -> bytes:
    """The bytes that ImageMagick writes in hex: name, length, lines."""
    digits = "".join(text.split()[2:])
    try:
        return bytes.fromhex(digits).removeprefix(_EXIF)
    except ValueError:
        return b""


def _png_text(kind: bytes, payload: bytes) -> tuple[str, str]:
    """Keyword and text of a text chunk, both empty when it is damaged or unpacks to too much."""
    raw_keyword, _, rest = payload.partition(b"\0")
    keyword, packed = raw_keyword.decode("latin-1"), kind == b"zTXt"
    if kind == b"zTXt":
        rest = rest[1:]
    elif kind == b"iTXt":
        packed = rest[:1] == b"\1"
        _, _, rest = rest[2:].partition(b"\0")  # language
        _, _, rest = rest.partition(b"\0")  # translated keyword
    if packed:
        try:
            unpacker = zlib.decompressobj()
            rest = unpacker.decompress(rest, MAX_TEXT_BYTES)
        except zlib.error:
            return "", ""
        if unpacker.unconsumed_tail:
            return "", ""
    # Latin-1 by the standard unless iTXt; several generators write UTF-8 all the same.
    return keyword, _utf8_or_latin1(rest[:MAX_TEXT_BYTES])


def _utf8_or_latin1(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _from_webp(data: bytes, found: Metadata) -> None:
    for kind, payload in webp_chunks(data):
        if kind == b"EXIF":
            # With and without the prefix are both in use.
            found.exif.append(payload.removeprefix(_EXIF))
        elif kind == b"XMP ":
            found.xmp.append(payload)


def _from_tiff(data: bytes, found: Metadata) -> None:
    tiff = Tiff(data)
    if tiff.is_valid:
        found.exif.append(data)
        xmp = tiff.field(IFD0, _XMP_TAG)
        if xmp:
            found.xmp.append(xmp)


def _from_avif(data: bytes, found: Metadata) -> None:
    """Pillow finds the metadata while it opens the file, without decoding a pixel."""
    from PIL import Image

    Image.init()
    if "AVIF" not in Image.OPEN:
        return
    with warnings.catch_warnings():
        # A size that is too much for the decoder is nothing to this reader.
        warnings.simplefilter("ignore")
        with Image.open(BytesIO(data), formats=["AVIF"]) as image:
            info = dict(image.info)
    exif, xmp = info.get("exif"), info.get("xmp")
    if isinstance(exif, bytes):
        found.exif.append(exif.removeprefix(_EXIF))
    if isinstance(xmp, bytes):
        found.xmp.append(xmp)
