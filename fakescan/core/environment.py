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


def decoder_of(*, draft: bool) -> str:
    """What turns files into pixels: another word where a picture may come out otherwise.

    Args:
        draft: whether JPEGs are decoded at a reduced size where the model needs no more.
    """
    return environment()["pillow"] + (", draft" if draft else "")


@cache
def _looked_up() -> Mapping[str, str]:
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
