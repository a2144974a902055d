"""What a file says about itself: one file a reader, one table.

Readers get bytes that anybody may have written. They look only inside valid containers, never raise, and escape and
shorten every value that they pass on.
"""

from __future__ import annotations

from collections.abc import Mapping

from fakescan.errors import InputError

READERS: Mapping[str, str] = {
    "c2pa": "fakescan.evidence.c2pa:C2paReader",
    "generators": "fakescan.evidence.generators:GeneratorsReader",
    "pixels": "fakescan.evidence.pixels:PixelsReader",
    "xmp": "fakescan.evidence.declared:DeclaredReader",
    "exif": "fakescan.evidence.exif:ExifReader",
    "jpeg": "fakescan.evidence.jpeg_structure:JpegReader",
    "file": "fakescan.evidence.envelope:FileReader",
}
"""Every reader by name, each ``module:Class``, in the order of the evidence table; imported on use.

A class is made without arguments and keeps ``fakescan.protocols.EvidenceReader``.
"""


def readers_with(trust_list: str | None) -> Mapping[str, str]:
    """The table, with the trust list that signatures are judged by.

    Args:
        trust_list: a file, a folder, ``none``, or None for the one that ``fakescan trust update`` has downloaded.

    Returns:
        Readers by name, each ``module:Class`` or ``module:Class=argument``.

    Raises:
        InputError: when the list cannot be used.
    """
    from fakescan.evidence import trust

    where = trust.chosen(trust_list)
    try:
        trust.load(where)
    except trust.TrustError as fault:
        hint = "give a PEM file or a folder of them, none, or run: fakescan trust update"
        raise InputError(str(fault), hint) from None
    return {**READERS, "c2pa": f"{READERS['c2pa']}={where}"} if where else READERS
