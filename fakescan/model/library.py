"""Where downloaded models lie, and how a name or a hub's address finds one there. Nothing here uses the network."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
"""``owner/name``, as model hubs write it."""
JOINT = "--"
"""Stands for the stroke in a folder's name."""


def models_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that ``fakescan model download`` writes into.

    Args:
        environment: the process's environment.
    """
    if environment.get("XDG_DATA_HOME"):
        base = Path(environment["XDG_DATA_HOME"])
    elif sys.platform == "win32":
        base = Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path.home() / ".local" / "share"
    return base / "fakescan" / "models"


def is_hub_id(name: str) -> bool:
    """Whether a name is ``owner/name``; a folder of that name goes before."""
    return HUB_ID.fullmatch(name) is not None and ".." not in name


def folder_of(name: str) -> Path:
    """Where a downloaded model of that hub address lies or would lie.

    Args:
        name: ``owner/name``.
    """
    return models_folder() / name.replace("/", JOINT)


def found(name: str) -> Path | None:
    """Where the downloaded model of that hub address lies; None where it was not downloaded.

    Args:
        name: anything that was typed.
    """
    return folder_of(name) if is_hub_id(name) and folder_of(name).is_dir() else None


def downloaded() -> list[str]:
    """Addresses of the models in the folder, in order."""
    folder = models_folder()
    names = [each.name.replace(JOINT, "/", 1) for each in folder.iterdir() if each.is_dir()] if folder.is_dir() else []
    return sorted(name for name in names if is_hub_id(name))
