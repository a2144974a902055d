"""The open watermark of Stable Diffusion, SDXL and FLUX: the method "dwtDct" of the package invisible-watermark.

Embedding: RGB to YUV, one level of the Haar transform of U, blocks of 4 x 4 of its low-pass part (the DCT of the name
is not part of this method); the largest value but the first of a block carries one bit by where it lies within a step
of 36; the bits of the message follow each other from block to block. This file is our own reading of that
description; a hit is evidence, and a miss is nothing, for the mark does not survive JPEG with halved colour, resizing
or cropping.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

_STEP = 36
_TO_U = (-0.492 * 0.299, -0.492 * 0.587, 0.492 * (1 - 0.114), 128.0)
"""U of red, green and blue: 0.492 times blue less brightness, around 128."""
_BLOCK = 4
MAX_BLOCKS = 16_384
"""Blocks that are looked at: those of a picture of a megapixel. Every message repeats many times within them."""
_CHANCE = 1e-8
"""A picture without a mark is taken for marked at most this often, by each message."""
_FEWEST_REPEATS = 3


@dataclass(frozen=True)
class Message:
    """A message that a tool is known to embed."""

    tool: str
    """Who embeds it, in words."""
    bits: tuple[int, ...]
    """The message."""

    @cached_property
    def needed(self) -> int:
        """Fewest equal bits that are no accident."""
        length = len(self.bits)
        tail = 0
        for equal in range(length, 0, -1):
            tail += comb(length, equal)
            if tail / 2**length > _CHANCE:
                return equal + 1
        return length


def _text_bits(text: str) -> tuple[int, ...]:
    return tuple(byte >> shift & 1 for byte in text.encode() for shift in range(7, -1, -1))


def _number_bits(number: int, length: int) -> tuple[int, ...]:
    return tuple(number >> shift & 1 for shift in range(length - 1, -1, -1))


MESSAGES = (
    Message("Stable Diffusion v1 (CompVis)", _text_bits("StableDiffusionV1")),
    Message("Stable Diffusion v2 (Stability AI)", _text_bits("SDV2")),
    Message("InvokeAI", _text_bits("InvokeAI")),
    Message("Stable Diffusion XL", _number_bits(0b101100111110110010010000011110111011000110011110, 48)),
    Message("FLUX (Black Forest Labs)", _number_bits(0b001010101111111010000111100111001111010100101110, 48)),
)


def find(image: Image) -> tuple[Message, int] | None:
    """The message in a picture and how many of its bits are right; None when there is none.

    Args:
        image: in mode RGB, as decoded, not turned.
    """
    said = votes(image)
    best: tuple[Message, int] | None = None
    for message in MESSAGES:
        length = len(message.bits)
        rounds = len(said) // length
        if rounds < _FEWEST_REPEATS:
            continue
        votes_for_one = said[: rounds * length].reshape(rounds, length).sum(axis=0)
        equal = int(((2 * votes_for_one > rounds) == _as_array(message.bits)).sum())
        if equal >= message.needed and (best is None or equal / length > best[1] / len(best[0].bits)):
            best = message, equal
    return best


def _as_array(bits: tuple[int, ...]) -> Any:
    import numpy as np

    return np.array(bits, dtype=bool)


def votes(image: Image) -> Any:
    """One vote for each block, row by row: whether its largest coefficient lies in the upper half of a step.

    Args:
        image: in mode RGB.
    """
    import numpy as np

    width, height = (side // _BLOCK * _BLOCK for side in image.size)
    across = width // 2 // _BLOCK
    if across < 1 or height // 2 < _BLOCK:
        return np.zeros(0, dtype=bool)
    down = min(height // 2 // _BLOCK, -(-MAX_BLOCKS // across))
    # Only U is needed of the colours (BT.601), rounded to eight bits as the embedder's conversion rounds it.
    u = np.asarray(image.crop((0, 0, across * 2 * _BLOCK, down * 2 * _BLOCK)).convert("L", _TO_U))
    # Twice the low-pass part, so that it stays in whole numbers; none of them is below zero.
    pairs = np.ascontiguousarray(u).view(np.uint16)  # two neighbours each
    low = (pairs & 0xFF) + (pairs >> 8)
    low = low[0::2] + low[1::2]
    low[::_BLOCK, ::_BLOCK] = 0  # the first value of each block carries nothing
    strongest = low[::_BLOCK].copy()
    for row in range(1, _BLOCK):
        np.maximum(strongest, low[row::_BLOCK], out=strongest)
    columns = [strongest[:, column::_BLOCK] for column in range(_BLOCK)]
    strongest = np.maximum(np.maximum(*columns[:2]), np.maximum(*columns[2:])).reshape(-1)
    return strongest % (2 * _STEP) > _STEP
