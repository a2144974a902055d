"""Text in the lowest bits of the pixels: NovelAI and the extension "stealth pnginfo" of Stable Diffusion web UI.

Column by column: a word of 15 letters, the length of the text in bits (32 bits, most significant first), the text,
packed with gzip where the word says so. It lies in the transparency, or in red, green and blue by turns.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from fakescan.evidence.containers.found import MAX_TEXT_BYTES, text_of

if TYPE_CHECKING:
    from PIL.Image import Image

_WORDS = {
    "A": {b"stealth_pnginfo": False, b"stealth_pngcomp": True},
    "RGB": {b"stealth_rgbinfo": False, b"stealth_rgbcomp": True},
}
_WORD_BITS, _LENGTH_BITS = 15 * 8, 32
_HEAD_BITS = _WORD_BITS + _LENGTH_BITS
_LOWEST_BIT = bytes(ord("0") + (value & 1) for value in range(256))
_GZIP = 31
"""Tells zlib to expect gzip's header."""


def find(image: Image) -> str:
    """The hidden text; empty when there is none.

    Args:
        image: as decoded, not turned.
    """
    for planes, words in _WORDS.items():
        if not set(planes) <= set(image.getbands()):
            continue
        read = _reader(image, planes)
        head = _packed(read(_HEAD_BITS))
        packed = words.get(head[: _WORD_BITS // 8])
        if packed is None:
            continue
        length = int.from_bytes(head[_WORD_BITS // 8 :], "big")
        body = _packed(read(_HEAD_BITS + min(length, 8 * MAX_TEXT_BYTES)))[_HEAD_BITS // 8 :]
        text = _unpacked(body) if packed else body
        if text:
            return text_of(text)
    return ""


def _reader(image: Image, planes: str) -> Callable[[int], bytes]:
    """A function that gives the first so many lowest bits as the digits 0 and 1."""

    def read(count: int) -> bytes:
        columns = min(image.width, -(-count // (len(planes) * image.height)))
        strip = image.crop((0, 0, columns, image.height))
        each = -(-count // len(planes))
        turned = [_turned(strip, plane)[:each] for plane in planes]
        joined = turned[0] if len(turned) == 1 else bytes(_by_turns(turned))
        return joined[:count].translate(_LOWEST_BIT)

    return read


def _turned(strip: Image, plane: str) -> bytes:
    from PIL import Image as Pillow

    return strip.getchannel(plane).transpose(Pillow.Transpose.TRANSPOSE).tobytes()


def _by_turns(planes: list[bytes]) -> Iterator[int]:
    for values in zip(*planes, strict=True):
        yield from values


def _packed(digits: bytes) -> bytes:
    whole = len(digits) // 8
    return int(digits[: whole * 8] or b"0", 2).to_bytes(whole, "big")


def _unpacked(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        return unpacker.decompress(body, MAX_TEXT_BYTES)
    except zlib.error:
        return b""
