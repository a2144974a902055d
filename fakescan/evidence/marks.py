"""How image generators sign their work in text: one small test a tool family, on keyword and text alone.

A mark counts when the text is built as the tool builds it. A name alone ("Midjourney" in a caption, a photographer
called Grok) is no mark.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fakescan.core.records import Strength, Supports

MAX_TEXT_CHARS = 1_000_000
"""Longer texts are not looked at."""

UNSIGNED = "Unsigned: anyone can add this to a file."


@dataclass(frozen=True, slots=True)
class Text:
    """A text of the file and where it stood."""

    keyword: str
    """PNG keyword or EXIF field name; ``Comment`` for the comment of a JPEG file."""
    text: str
    """The text. Untrusted."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The sign of a tool."""

    name: str
    """What sort of sign, for the evidence table."""
    note: str
    """A sentence about it."""
    value: str
    """The text that it rests on. Untrusted."""
    strength: Strength = Strength.UNSIGNED
    """How much it carries."""
    supports: Supports = Supports.FAKE
    """What it speaks for."""


_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_STEPS = re.compile(r"^Steps: \d{1,5}, ", re.MULTILINE)
_A1111_KEYS = ("Sampler: ", "CFG scale: ", "Seed: ", "Size: ", "Model hash: ", "Model: ", "Schedule type: ")
_MIDJOURNEY = re.compile(rf"\bJob ID: {_UUID}\b", re.IGNORECASE)
_DREAM = re.compile(r" -s ?\d{1,5}\b.{0,400} -S ?\d{1,20}\b", re.DOTALL)
_SIGNATURE = re.compile(r"Signature: [A-Za-z0-9+/=]{200,}\s*\Z")
_TAIL_CHARS = 50_000
_SETTINGS = ("seed", "steps", "sampler", "cfg_scale", "guidance_scale", "num_inference_steps", "base_model", "model")
_AIGC_NOTES = {
    "1": "A label by the Chinese standard on AI content declares it AI-generated.",
    "2": "A label by the Chinese standard on AI content declares it possibly AI-generated.",
    "3": "A label by the Chinese standard on AI content, set by a platform, suspects it to be AI-generated.",
}


def marks_of(texts: list[Text]) -> Iterator[Mark]:
    """Every mark in the texts of one file, each sort once.

    Args:
        texts: the file's texts, in order.
    """
    told: set[str] = set()
    for text in texts:
        if len(text.text) > MAX_TEXT_CHARS:
            continue
        for find in _FINDERS:
            mark = find(text)
            if mark is not None and mark.name not in told:
                told.add(mark.name)
                yield mark
    mark = _novelai({text.keyword: text.text for text in reversed(texts)})
    if mark is not None:
        yield mark


def _a1111(text: Text) -> Mark | None:
    """Prompt, then a line of settings: Stable Diffusion web UI, Forge, and all that write its form."""
    lines = [found.start() for found in _STEPS.finditer(text.text, max(0, len(text.text) - _TAIL_CHARS))]
    if not lines or sum(key in text.text[lines[-1] :] for key in _A1111_KEYS) < 3:
        return None
    note = f"Prompt and settings of an image generator, in the form of Stable Diffusion web UI. {UNSIGNED}"
    return Mark("generation parameters", note, text.text)


def _comfyui(text: Text) -> Mark | None:
    """The node graph of ComfyUI; in WebP files it stands in EXIF fields behind ``prompt:`` or ``workflow:``."""
    body = text.text
    if text.keyword in ("Make", "Model", "ImageDescription", "UserComment"):
        found = re.match(r"(?i)(prompt|workflow):\s*(?=\{)", body)
        body = body[found.end() :] if found else ""
    elif text.keyword.lower() not in ("prompt", "workflow"):
        return None
    graph = _json(body)
    if isinstance(graph.get("nodes"), list):
        kinds = [node.get("type") for node in graph["nodes"] if isinstance(node, dict)]
    else:
        nodes = (node for node in graph.values() if isinstance(node, dict) and "inputs" in node)
        kinds = [node.get("class_type") for node in nodes]
    names = [kind.lower() for kind in kinds if isinstance(kind, str)]
    if not names:
        return None
    if any("sampler" in name or "generat" in name for name in names):
        return Mark("workflow", f"A workflow of the image generator ComfyUI. {UNSIGNED}", text.text)
    note = "A workflow of ComfyUI without a step that is known to generate pictures; it may only have edited this one."
    return Mark("workflow without generation", note, text.text, Strength.WEAK)


def _settings(text: Text) -> Mark | None:
    """Settings as a JSON object: Fooocus, SwarmUI, InvokeAI, and others of their kind."""
    if text.keyword.lower() not in ("parameters", "invokeai_metadata", "sd-metadata", "usercomment", "comment"):
        return None
    found = _json(text.text)
    for inner in ("sui_image_params", "image"):
        if isinstance(found.get(inner), dict):
            found = found[inner]
    prompt = any("prompt" in key for key in found)
    if not prompt or sum(key in found for key in _SETTINGS) < 2:
        return None
    return Mark("generation settings", f"Prompt and settings of an image generator. {UNSIGNED}", text.text)


def _dream(text: Text) -> Mark | None:
    if text.keyword != "Dream" or not _DREAM.search(text.text[-_TAIL_CHARS:]):
        return None
    return Mark("generation parameters", f"The command of an image generator (InvokeAI). {UNSIGNED}", text.text)


def _midjourney(text: Text) -> Mark | None:
    if text.keyword not in ("Description", "ImageDescription") or not _MIDJOURNEY.search(text.text):
        return None
    return Mark("job number", f"Prompt and job number in the form of the generator Midjourney. {UNSIGNED}", text.text)


def _grok(text: Text) -> Mark | None:
    if text.keyword != "ImageDescription" or not _SIGNATURE.match(text.text):
        return None
    note = "A long code in the form that the generator Grok writes; other programs may write such codes too."
    return Mark("signature-like field", note, text.text, Strength.WEAK)


def _aigc(text: Text) -> Mark | None:
    found = _json(text.text) if "Label" in text.text else {}
    if isinstance(found.get("AIGC"), dict):
        found = found["AIGC"]
    elif text.keyword != "AIGC":
        return None
    note = _AIGC_NOTES.get(str(found.get("Label")))
    return None if note is None else Mark("AIGC label", f"{note} {UNSIGNED}", text.text)


def _novelai(texts: Mapping[str, str]) -> Mark | None:
    """Several PNG keywords together."""
    if texts.get("Software") != "NovelAI" or "sampler" not in _json(texts.get("Comment", "")):
        return None
    return Mark("NovelAI fields", f"Prompt and settings of the image generator NovelAI. {UNSIGNED}", texts["Comment"])


_FINDERS: tuple[Callable[[Text], Mark | None], ...] = (_a1111, _comfyui, _settings, _dream, _midjourney, _grok, _aigc)


def _json(text: str) -> dict[str, Any]:
    """A JSON object, empty when the text is none."""
    if not text.lstrip().startswith("{") or len(text) > MAX_TEXT_CHARS:
        return {}
    try:
        found = json.loads(text.strip("\0 \t\r\n"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
