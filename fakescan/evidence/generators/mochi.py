"""Mochi Diffusion: settings as "name: value" pairs between semicolons, in the caption.

``Include in Image: ...; Exclude from Image: ...; Model: ...; Steps: 20; Guidance Scale: 7.5; Seed: 4; ...``
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fakescan.evidence.generators.mark import UNSIGNED, Mark, Text, details_of, plain_keys

_BEGINNING = re.compile(r"\s{0,8}(Include in Image|Prompt|Model|Date): ", re.IGNORECASE)
_SETTINGS = frozenset({"steps", "guidancescale", "seed", "scheduler", "sampler", "model", "size"})
_NEEDED = 5
_MAX_PAIRS = 60
_NAMES = {
    "Prompt": ("includeinimage", "prompt"),
    "Model": ("model",),
    "Seed": ("seed",),
    "Tool version": ("generator",),
}


def find(text: Text) -> Iterator[Mark]:
    """The mark in a text.

    Args:
        text: one text of the file.
    """
    if not _BEGINNING.match(text.text):
        return
    pairs = (part.partition(": ") for part in text.text.split("; ")[:_MAX_PAIRS])
    values = plain_keys({name: value for name, _, value in pairs})
    if len(_SETTINGS & values.keys()) < _NEEDED or not values.get("steps", "").strip().isdigit():
        return
    note = f"Prompt and settings of an image generator, in the form of Mochi Diffusion. {UNSIGNED}"
    yield Mark("generation parameters", note, text.text, details=tuple(details_of(values, _NAMES)))
