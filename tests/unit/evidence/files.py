"""Small files with metadata, put together byte by byte."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

from PIL import Image

from fakescan.core.records import SourceFile

JPEG, PNG, WEBP, TIFF, AVIF = "image/jpeg", "image/png", "image/webp", "image/tiff", "image/avif"
EXIF_PREFIX = b"Exif\0\0"
XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
PARAMETERS = (
    "a lighthouse at dusk\nNegative prompt: blurry\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 12345, Size: 512x512, Model hash: 0123456789"
)


def source(data: bytes, media_type: str | None) -> SourceFile:
    return SourceFile("a", len(data), "0" * 64, media_type)


def plain(kind: str) -> bytes:
    out = BytesIO()
    Image.new("RGB", (8, 8), "navy").save(out, kind)
    return out.getvalue()


def segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def jpeg(*segments: bytes) -> bytes:
    data = plain("JPEG")
    return data[:2] + b"".join(segments) + data[2:]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def text_chunk(keyword: str, text: str) -> bytes:
    return chunk(b"iTXt", keyword.encode() + b"\0\0\0\0\0" + text.encode())


def png(*chunks: bytes, late: bool = False) -> bytes:
    data = plain("PNG")
    at = len(data) - 12 if late else 33
    return data[:at] + b"".join(chunks) + data[at:]


def riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


def webp(*chunks: bytes) -> bytes:
    pixels = plain("WEBP")[12:]
    body = b"WEBP" + riff_chunk(b"VP8X", bytes(10)) + pixels + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def exif_block(**fields: object) -> bytes:
    """A TIFF block; names as in EXIF, those of the sub-directories included."""
    exif = Image.Exif()
    main = {"Make": 0x10F, "Model": 0x110, "Software": 0x131, "ImageDescription": 0x10E, "Orientation": 0x112}
    inner = {"DateTimeOriginal": 0x9003, "LensModel": 0xA434, "UserComment": 0x9286}
    for name, value in fields.items():
        if name in main:
            exif[main[name]] = value
        elif name == "gps":
            exif.get_ifd(0x8825).update(value)  # type: ignore[call-overload]
        else:
            exif.get_ifd(0x8769)[inner[name]] = value
    return exif.tobytes().removeprefix(EXIF_PREFIX)


def with_exif(kind: str, block: bytes) -> bytes:
    if kind == JPEG:
        return jpeg(segment(0xE1, EXIF_PREFIX + block))
    return png(chunk(b"eXIf", block)) if kind == PNG else webp(riff_chunk(b"EXIF", block))


def iptc_record(number: int, text: bytes) -> bytes:
    return b"\x1c\x02" + bytes([number]) + struct.pack(">H", len(text)) + text


def photoshop_resource(number: int, body: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(body)) + body + b"\0" * (len(body) & 1)


def iptc_segment(number: int, text: bytes) -> bytes:
    """APP13 with one IPTC record."""
    return segment(0xED, b"Photoshop 3.0\0" + photoshop_resource(0x0404, iptc_record(number, text)))


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def xmp_packet(properties: str) -> bytes:
    return (
        b"<?xpacket begin='\xef\xbb\xbf' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
        b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about=''"
        b" xmlns:Iptc4xmpExt='http://iptc.org/std/Iptc4xmpExt/2008-02-29/' xmlns:TC260='http://www.tc260.org.cn/ns/AIGC/1.0/'"
        b" xmlns:photoshop='http://ns.adobe.com/photoshop/1.0/'>"
        + properties.encode()
        + b"</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
        + b" " * 40
    )
