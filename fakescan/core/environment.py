"""What a scan ran on: the digest of our own code, versions and platform, without importing any of it."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_DISTRIBUTIONS = ("torch", "transformers", "tokenizers", "pillow", "exifread", "c2pa-python")


def environment() -> dict[str, str]:
    """Versions of Python, of the libraries that can change a result, the platform, and ``code_sha256``."""
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
    return {**found, "code_sha256": _code_sha256()}


def _code_sha256() -> str:
    """Digest of every module of this package: question, templates, rules and decoders are all in there.

    A version says what was released; this says what ran.
    """
    package = Path(__file__).resolve().parent.parent
    whole = hashlib.sha256()
    names = sorted(path.relative_to(package).as_posix() for path in package.rglob("*.py"))
    if not names:
        return "unknown"  # installed without its sources
    for name in names:
        whole.update(f"{hashlib.sha256((package / name).read_bytes()).hexdigest()}  {name}\n".encode())
    return whole.hexdigest()
