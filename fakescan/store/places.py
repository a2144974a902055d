"""Where a user's runs and answers lie when no folder was named."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def user_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """The user's folder for files that could be made again.

    Args:
        environment: the process's environment.
    """
    if environment.get("XDG_CACHE_HOME"):
        return Path(environment["XDG_CACHE_HOME"])
    if os.name == "nt":
        local = environment.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    return Path.home() / "Library" / "Caches" if sys.platform == "darwin" else Path.home() / ".cache"


def runs_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where runs lie that were given no folder: ``fakescan-runs`` in the user's cache.

    Args:
        environment: the process's environment.
    """
    return user_cache(environment) / "fakescan-runs"


def answers_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the model's answers are kept across runs.

    Args:
        environment: the process's environment.
    """
    return user_cache(environment) / "fakescan-answers" / "answers.sqlite3"
