"""The fields of the JSON report, from the JSON Schema that the package ships."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fakescan.core.schema import json_schema_text

_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "above {}",
    "exclusiveMaximum": "below {}",
    "minLength": "at least {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matches `{}`",
    "format": "format `{}`",
    "contentEncoding": "encoded as `{}`",
}

Node = Mapping[str, Any]


def fields_page(text: str | None = None) -> str:
    """A section for each object of the schema, with a table of its members.

    Args:
        text: a JSON Schema; that of the package when None.
    """
    document = json.loads(json_schema_text() if text is None else text)
    parts = [("Top level", document), *((f"`{name}`", node) for name, node in _objects(document, ""))]
    definitions = document.get("$defs", {})
    for name, node in definitions.items():
        parts.append((f"Definition `{name}`", node))
        parts += [(f"`{name}.{inner}`", child) for inner, child in _objects(node, "")]
    return "\n\n" + "\n\n".join(_section(title, node) for title, node in parts if "properties" in node) + "\n"


def _objects(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    """Every object below a node that has members of its own, with its path; references are sections of their own."""
    for name, child in node.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        found = child
        if "items" in child:
            here, found = f"{here}[]", child["items"]
        if "properties" in found:
            yield here, found
            yield from _objects(found, here)


def _section(title: str, node: Node) -> str:
    required = set(node.get("required", ()))
    lines = [f"## {title}", ""]
    if node.get("description"):
        lines += [_sentence(node["description"]), ""]
    lines += ["| member | type | always there | meaning |", "|---|---|---|---|"]
    for name, child in node["properties"].items():
        meaning = _cell(str(child.get("description") or child.get("items", {}).get("description", "")))
        lines.append(f"| `{name}` | {_type(child)} | {'yes' if name in required else 'no'} | {meaning} |")
    return "\n".join(lines)


def _type(node: Node) -> str:
    """What a value may be, in words and code."""
    if "$ref" in node:
        name = str(node["$ref"]).rsplit("/", 1)[-1]
        return f"[{name}](#definition-{name})"
    if "const" in node:
        return f"always {_code(node['const'])}"
    if "enum" in node:
        return _alternatives([_code(value) for value in node["enum"]])
    for key in ("oneOf", "anyOf"):
        if key in node:
            return _alternatives([_type(choice) for choice in node[key]])
    kinds = node.get("type", "any")
    words = _alternatives([kinds] if isinstance(kinds, str) else list(kinds))
    if "items" in node:
        words += f" of {_type(node['items'])}"
    if isinstance(node.get("additionalProperties"), Mapping) and "properties" not in node:
        words += f" with values of type {_type(node['additionalProperties'])}"
    bounds = [phrase.format(node[key]) for key, phrase in _BOUNDS.items() if key in node]
    return _cell(", ".join([words, *bounds]))


def _alternatives(words: list[str]) -> str:
    return " or ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} or {words[-1]}"


def _code(value: object) -> str:
    return f"`{json.dumps(value)}`"


def _sentence(text: str) -> str:
    return text if text.endswith((".", ":", "?")) else f"{text}."


def _cell(text: str) -> str:
    """Text for a table: a bar would end the cell."""
    return text.replace("|", "\\|").replace("\n", " ")
