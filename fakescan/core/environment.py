"""What a scan ran on: versions and platform, without importing any of it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_DISTRIBUTIONS = ("torch", "transformers", "tokenizers", "pillow", "exifread", "c2pa-python")


def environment() -> dict[str, str]:
    """Versions of Python, of the libraries that can change a result, and the platform."""
    return dict(_looked_up())


@cache
def _looked_up() -> Mapping[str, str]:
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
