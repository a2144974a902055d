"""Marks of generators that are hidden in the pixels: the open watermark of Stable Diffusion, and NovelAI's text."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from fakescan.core.records import Evidence, EvidenceStatus, SourceFile, Strength, Supports
from fakescan.evidence import dwtdct, stealth
from fakescan.evidence.generators import evidence_of, marks_of
from fakescan.evidence.generators.mark import UNSIGNED, Text
from fakescan.evidence.jpeg_structure import structure_in

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 40_000_000
"""Larger pictures are not decoded for this: no generator that leaves these marks makes them."""

_DECODERS = {"image/png": "PNG", "image/webp": "WEBP", "image/bmp": "BMP", "image/jpeg": "JPEG"}
_JPEG_QUALITY = 90
"""Below this, and with halved colour at any quality, the watermark does not survive (measured)."""
_MODES = frozenset({"RGB", "RGBA", "RGBX"})


class PixelsReader:
    """Decodes the picture and looks for marks in the pixels."""

    name = "pixels"

    def __init__(self) -> None:
        """Begin without a picture."""
        self.picture: Image | None = None
        """The picture as it was decoded, for whoever needs it too; None where that was not necessary or failed."""

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        """Marks in the pixels of a file.

        Args:
            file: the file; its media type names the only decoder that is used.
            data: its bytes.
        """
        decoder = _DECODERS.get(file.media_type or "")
        self.picture = None
        try:
            if decoder is None or (decoder == "JPEG" and not _keeps_marks(file, data)):
                note = "Not looked for: hidden marks of this sort do not survive in a file of this kind."
                return [self._said(EvidenceStatus.NOT_RUN, note)]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # text of the file would reach the terminal
                return self._decoded(data, decoder)
        except Exception:  # the contract of readers: hostile bytes become a finding, whatever they raise
            return [self._said(EvidenceStatus.FAILED, "The picture could not be decoded to look for hidden marks.")]

    def _decoded(self, data: bytes, decoder: str) -> list[Evidence]:
        from PIL import Image as Pillow

        # Never closed: it holds nothing but the bytes, and whoever takes the picture over may still read its fields.
        image = Pillow.open(BytesIO(data), formats=[decoder])
        if image.width * image.height > MAX_PIXELS:
            return [self._said(EvidenceStatus.NOT_RUN, "Not looked for: the picture is too large.")]
        if image.mode not in _MODES:
            return [self._said(EvidenceStatus.SILENT, "No hidden mark was found; that means nothing.")]
        image.load()
        self.picture = image
        found = list(self._marks(image))
        return found or [self._said(EvidenceStatus.SILENT, "No hidden mark was found; that means nothing.")]

    def _marks(self, image: Image) -> Iterator[Evidence]:
        hidden = stealth.find(image)
        if hidden:
            note = f"A text is hidden in the lowest bits of the pixels, as NovelAI and web UIs do. {UNSIGNED}"
            marks = list(evidence_of(self.name, marks_of([Text("parameters", hidden)])))
            # Without the form of a generator it is only a hidden text.
            supports, strength = (Supports.FAKE, Strength.UNSIGNED) if marks else (Supports.NONE, Strength.CONTEXT)
            yield Evidence(self.name, "hidden text", "", supports, strength, note=note)
            yield from marks
        watermark = dwtdct.find(image if image.mode == "RGB" else image.convert("RGB"))
        if watermark is not None:
            message, equal = watermark
            note = (
                "The open watermark that this tool puts into its pictures was decoded from the pixels. Anyone can "
                "embed it with the published program; it does not get there by itself."
            )
            value = f"{message.tool}: {equal} of {len(message.bits)} bits"
            yield Evidence(self.name, "watermark", value, Supports.FAKE, Strength.UNSIGNED, note=note)

    def _said(self, status: EvidenceStatus, note: str) -> Evidence:
        return Evidence(self.name, "hidden marks", "", status=status, note=note)


def _keeps_marks(file: SourceFile, data: bytes) -> bool:
    found = structure_in(file, data)
    return 0 in found.tables and found.sampling == "4:4:4" and not found.made and found.quality.percent >= _JPEG_QUALITY
