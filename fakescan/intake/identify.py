"""What a file is, by its first bytes; its name only decides where the bytes alone cannot (camera raw)."""

from __future__ import annotations

import codecs
import contextlib
import importlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import Literal

from fakescan.core.records import Failure

HEAD_BYTES = 4096
"""How much of a file's beginning ``sniff`` looks at."""

_DECODERS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/tiff": "TIFF",
    "image/bmp": "BMP",
    "image/avif": "AVIF",
    "image/heic": "HEIF",
    "image/heif": "HEIF",
    "image/jxl": "JXL",
    "image/x-portable-anymap": "PPM",
}
"""Pillow's decoder by media type: the whole allow-list. MPO files are JPEG files and decoded as such. HEIF is there
with the extra ``heic`` (pillow-heif), JPEG XL with the extra ``jxl`` (imagecodecs; the plugin for Pillow that has
wheels is under the GPL), AVIF where Pillow was built with it, as its wheels are.

Left out on purpose: ICO (icons, not pictures), JPEG 2000 and PSD (rare, decoders with a history of faults), EPS
(Pillow starts Ghostscript), camera raw (what is in it is no picture yet, and the preview beside it is another
picture), and the two dozen legacy formats that Pillow would open.
"""

_HEIF, _JXL = "HEIF", "JXL"
_NAMES = {
    "image/heic": "HEIC",
    "image/heif": "HEIF",
    "image/avif": "AVIF",
    "image/jxl": "JPEG XL",
    "image/jp2": "JPEG 2000",
    "image/vnd.microsoft.icon": "an icon file",
    "image/vnd.adobe.photoshop": "a Photoshop document",
    "image/svg+xml": "an SVG drawing",
    "image/x-raw": "a camera raw file",
    "image/x-adobe-dng": "a camera raw file (DNG)",
    "application/pdf": "a PDF document",
    "application/postscript": "a PostScript document",
    "application/zip": "a ZIP archive",
    "application/gzip": "a gzip archive",
    "application/x-executable": "a program",
    "video/mp4": "a video",
    "video/x-msvideo": "a video",
    "audio/x-wav": "a sound file",
    "text/html": "a web page",
    "text/plain": "a text file",
}
_HINTS = {
    "image/heic": "pip install 'fakescan-forensics[heic]', or export it as JPEG in full size",
    "image/heif": "pip install 'fakescan-forensics[heic]', or export it as JPEG in full size",
    "image/jxl": "pip install 'fakescan-forensics[jxl]', or convert it to PNG in full size (djxl of libjxl does it)",
    "image/avif": "install a build of Pillow with AVIF, or convert it to PNG",
    "image/x-raw": "export it as JPEG or TIFF in full size with a raw converter",
    "image/x-adobe-dng": "export it as JPEG or TIFF in full size with a raw converter",
    "image/svg+xml": "an SVG is drawn by code and holds no photograph: leave it out with --exclude '*.svg'",
    "application/pdf": "take the pictures out of it (for instance with pdfimages) and scan those",
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


RAW_SUFFIXES = _words(
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .k25 .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .rw2 .rwl "
    ".sr2 .srf .srw .x3f"
)
IMAGE_SUFFIXES = RAW_SUFFIXES | _words(
    ".apng .avif .avifs .bmp .blp .cur .dds .dib .eps .exr .gif .hdr .heic .heics .heif .heifs .hif .icns .ico .j2c "
    ".j2k .jfif .jif .jp2 .jpc .jpe .jpeg .jpf .jpg .jps .jpx .jxl .jxr .mpo .pam .pbm .pcx .pfm .pgm .png .pnm .ppm "
    ".psb .psd .qoi .sgi .svg .svgz .tga .tif .tiff .wdp .webp .xcf"
)
"""Suffixes that name a file like an image, lower case."""

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\xff\x0a", "image/jxl"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/jp2"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"qoif", "image/qoi"),
    (b"DDS ", "image/vnd-ms.dds"),
    (b"v/1\x01", "image/x-exr"),
    (b"gimp xcf", "image/x-xcf"),
    (b"#?RADIANCE", "image/vnd.radiance"),
    (b"icns", "image/icns"),
    (b"\x01\xda\x00\x01", "image/sgi"),
    (b"\x01\xda\x01\x01", "image/sgi"),
    (b"IIU\x00", "image/x-raw"),
    (b"IIRO", "image/x-raw"),
    (b"IIRS", "image/x-raw"),
    (b"MMOR", "image/x-raw"),
    (b"FUJIFILMCCD-RAW", "image/x-raw"),
    (b"II\x1a\x00\x00\x00HEAPCCDR", "image/x-raw"),
    (b"FOVb", "image/x-raw"),
    (b"\x00MRM", "image/x-raw"),
    (b"%PDF-", "application/pdf"),
    (b"%!PS", "application/postscript"),
    (b"\xc5\xd0\xd3\xc6", "application/postscript"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"MZ", "application/x-executable"),
    (b"\x7fELF", "application/x-executable"),
)
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_BMP_HEADER_BYTES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_PNM = re.compile(rb"P[1-7fF]\s(\s*#[^\n]*\n)*\s*[A-Z0-9]")
_SVG = re.compile(rb"<svg[\s>]", re.IGNORECASE)
_HTML = re.compile(rb"<(!doctype\s+html|html|head|body|script)[\s>]", re.IGNORECASE)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_HEIF_BRANDS = frozenset({b"mif1", b"msf1", b"mif2", b"heif"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_DNG_VERSION, _NEW_SUBFILE_TYPE, _SUB_IFDS = 0xC612, 0xFE, 0x14A


@dataclass(frozen=True, slots=True)
class Format:
    """A format that is decoded."""

    media_type: str
    """IANA media type."""
    decoder: str
    """Pillow's name of the only decoder that may touch the file."""


def sniff(head: bytes, name: str = "") -> str | None:
    """Media type by signature, or None when it is unknown.

    Args:
        head: the file's first ``HEAD_BYTES`` bytes, or all of it.
        name: the file's name; tells camera raw files from the TIFF files that they otherwise look like.
    """
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if head.startswith(_TIFF):
        return _tiff_kind(head, name)
    if head.startswith(b"RIFF"):
        return {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo", b"WAVE": "audio/x-wav"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _iso_media_kind(head)
    if head.startswith(b"BM") and len(head) >= 18 and int.from_bytes(head[14:18], "little") in _BMP_HEADER_BYTES:
        return "image/bmp"
    if head.startswith((b"\x00\x00\x01\x00", b"\x00\x00\x02\x00")) and len(head) >= 22 and head[4] > 0 and not head[5]:
        return "image/vnd.microsoft.icon"
    if _PNM.match(head):
        return "image/x-portable-anymap"
    return _text_kind(head)


def is_image(media_type: str | None) -> bool:
    """Whether a signature is an image's, decodable or not.

    Args:
        media_type: what ``sniff`` said.
    """
    return media_type is not None and media_type.startswith("image/")


def named_like_an_image(name: str) -> bool:
    """Whether a file's suffix is an image's.

    Args:
        name: file name or path.
    """
    return PurePath(name).suffix.lower() in IMAGE_SUFFIXES


def identify(head: bytes, name: str = "") -> Format | Failure:
    """The decoder for a file, or why there is none.

    Args:
        head: the file's first ``HEAD_BYTES`` bytes, or all of it.
        name: the file's name.
    """
    media_type = sniff(head, name)
    decoder = _DECODERS.get(media_type or "")
    if media_type is not None and decoder is not None and (decoder in decoders() or _late(decoder)):
        return Format(media_type, decoder)
    if media_type is None:
        if named_like_an_image(name):
            return Failure(
                "identify", "unknown-format", "its beginning is that of no known image format", "copy it again"
            )
        return Failure("identify", "not-an-image", "the file is no image", "give images, or folders with images")
    what = _NAMES.get(media_type, f"of the type {media_type}")
    hint = _HINTS.get(media_type, "convert it to JPEG or PNG" if is_image(media_type) else "give images instead")
    if is_image(media_type):
        return Failure("identify", "unsupported-format", f"the file is {what}, which cannot be decoded here", hint)
    return Failure("identify", "not-an-image", f"the file is {what}, not an image", hint)


def _late(decoder: str) -> bool:
    """Whether it is a decoder of an extra that is there, now loaded."""
    return (decoder == _HEIF and heif_is_there()) or (decoder == _JXL and jxl_is_there())


@cache
def decoders() -> frozenset[str]:
    """Pillow's own decoders that are used, by its names, as far as this build of Pillow has them."""
    from PIL import Image

    Image.preinit()
    # The others of Pillow's fifty plugins would only cost each process time.
    for plugin in ("Avif", "Tiff", "WebP"):
        with contextlib.suppress(ImportError):
            importlib.import_module(f"PIL.{plugin}ImagePlugin")
    return frozenset(decoder for decoder in _DECODERS.values() if decoder in Image.OPEN) - {_HEIF, _JXL}


@cache
def heif_is_there() -> bool:
    """Whether HEIF can be decoded; loads its library, and so is only asked when such a file is met."""
    try:
        from pillow_heif import options, register_heif_opener
    except ImportError:
        return False
    # Threads of the decoder would each take address space of their own.
    options.DECODE_THREADS = 1
    register_heif_opener(thumbnails=False)
    return True


@cache
def jxl_is_there() -> bool:
    """Whether JPEG XL can be decoded; loads its library, and so is only asked when such a file is met."""
    from fakescan.intake.jxl import register

    return register()


def _tiff_kind(head: bytes, name: str) -> str:
    """Tell TIFF from camera raw: there the first picture is only a small preview."""
    if head[8:10] == b"CR" or PurePath(name).suffix.lower() in RAW_SUFFIXES - {".dng"}:
        return "image/x-raw"
    tags = _first_directory(head, "little" if head.startswith(b"II") else "big") if b"*" in head[2:4] else {}
    if _DNG_VERSION in tags:
        return "image/x-adobe-dng"
    if tags.get(_NEW_SUBFILE_TYPE, 0) & 1 and _SUB_IFDS in tags:
        return "image/x-raw"
    return "image/tiff"


def _first_directory(head: bytes, order: Literal["little", "big"]) -> dict[int, int]:
    """Tag and raw 32-bit value field of the first directory, as far as it lies in the head."""

    def number(at: int, size: int) -> int:
        return int.from_bytes(head[at : at + size], order)

    start = number(4, 4)
    entries = range(start + 2, min(start + 2 + 12 * number(start, 2), len(head) - 11), 12)
    return {number(at, 2): number(at + 8, 4) for at in entries}


def _iso_media_kind(head: bytes) -> str:
    size = min(int.from_bytes(head[:4], "big"), 512, len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))]
    if b"avif" in brands or b"avis" in brands:
        return "image/avif"
    if _HEIC_BRANDS.intersection(brands):
        return "image/heic"
    if _HEIF_BRANDS.intersection(brands):
        return "image/heif"
    return "image/x-raw" if brands[0] == b"crx " else "video/mp4"


def _text_kind(head: bytes) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text or _BINARY.search(head):
        return None
    if text.startswith(b"<"):
        if _HTML.match(text):
            return "text/html"
        if _SVG.search(text):
            return "image/svg+xml"
    try:
        # A head that was cut off may end in the middle of a character.
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD_BYTES)
    except UnicodeDecodeError:
        return None
    return "text/plain"
