"""docs/report.md and the JSON Schema name the same fields."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakescan.core.schema import json_schema_text


def property_names(node: Any) -> Iterator[str]:
    """Every property that a JSON Schema names, at any depth."""
    if isinstance(node, dict):
        properties = node.get("properties", {})
        yield from properties
        for value in [*properties.values(), *(value for key, value in node.items() if key != "properties")]:
            yield from property_names(value)
    elif isinstance(node, list):
        for item in node:
            yield from property_names(item)


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def fields() -> set[str]:
    return set(property_names(json.loads(json_schema_text())))


def test_every_field_of_the_schema_is_documented(page: str, fields: set[str]) -> None:
    documented = set(re.findall(r"`([a-z_0-9]+)(?:\[\])?`", page))
    assert "p_fake" in fields
    assert not fields - documented


def test_every_documented_field_exists(page: str, fields: set[str]) -> None:
    first_columns = re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE)
    documented = {name for column in first_columns for name in re.findall(r"`([a-z_0-9]+)`", column)}
    assert "p_fake" in documented
    assert not documented - fields


def test_the_page_names_the_schema_version(page: str) -> None:
    schema = json.loads(json_schema_text())
    assert f'`schema_version` "{schema["properties"]["schema_version"]["const"]}"' in page
