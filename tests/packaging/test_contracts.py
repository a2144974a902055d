"""The import contracts of pyproject.toml cover every room, and the constraints every dependency."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))


def normalised(requirement: str) -> str:
    """The distribution's name in a requirement, as registries compare names."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def test_every_room_has_its_layer(project: dict[str, Any], repository: Path) -> None:
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    named = {module.strip(" ()") for layer in layers for module in re.split(r"[|:]", layer)}
    rooms = {
        f"fakescan.{entry.stem}"
        for entry in (repository / "fakescan").iterdir()
        if (entry.suffix == ".py" and entry.stem not in {"__init__", "__main__"}) or (entry / "__init__.py").is_file()
    }
    assert named == rooms | {"fakescan_trainer"}


def test_every_dependency_is_pinned(project: dict[str, Any], repository: Path) -> None:
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", pin) for pin in pins)
    wanted = list(project["project"]["dependencies"])
    for extra in project["project"]["optional-dependencies"].values():
        wanted += extra
    missing = {normalised(name) for name in wanted} - {normalised(pin) for pin in pins}
    assert missing == {"fakescan-forensics"}, "the project's own extras are the only thing without a pin"


def test_the_build_backend_is_pinned(project: dict[str, Any], repository: Path) -> None:
    pins = (repository / "constraints.txt").read_text(encoding="utf-8")
    for name in [*project["build-system"]["requires"], "editables"]:
        assert re.search(rf"^{normalised(name)}==", pins, re.MULTILINE), name
