"""Where metadata lies in a file, found along the structure of its container.

Only what belongs to the container counts: bytes after its end, and bytes that merely look like metadata in the middle
of the pixels, are not looked at. A PNG chunk whose checksum is wrong does not count either.
"""

from __future__ import annotations

from fakescan.evidence.containers import boxes, gif, jpeg, photoshop, png, webp
from fakescan.evidence.containers.found import Metadata
from fakescan.evidence.tiff import IFD0, Tiff

__all__ = ["Metadata", "end_of", "metadata_of"]

_XMP_TAG, _IPTC_TAG, _PHOTOSHOP_TAG, _C2PA_TAG = 0x02BC, 0x83BB, 0x8649, 0xCD41
_BOXED = frozenset({"image/avif", "image/heic", "image/heif", "image/jxl", "image/jp2"})


def metadata_of(data: bytes, media_type: str | None) -> Metadata:
    """Find the metadata of a file.

    Args:
        data: the file's bytes.
        media_type: its type by signature.
    """
    found = Metadata()
    match media_type:
        case "image/jpeg":
            jpeg.gather(data, found)
        case "image/png":
            png.gather(data, found)
        case "image/webp":
            webp.gather(data, found)
        case "image/gif":
            gif.gather(data, found)
        case "image/vnd.adobe.photoshop":
            photoshop.gather_document(data, found)
        case "image/tiff" | "image/x-adobe-dng":
            _from_tiff(data, found)
        case "image/x-raw":
            # Some makers wrap their raw files in boxes, most in TIFF.
            if data[4:8] == b"ftyp":
                boxes.gather(data, found)
            else:
                _from_tiff(data, found)
        case kind if kind in _BOXED and not data.startswith(b"\xff\x0a"):
            boxes.gather(data, found)
    return found


def end_of(data: bytes, media_type: str | None) -> int | None:
    """Offset behind the picture, where the container tells it.

    Args:
        data: the file's bytes.
        media_type: its type by signature.
    """
    match media_type:
        case "image/jpeg":
            return jpeg.end_of(data)
        case "image/png":
            return png.end_of(data)
        case "image/webp":
            return webp.end_of(data)
        case "image/gif":
            return gif.gather(data, Metadata())
        case "image/bmp":
            return int.from_bytes(data[2:6], "little") or None
        case kind if kind in _BOXED and not data.startswith(b"\xff\x0a"):
            return boxes.end_of(data)
    return None


def _from_tiff(data: bytes, found: Metadata) -> None:
    tiff = Tiff(data)
    if not tiff.is_valid:
        found.unread.append("the fields of a kind of TIFF or raw file that is not known here")
        return
    found.exif.append(data)
    for tag, blocks in ((_XMP_TAG, found.xmp), (_IPTC_TAG, found.iptc), (_C2PA_TAG, found.jumbf)):
        block = tiff.field(IFD0, tag)
        if block:
            blocks.append(block)
    resources = tiff.field(IFD0, _PHOTOSHOP_TAG)
    if resources:
        photoshop.gather(resources, found)
