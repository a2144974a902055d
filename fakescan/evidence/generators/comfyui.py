"""ComfyUI: the graph of nodes, as it was run (``prompt``) and as it was drawn (``workflow``).

PNG keywords; in WebP and JPEG files EXIF fields such as Make and Model, behind ``prompt:`` or ``workflow:``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from fakescan.core.records import Strength
from fakescan.evidence.generators.mark import UNSIGNED, Mark, Text, details_of, json_object

_PREFIX = re.compile(r"(?i)\s{0,8}(prompt|workflow|comfyui|generation_data)\s{0,8}[:=]\s{0,8}(?=\{)")
_GENERATES = re.compile(r"sampler|vaedecode|checkpointloader|unetloader|latentimage|cliptextencode")
"""Steps of diffusion models that run on the machine."""
_SERVICES = re.compile(
    r"generat|texttoimage|text_to_image|imagetoimage|txt2img|img2img|t2i|i2i|dall|gptimage|ideogram|recraft|flux|"
    r"seedream|gemini|nanobanana|stablediffusion|imagen"
)
"""Steps that ask a service; other programs with graphs of nodes have steps of such names too."""
_OWN_KEYS = frozenset({"last_node_id", "last_link_id"})
_MAX_NODES = 5_000
_MAX_GROUPS = 200
"""Parts of a graph that were folded into one node."""
_MAX_LINKS = 12
_NAMES = {
    "Model": ("ckpt_name", "unet_name", "model_name", "model"),
    "Seed": ("seed", "noise_seed"),
    "Prompt": ("text", "prompt", "positive"),
}


def find(text: Text) -> Iterator[Mark]:
    """The mark in a text.

    Args:
        text: one text of the file.
    """
    prefix = _PREFIX.match(text.text)
    graph = json_object(text.text[prefix.end() :] if prefix else text.text)
    nodes = list(islice(_nodes(graph), _MAX_NODES))
    names = [str(node.get("class_type") or node.get("type")).lower() for node in nodes]
    if not names:
        return
    own = _is_comfyuis_own(graph, nodes)
    if any(_GENERATES.search(name) or (own and _SERVICES.search(name)) for name in names):
        note = f"A workflow of the image generator ComfyUI. {UNSIGNED}"
        details = dict(_details(nodes))
        asked = _positive(graph)
        if asked:
            details["Prompt"] = asked
        yield Mark("workflow", note, text.text, details=tuple(details.items()))
        return
    if not own:
        return
    note = "A workflow of ComfyUI without a step that is known to generate pictures; it may only have edited this one."
    yield Mark("workflow without generation", note, text.text, Strength.WEAK)


def _nodes(graph: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Nodes of either form; both forms may also stand together in one object."""
    for whole in (graph, graph.get("workflow"), graph.get("prompt")):
        found = json_object(whole) if isinstance(whole, str) else whole
        if not isinstance(found, dict):
            continue
        definitions = found.get("definitions")
        groups = definitions.get("subgraphs") if isinstance(definitions, dict) else None
        for drawing in (found, *(groups[:_MAX_GROUPS] if isinstance(groups, list) else ())):
            drawn = drawing.get("nodes") if isinstance(drawing, dict) else None
            if isinstance(drawn, list):
                yield from (node for node in drawn if isinstance(node, dict) and isinstance(node.get("type"), str))
        for node in found.values():
            if isinstance(node, dict) and isinstance(node.get("class_type"), str) and "inputs" in node:
                yield node


def _is_comfyuis_own(graph: dict[str, Any], nodes: list[dict[str, Any]]) -> bool:
    """Whether the graph has the form that ComfyUI alone writes: other programs draw nodes and links, too."""
    inner = graph.get("workflow")
    whole = _OWN_KEYS & (graph.keys() | (inner.keys() if isinstance(inner, dict) else set()))
    return bool(whole) or any("widgets_values" in node or "class_type" in node for node in nodes)


def _details(nodes: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    told: set[str] = set()
    for node in nodes:
        inputs = node.get("inputs")
        if isinstance(inputs, dict):
            for detail, value in details_of(inputs, _NAMES):
                if detail not in told:
                    told.add(detail)
                    yield detail, value


def _positive(graph: dict[str, Any]) -> str:
    """The text that a sampler was asked for: its input ``positive`` names a node, perhaps over others."""
    for node in islice(graph.values(), _MAX_NODES):
        inputs = node.get("inputs") if isinstance(node, dict) else None
        link = inputs.get("positive") if isinstance(inputs, dict) else None
        for _ in range(_MAX_LINKS):
            target = graph.get(str(link[0])) if isinstance(link, list) and link else None
            inputs = target.get("inputs") if isinstance(target, dict) else None
            if not isinstance(inputs, dict):
                break
            if isinstance(inputs.get("text"), str):
                return str(inputs["text"])
            link = next((inputs[name] for name in ("text", "conditioning", "positive") if name in inputs), None)
    return ""
