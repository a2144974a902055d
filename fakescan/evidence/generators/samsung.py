"""Samsung's gallery: a trailer behind the picture tells whether its generative tools were used.

The trailer (SEFH ... SEFT) is a directory of named blocks; exiftool documents it as "Samsung trailer".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from fakescan.core.records import Supports
from fakescan.evidence.generators.mark import UNSIGNED, Mark, json_object

_END = b"SEFT"
_MAX_BLOCKS = 200
_MAX_BLOCK_BYTES = 1_000_000


def find(data: bytes) -> Iterator[Mark]:
    """The mark in a file's trailer.

    Args:
        data: bytes of a file.
    """
    for body in _blocks(data):
        kind = json_object(body.decode("utf-8", "replace")).get("genAIType")
        if isinstance(kind, int) and not isinstance(kind, bool) and kind > 0:
            note = f"Samsung's photo editor notes that a generative AI tool was used on this picture. {UNSIGNED}"
            yield Mark("genAIType", note, f"genAIType {kind}", supports=Supports.EDITED)
            return


def _blocks(data: bytes) -> Iterator[bytes]:
    """Content of each block (``PEg_Info``, ``PhotoEditor_Re_Edit_Data``); offsets count back from the directory."""
    if data[-4:] != _END:
        return
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    if start < 0 or data[start : start + 4] != b"SEFH":
        return
    count = min(int.from_bytes(data[start + 8 : start + 12], "little"), _MAX_BLOCKS)
    for at in range(start + 12, min(start + 12 + 12 * count, len(data) - 11), 12):
        _, _, back, size = struct.unpack_from("<HHII", data, at)
        block = data[max(0, start - back) : max(0, start - back) + min(size, _MAX_BLOCK_BYTES)]
        yield block[8 + int.from_bytes(block[4:8], "little") :]
