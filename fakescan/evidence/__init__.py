"""What a file says about itself: one file a reader, one table.

Readers get bytes that anybody may have written. They look only inside valid containers, never raise, and escape and
shorten every value that they pass on.
"""

from __future__ import annotations

from collections.abc import Mapping

READERS: Mapping[str, str] = {
    "c2pa": "fakescan.evidence.c2pa:C2paReader",
    "generators": "fakescan.evidence.generators:GeneratorsReader",
    "xmp": "fakescan.evidence.declared:DeclaredReader",
    "exif": "fakescan.evidence.exif:ExifReader",
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
    """
    from fakescan.evidence.trust import chosen

    where = chosen(trust_list)
    return {**READERS, "c2pa": f"{READERS['c2pa']}={where}"} if where else READERS
