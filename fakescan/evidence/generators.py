"""Marks that image generators leave in files: prompts, workflows, labels; all of it unsigned and easily added."""

from __future__ import annotations

from collections.abc import Iterator

from fakescan.core.records import Evidence, EvidenceStatus, SourceFile, Strength, Supports
from fakescan.evidence.containers import Metadata, metadata_of
from fakescan.evidence.marks import UNSIGNED, Text, marks_of
from fakescan.evidence.text import MAX_PROMPT_CHARS, cleaned, decoded
from fakescan.evidence.tiff import EXIF_IFD, IFD0, Tiff
from fakescan.evidence.xmp import Property, XmpError, properties

_EXIF_TEXTS = {
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
}
_USER_COMMENT = 0x9286
_IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"

_SOURCE_TYPES = {
    "trainedalgorithmicmedia": (Supports.FAKE, Strength.UNSIGNED, "The metadata declares it made by AI."),
    "compositewithtrainedalgorithmicmedia": (
        Supports.EDITED,
        Strength.UNSIGNED,
        "The metadata declares it edited with AI.",
    ),
    "compositesynthetic": (Supports.EDITED, Strength.UNSIGNED, "The metadata declares it a mix with synthetic parts."),
}
_CREDITS = {
    "made with google ai": (Supports.FAKE, "The credit line says that Google's AI made it."),
    "edited with google ai": (Supports.EDITED, "The credit line says that it was edited with Google's AI."),
    "apple photos clean up": (Supports.EDITED, "The credit line says that something was removed with Apple's AI."),
}
_AI_FIELDS = ("AISystemUsed", "AIPromptInformation")


class GeneratorsReader:
    """Reads the marks of generators out of text fields, EXIF and XMP."""

    name = "generators"

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        """Marks of generators in a file.

        Args:
            file: the file; its media type tells the container.
            data: its bytes.
        """
        try:
            metadata = metadata_of(data, file.media_type)
            texts, xmp, damaged = self._gathered(metadata)
            found = [*self._from_texts(texts), *self._from_xmp(xmp)]
            if damaged:
                note = "A block of XMP metadata is damaged, or built to do harm, and was not read."
                found.append(Evidence(self.name, "XMP", "", status=EvidenceStatus.FAILED, note=note))
            return found or [self._said(EvidenceStatus.SILENT, "No mark of an image generator was found in the file.")]
        except Exception:  # the contract of readers: hostile bytes become a finding, whatever they raise
            return [self._said(EvidenceStatus.FAILED, "The metadata is damaged.")]

    def _gathered(self, metadata: Metadata) -> tuple[list[Text], list[Property], bool]:
        texts = [Text(keyword, text) for keyword, text in metadata.texts]
        texts += [Text("Comment", decoded(comment)) for comment in metadata.comments]
        for block in metadata.exif:
            texts += _exif_texts(block)
        xmp: list[Property] = []
        damaged = False
        for packet in metadata.xmp:
            try:
                xmp += properties(packet)
            except XmpError:
                damaged = True
        texts += [Text(item.name, item.value) for item in xmp if item.name in ("AIGC", "UserComment")]
        return texts, xmp, damaged

    def _from_texts(self, texts: list[Text]) -> Iterator[Evidence]:
        for mark in marks_of(texts):
            value = cleaned(mark.value, MAX_PROMPT_CHARS)
            yield Evidence(self.name, mark.name, value, mark.supports, mark.strength, note=mark.note)

    def _from_xmp(self, xmp: list[Property]) -> Iterator[Evidence]:
        told: set[tuple[str, str]] = set()
        for item in xmp:
            evidence = self._of_property(item)
            if evidence is not None and (evidence.name, evidence.value) not in told:
                told.add((evidence.name, evidence.value))
                yield evidence

    def _of_property(self, item: Property) -> Evidence | None:
        value = cleaned(item.value)
        if item.namespace == _IPTC_EXT and item.name == "DigitalSourceType":
            kind = item.value.strip().rstrip("/").rpartition("/")[2].lower()
            supports, strength, note = _SOURCE_TYPES.get(kind, (Supports.NONE, Strength.CONTEXT, ""))
            return Evidence(self.name, item.name, value, supports, strength, note=f"{note} {UNSIGNED}" if note else "")
        if item.namespace == _IPTC_EXT and item.name in _AI_FIELDS:
            note = f"A field for pictures that an AI system made is filled in. {UNSIGNED}"
            value = cleaned(item.value, MAX_PROMPT_CHARS)
            return Evidence(self.name, item.name, value, Supports.FAKE, Strength.UNSIGNED, note=note)
        if item.namespace == _PHOTOSHOP and item.name == "Credit" and item.value.strip().lower() in _CREDITS:
            supports, note = _CREDITS[item.value.strip().lower()]
            return Evidence(self.name, item.name, value, supports, Strength.UNSIGNED, note=f"{note} {UNSIGNED}")
        return None

    def _said(self, status: EvidenceStatus, note: str) -> Evidence:
        return Evidence(self.name, "marks of generators", "", status=status, note=note)


def _exif_texts(block: bytes) -> Iterator[Text]:
    tiff = Tiff(block)
    for tag, name in _EXIF_TEXTS.items():
        raw = tiff.field(IFD0, tag)
        if raw:
            yield Text(name, decoded(raw))
    comment = tiff.field(EXIF_IFD, _USER_COMMENT)
    if comment:
        yield Text("UserComment", _user_comment(comment, block))


def _user_comment(raw: bytes, block: bytes) -> str:
    """A user comment begins with eight bytes that name its encoding."""
    encoding, body = raw[:8], raw[8:]
    if encoding != b"UNICODE\0":
        return decoded(body)
    # UTF-16 in the byte order of the block by the standard; some writers always take the other one.
    orders = ("utf-16-le", "utf-16-be") if block[:2] == b"II" else ("utf-16-be", "utf-16-le")
    readings = [body.decode(order, "replace").rstrip("\0") for order in orders]
    return max(readings, key=lambda text: sum(char.isascii() for char in text[:400]))
