"""Photoshop's image resources: in JPEG (APP13), TIFF (tag 34377) and PSD files."""

from __future__ import annotations

from fakescan.evidence.containers.found import MAX_PARTS, Metadata

_IPTC, _EXIF, _EXIF_3, _XMP = 0x0404, 0x0422, 0x0423, 0x0424
_SIGNATURES = (b"8BIM", b"PHUT", b"AgHg", b"DCSR", b"MeSa")


def gather(resources: bytes, found: Metadata) -> None:
    """Find the metadata among the resources.

    Args:
        resources: the blocks, one after the other.
        found: where to put it.
    """
    at = 0
    for _ in range(MAX_PARTS):
        if resources[at : at + 4] not in _SIGNATURES or at + 12 > len(resources):
            return
        number, name_length = int.from_bytes(resources[at + 4 : at + 6], "big"), resources[at + 6]
        at += 6 + 1 + name_length + (1 - name_length % 2)  # the name's length byte and name are padded to even
        size = int.from_bytes(resources[at : at + 4], "big")
        block = resources[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
        if len(block) < size:
            return
        if number == _IPTC:
            found.iptc.append(block)
        elif number == _XMP:
            found.xmp.append(block)
        elif number in (_EXIF, _EXIF_3):
            found.add_exif(block)


def gather_document(data: bytes, found: Metadata) -> None:
    """Find the metadata of a PSD or PSB file.

    Args:
        data: its bytes.
        found: where to put it.
    """
    colours = int.from_bytes(data[26:30], "big")
    at = 30 + colours
    size = int.from_bytes(data[at : at + 4], "big")
    gather(data[at + 4 : at + 4 + size], found)
