"""The JSON document of ``fakescan eval``, read back: it may come from anybody, so nothing in it is trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fakescan.core.json_values import Node, ReportShapeError
from fakescan.core.schema import parse_json
from fakescan.errors import InputError

VERSION = "1"
"""Version of the document."""
_LABELS = frozenset({"fake", "real"})


def evaluation_from_json(text: str) -> dict[str, Any]:
    """Parse and check a document as far as tables, pages and comparisons use it.

    Args:
        text: of a JSON file.

    Raises:
        InputError: it is no evaluation, or of another version.
    """
    document = parse_json(text)
    try:
        _check(Node(document, ""))
    except ReportShapeError as fault:
        raise InputError(f"not an evaluation: {fault}", "give a JSON file that `fakescan eval` wrote") from None
    return document


def is_evaluation(document: Mapping[str, Any]) -> bool:
    """Whether a parsed JSON file says that it is an evaluation (and no scan report).

    Args:
        document: the parsed file.
    """
    return "fakescan_evaluation" in document


def _check(node: Node) -> None:
    version = node["fakescan_evaluation"].text()
    if version != VERSION:
        raise ReportShapeError(f"fakescan_evaluation {version[:20]!r} is not {VERSION!r}")
    node["data"]["name"].text()
    node["detector"]["name"].text()
    for part in (node["overall"], node["average"], *(group for _, group in node["groups"].items())):
        _check_figures(part)
    for image in node["images"].elements():
        image.path()
        image["sha256"].optional_text()
        if image["label"].text() not in _LABELS:
            raise ReportShapeError(f"{image['label'].where} must be fake or real")
        image["p_fake"].optional_number()
        image["right"].flag(default=False)


def _check_figures(node: Node) -> None:
    for name, value in node.items():
        if name == "intervals":
            for _, span in value.items():
                if len([edge.number() for edge in span.elements()]) != 2:
                    raise ReportShapeError(f"{span.where} needs two numbers")
        else:
            value.optional_number()
