"""Settings as a JSON object, or as several fields: Fooocus, SwarmUI, InvokeAI, Draw Things, Easy Diffusion and others.

A prompt beside at least two settings that only a generator has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fakescan.evidence.generators.mark import UNSIGNED, Mark, Text, details_of, json_object, plain_keys

_INNER = ("sui_image_params", "image", "params", "parameters", "meta", "generation", "extraMetadata")
_PROMPTS = (
    "prompt",
    "positiveprompt",
    "prompts",
    "promptraw",
    "promptexpansion",
    "originalprompt",
    "fullprompt",
    "inputprompt",
)
_SETTINGS = frozenset(
    re.findall(
        r"\S+",
        """
        seed steps sampler samplername samplertype scheduler schedulername cfgscale cfg guidancescale guidance
        numinferencesteps inferencesteps basemodel basemodelname model modelname modelhash
        usestablediffusionmodel negativeprompt clipskip refinermodel denoisingstrength generationmode loras
        """,
    )
)
_OF_PICTURES = _SETTINGS - {"seed", "model", "modelname", "modelhash"}
"""Settings that programs that write text do not have."""
_NEEDED = 2
_NAMES = {
    "Prompt": (*_PROMPTS, "c"),
    "Model": ("model", "basemodel", "modelname", "usestablediffusionmodel"),
    "Seed": ("seed",),
    "Tool version": ("version", "appversion", "swarmversion", "software"),
}
_DREAM = re.compile(r" -s ?\d{1,5}\b.{0,400} -S ?\d{1,20}\b", re.DOTALL)
_TAIL_CHARS = 50_000
_MAX_DEPTH = 3
_MANY_FIELDS = 400
_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,20})?")
_NOTE = f"Prompt and settings of an image generator. {UNSIGNED}"


def find(text: Text) -> Iterator[Mark]:
    """The mark in a text.

    Args:
        text: one text of the file.
    """
    if text.keyword == "Dream" and _DREAM.search(text.text[-_TAIL_CHARS:]):
        yield Mark("generation parameters", f"The command of an image generator (InvokeAI). {UNSIGNED}", text.text)
        return
    found = json_object(text.text)
    values = _settings(found, _MAX_DEPTH)
    if values is not None:
        yield Mark("generation settings", _NOTE, text.text, details=tuple(details_of(values, _NAMES)))
    elif text.keyword in ("invokeai_graph", "invokeai_workflow") and found:
        yield Mark("generation settings", f"A graph of the image generator InvokeAI. {UNSIGNED}", text.text)


def find_in_fields(texts: Sequence[Text]) -> Iterator[Mark]:
    """Settings that are spread over fields of their own, one a setting.

    Args:
        texts: the file's texts.
    """
    fields = plain_keys({text.keyword: text.text for text in texts[:_MANY_FIELDS]})
    prompt = next((fields[name] for name in _PROMPTS if fields.get(name)), "")
    seed = _NUMBER.fullmatch(str(fields.get("seed", "")).strip())
    if prompt and seed and _OF_PICTURES & fields.keys() and sum(name in _SETTINGS for name in fields) >= _NEEDED + 1:
        value = "; ".join(f"{text.keyword}: {text.text[:300]}" for text in texts[:30])
        yield Mark("generation settings", _NOTE, value, details=tuple(details_of(fields, _NAMES)))


def _settings(found: Mapping[str, Any], depth: int) -> dict[str, Any] | None:
    """The object that holds the settings: this one, or one in it that tools are known to wrap."""
    values = plain_keys(found)
    prompted = any(name in values for name in _PROMPTS) or {"c", "uc"} <= values.keys()  # Draw Things
    if prompted and _OF_PICTURES & values.keys() and sum(name in _SETTINGS for name in values) >= _NEEDED:
        return values
    for name in _INNER if depth else ():
        inner = found.get(name)
        inner = json_object(inner) if isinstance(inner, str) else inner
        if isinstance(inner, dict):
            deeper = _settings(inner, depth - 1)
            if deeper is not None:
                return deeper
    return None
