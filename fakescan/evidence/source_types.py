"""IPTC's Digital Source Types: how a picture came about, in the words of the standard's whole list.

http://cv.iptc.org/newscodes/digitalsourcetype/ (2025), and the two that C2PA adds. XMP and Content Credentials share
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fakescan.core.records import Supports


@dataclass(frozen=True, slots=True)
class SourceType:
    """What a source type says."""

    supports: Supports
    """What it speaks for."""
    says: str
    """The end of a sentence that begins with who declares it."""


_KNOWN: Mapping[str, SourceType] = {
    "trainedAlgorithmicMedia": SourceType(Supports.FAKE, "made by generative AI"),
    "compositeWithTrainedAlgorithmicMedia": SourceType(Supports.EDITED, "edited or put together with generative AI"),
    "compositeSynthetic": SourceType(Supports.EDITED, "put together from parts of which at least one is synthetic"),
    "digitalCapture": SourceType(Supports.REAL, "taken with a digital camera"),
    "computationalCapture": SourceType(
        Supports.REAL, "taken with a phone that computes its picture from several shots"
    ),
    "multiFrameComputationalCapture": SourceType(Supports.REAL, "computed by the camera from several shots"),
    "negativeFilm": SourceType(Supports.REAL, "scanned from a film negative"),
    "positiveFilm": SourceType(Supports.REAL, "scanned from a slide"),
    "print": SourceType(Supports.REAL, "scanned from a print"),
    "humanEdits": SourceType(Supports.NONE, "edited by a person with tools that are not generative"),
    "minorHumanEdits": SourceType(Supports.NONE, "slightly edited by a person"),
    "algorithmicallyEnhanced": SourceType(Supports.NONE, "enhanced by an algorithm"),
    "compositeCapture": SourceType(Supports.NONE, "put together from several photographs"),
    "composite": SourceType(Supports.NONE, "put together from several pictures"),
    "algorithmicMedia": SourceType(Supports.NONE, "computed by an algorithm that was not trained on pictures"),
    "dataDrivenMedia": SourceType(Supports.NONE, "drawn from data by a program"),
    "digitalCreation": SourceType(Supports.NONE, "made by a person with digital tools"),
    "digitalArt": SourceType(Supports.NONE, "drawn by a person with digital tools"),
    "softwareImage": SourceType(Supports.NONE, "made by software"),
    "screenCapture": SourceType(Supports.NONE, "a capture of a screen"),
    "virtualRecording": SourceType(Supports.NONE, "a recording of a virtual event"),
    "empty": SourceType(Supports.NONE, "begun from an empty canvas"),
    "trainedAlgorithmicData": SourceType(Supports.NONE, "data computed by a trained model"),
}
_BY_NAME = {
    **{name.lower(): found for name, found in _KNOWN.items()},
    # The names that IPTC shows to people since 2024; some programs store them instead of the address.
    "createdusinggenerativeai": _KNOWN["trainedAlgorithmicMedia"],
    "editedusinggenerativeai": _KNOWN["compositeWithTrainedAlgorithmicMedia"],
}


def source_type(value: str) -> SourceType | None:
    """What a value of DigitalSourceType says; None when it is on no list.

    Args:
        value: an address in IPTC's or C2PA's vocabulary, or the bare name.
    """
    name = value.strip().rstrip("/").rpartition("/")[2].rpartition(":")[2]
    return _BY_NAME.get("".join(name.split()).lower())
