"""Stable Diffusion web UI (AUTOMATIC1111), Forge, SD.Next, Civitai and all that write its form of text.

Prompt, perhaps a line "Negative prompt: ...", then one line "Steps: 20, Sampler: ..., CFG scale: ..., Seed: ...".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fakescan.evidence.generators.mark import UNSIGNED, Mark, Text, details_of, plain_keys

_STEPS = re.compile(r"^Steps: \d{1,5},[ ]?", re.MULTILINE)
_KEYS = (
    "Sampler: ",
    "CFG scale: ",
    "Seed: ",
    "Size: ",
    "Model hash: ",
    "Model: ",
    "Schedule type: ",
    "Guidance: ",
    "Version: ",
    "Civitai resources: ",
    "Distilled CFG Scale: ",
)
_NEEDED = 3
_TAIL_CHARS = 50_000
_MAX_SETTINGS = 200
_NAMES = {"Model": ("model", "modelhash"), "Seed": ("seed",), "Tool version": ("version",)}


def find(text: Text) -> Iterator[Mark]:
    """The mark in a text.

    Args:
        text: one text of the file.
    """
    lines = [found.start() for found in _STEPS.finditer(text.text, max(0, len(text.text) - _TAIL_CHARS))]
    if not lines:
        return
    settings = text.text[lines[-1] :]
    if sum(key in settings for key in _KEYS) < _NEEDED:
        return
    note = f"Prompt and settings of an image generator, in the form of Stable Diffusion web UI. {UNSIGNED}"
    pairs = (part.partition(": ") for part in settings.split(", ")[:_MAX_SETTINGS])
    values = plain_keys({name: value for name, _, value in pairs})
    prompt = text.text[: lines[-1]].partition("\nNegative prompt: ")[0].strip()
    details = [("Prompt", prompt)] if prompt else []
    yield Mark("generation parameters", note, text.text, details=(*details, *details_of(values, _NAMES)))
