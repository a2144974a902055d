"""PNG: chunks with a right checksum up to IEND, before the pixels and after them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from fakescan.evidence.containers.found import EXIF_PREFIX, MAX_PARTS, MAX_TEXT_BYTES, Metadata, text_of

_PNG = b"\x89PNG\r\n\x1a\n"
_RAW_EXIF = ("Raw profile type exif", "Raw profile type APP1")
_RAW_XMP = "Raw profile type xmp"
_RAW_IPTC = ("Raw profile type iptc", "Raw profile type 8bim")
_XMP = "XML:com.adobe.xmp"
_XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
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
        if kind == b"caBX" and end + 4 > len(data):
            yield kind, data[at + 8 :]  # Content Credentials that were cut off are still a sign that they were there
        if kind == b"IEND" or end + 4 > len(data):
            return
        if kind in (b"IDAT", b"fdAT"):
            yield kind, b""
        elif zlib.crc32(memoryview(data)[at + 4 : end]) == int.from_bytes(data[end : end + 4], "big"):
            yield kind, data[at + 8 : end]
        at = end + 4


def end_of(data: bytes) -> int | None:
    """Offset behind the IEND chunk; None when there is none.

    Args:
        data: bytes of a PNG file.
    """
    at = len(_PNG)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        at += 12 + length
        if kind == b"IEND":
            return at if at <= len(data) else None
    return None


def gather(data: bytes, found: Metadata) -> None:
    """Find the metadata of a PNG file.

    Args:
        data: its bytes.
        found: where to put it.
    """
    for kind, payload in chunks(data):
        if kind == b"eXIf":
            found.add_exif(payload)
        elif kind == b"caBX":
            found.jumbf.append(payload)
        elif kind == b"comf":
            # ComfyUI's own chunk in animated PNG files: a keyword and JSON, as in tEXt.
            keyword, _, text = payload[:MAX_TEXT_BYTES].partition(b"\0")
            found.texts.append((keyword.decode("latin-1"), text_of(text)))
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            _gather_text(kind, payload, found)


def _gather_text(kind: bytes, payload: bytes, found: Metadata) -> None:
    keyword, text = _text(kind, payload)
    if text is None:
        found.unread.append("a compressed text that is damaged or unpacks to more than is read")
    elif keyword == _XMP:
        found.xmp.append(text.encode("utf-8", "replace"))
    elif keyword in _RAW_EXIF:
        block = _raw_profile(text)
        if block.startswith(_XMP_PREFIX):
            found.xmp.append(block[len(_XMP_PREFIX) :])
        else:
            found.add_exif(block)
    elif keyword == _RAW_XMP:
        found.xmp.append(_raw_profile(text))
    elif keyword in _RAW_IPTC:
        _gather_iptc(_raw_profile(text), found)
    elif keyword:
        found.texts.append((keyword, text))


def _gather_iptc(block: bytes, found: Metadata) -> None:
    from fakescan.evidence.containers import photoshop

    if block.startswith(b"8BIM"):
        photoshop.gather(block, found)
    elif block:
        found.iptc.append(block)


def _raw_profile(text: str) -> bytes:
    """The bytes that ImageMagick writes in hex: name, length, lines."""
    digits = "".join(text.split()[2:])
    try:
        return bytes.fromhex(digits).removeprefix(EXIF_PREFIX)
    except ValueError:
        return b""


def _text(kind: bytes, payload: bytes) -> tuple[str, str | None]:
    """Keyword and text of a text chunk; no text when it is damaged or unpacks to too much."""
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
            return keyword, None
        if unpacker.unconsumed_tail:
            return keyword, None
    # Latin-1 by the standard unless iTXt; several generators write UTF-8 all the same.
    return keyword, text_of(rest[:MAX_TEXT_BYTES])
