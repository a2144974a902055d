"""The file as a whole: data behind the picture, files that are two things at once, a suffix that does not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fakescan.core.records import Evidence, EvidenceStatus, SourceFile
from fakescan.evidence import shared
from fakescan.evidence.containers import end_of

_SUFFIXES = {
    "image/jpeg": "jpg jpeg jpe jfif jif jfi jps mpo thm",
    "image/png": "png apng",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/tiff": "tif tiff gtiff",
    "image/bmp": "bmp dib",
    "image/avif": "avif avifs heif hif",
    "image/heic": "heic heics heif heifs hif",
    "image/heif": "heif heifs heic heics hif avif",
    "image/jxl": "jxl",
    "image/jp2": "jp2 j2k jpc jpf jpx j2c",
    "image/vnd.adobe.photoshop": "psd psb",
    "image/x-portable-anymap": "pbm pgm ppm pnm pam pfm",
    "image/svg+xml": "svg",
}
_KNOWN = frozenset(word for words in _SUFFIXES.values() for word in words.split())
_TAILS = (
    (re.compile(rb"[\x00\xff\s]*\Z"), "padding", "Empty bytes behind the picture: harmless."),
    (
        re.compile(rb".{0,4096}\xff\xd8\xff", re.DOTALL),
        "a picture",
        "A second picture: a preview, a depth map or a burst.",
    ),
    (re.compile(rb".{4}ftyp", re.DOTALL), "a video", "A video: a moving photo of a phone, or something hidden."),
    (re.compile(rb".{0,4096}PK\x03\x04", re.DOTALL), "a ZIP archive", "An archive is hidden behind the picture."),
    (re.compile(rb".{0,64}Rar!\x1a\x07", re.DOTALL), "a RAR archive", "An archive is hidden behind the picture."),
    (
        re.compile(rb".{0,64}7z\xbc\xaf\x27\x1c", re.DOTALL),
        "a 7-Zip archive",
        "An archive is hidden behind the picture.",
    ),
    (re.compile(rb".{0,1024}%PDF-", re.DOTALL), "a PDF document", "A document is hidden behind the picture."),
    (
        re.compile(rb".{0,4096}(<\?php|<script|<html)", re.DOTALL | re.IGNORECASE),
        "a script",
        "A script is hidden there.",
    ),
    (re.compile(rb"(MZ|\x7fELF)"), "a program", "A program is hidden behind the picture."),
)
_SAMSUNG = b"SEFT"
_SCRIPT = re.compile(r"(?i)<\?php|<script\b|<html\b|<svg\b|javascript:|on(error|load)\s{0,4}=")
_GIF_SCRIPT = re.compile(rb"GIF8[79]a(/\*|=)")
_PDF = b"%PDF-"
_ZIP_END = b"PK\5\6"
_ZIP_END_BYTES = 66_000
_TAIL_BYTES = 8_192
_MAX_SUFFIX_CHARS = 12


class FileReader:
    """Looks at what surrounds the picture."""

    name = "file"

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        """What is odd about a file as a whole.

        Args:
            file: the file; its path tells the suffix, its media type the container.
            data: its bytes.
        """
        try:
            found = [
                *self._suffix(file),
                *self._tail(data, file.media_type),
                *self._two_things(file, data),
            ]
            return found or [self._said(EvidenceStatus.SILENT, "Nothing lies behind the picture; the suffix fits.")]
        except Exception:  # the contract of readers: hostile bytes become a finding, whatever they raise
            return [self._said(EvidenceStatus.FAILED, "The end of the picture could not be found.")]

    def _suffix(self, file: SourceFile) -> Iterator[Evidence]:
        stem, dot, ending = file.path.rpartition("/")[2].rpartition(".")  # ``PurePath`` is slow
        suffix, fitting = ending.lower() if stem and dot else "", _SUFFIXES.get(file.media_type or "")
        if fitting and suffix in _KNOWN and suffix not in fitting.split() and len(suffix) <= _MAX_SUFFIX_CHARS:
            note = (
                "The name ends like another kind of picture than the file is. Harmless by itself; often a re-encoding."
            )
            yield Evidence(self.name, "wrong suffix", f".{suffix} on {file.media_type}", note=note)

    def _tail(self, data: bytes, media_type: str | None) -> Iterator[Evidence]:
        end = end_of(data, media_type)
        if end is None or not 0 < end < len(data):
            return
        tail = data[end : end + _TAIL_BYTES]
        what, note = (
            "unknown data",
            "Data of unknown kind lies behind the picture. It is not part of it and was not read.",
        )
        if data.endswith(_SAMSUNG):
            what, note = "Samsung's trailer", "Notes of a Samsung phone lie behind the picture: harmless."
        else:
            for pattern, named, told in _TAILS:
                if pattern.match(tail) and (named != "padding" or len(data) - end <= _TAIL_BYTES):
                    what, note = named, told
                    break
        yield Evidence(self.name, "data behind the picture", f"{len(data) - end} bytes: {what}", note=note)

    def _two_things(self, file: SourceFile, data: bytes) -> Iterator[Evidence]:
        others, media_type = [], file.media_type
        if media_type == "image/gif" and _GIF_SCRIPT.match(data):
            others.append("a script (its first bytes are written to be read as one)")
        if media_type is not None and media_type.startswith("image/") and _PDF in data[:1024]:
            others.append("a PDF document")
        if _ZIP_END in data[-_ZIP_END_BYTES:] and b"PK\1\2" in data:
            others.append("a ZIP archive")
        for other in others:
            note = "The file is a picture and something else at once, which is made on purpose."
            yield Evidence(self.name, "two kinds of file", other, note=note)
        metadata = shared.metadata(file, data)
        texts = [*(text for _, text in metadata.texts), *(raw.decode("latin-1") for raw in metadata.comments)]
        if any(_SCRIPT.search(text[:100_000]) for text in texts):
            note = "A text field of the file holds the beginning of a script or page. It does nothing in this report."
            yield Evidence(self.name, "script in a text field", "", note=note)

    def _said(self, status: EvidenceStatus, note: str) -> Evidence:
        return Evidence(self.name, "file", "", status=status, note=note)
