"""Every text of a file in which a generator may have signed, with the field that it stood in."""

from __future__ import annotations

from collections.abc import Iterator

from fakescan.evidence import iptc
from fakescan.evidence.containers import Metadata
from fakescan.evidence.generators.mark import Text
from fakescan.evidence.text import decoded, user_comment
from fakescan.evidence.tiff import EXIF_IFD, IFD0, Tiff
from fakescan.evidence.xmp import Property

_EXIF_TEXTS = {0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model", 0x0131: "Software", 0x000B: "Software"}
_WINDOWS_TEXTS = {0x9C9B: "Title", 0x9C9C: "Comment", 0x9C9F: "Subject"}
_USER_COMMENT = 0x9286
_XMP_TEXTS = {
    "AIGC": "AIGC",
    "UserComment": "UserComment",
    "description": "Description",
    "CreatorTool": "CreatorTool",
    "Software": "Software",
    "parameters": "parameters",
    "prompt": "prompt",
    "workflow": "workflow",
}
_IPTC_TEXTS = {"Caption": "Caption", "OriginatingProgram": "OriginatingProgram", "SpecialInstructions": "Comment"}
_AIGC_NAMESPACE = "tc260.org.cn"


def texts_of(metadata: Metadata, xmp: list[Property]) -> list[Text]:
    """The texts of a file, in order.

    Args:
        metadata: its raw metadata.
        xmp: its XMP properties.
    """
    texts = [Text(keyword, text) for keyword, text in metadata.texts]
    texts += [Text("Comment", decoded(comment)) for comment in metadata.comments]
    for block in metadata.exif:
        texts += _of_exif(block)
    texts += [Text(_XMP_TEXTS[item.name], item.value) for item in xmp if item.name in _XMP_TEXTS and not item.within]
    # The label also occurs with its parts as properties of their own.
    texts += [
        Text("AIGC", f'{{"Label": "{item.value.strip()[:1]}"}}')
        for item in xmp
        if item.name == "Label" and _AIGC_NAMESPACE in item.namespace
    ]
    for block in metadata.iptc:
        texts += [Text(_IPTC_TEXTS[name], value) for name, value in iptc.fields(block) if name in _IPTC_TEXTS]
    return texts


def _of_exif(block: bytes) -> Iterator[Text]:
    tiff = Tiff(block)
    for tag, name in _EXIF_TEXTS.items():
        raw = tiff.field(IFD0, tag)
        if raw:
            yield Text(name, decoded(raw))
    for tag, name in _WINDOWS_TEXTS.items():
        raw = tiff.field(IFD0, tag)
        if raw:
            yield Text(name, raw.decode("utf-16-le", "replace").rstrip("\0"))
    comment = tiff.field(EXIF_IFD, _USER_COMMENT) or tiff.field(IFD0, _USER_COMMENT)
    if comment:
        yield Text("UserComment", user_comment(comment, big_endian=block[:2] == b"MM"))
