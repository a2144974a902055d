"""What a file says about itself: one file a reader, one table.

Readers get bytes that anybody may have written. They look only inside valid containers, never raise, and escape and
shorten every value that they pass on.
"""

from __future__ import annotations

from collections.abc import Mapping

READERS: Mapping[str, str] = {
    "exif": "fakescan.evidence.exif:ExifReader",
    "generators": "fakescan.evidence.generators:GeneratorsReader",
}
"""Every reader by name, each ``module:Class``, in the order of the evidence table; imported on use.

A class is made without arguments and keeps ``fakescan.protocols.EvidenceReader``.
"""
