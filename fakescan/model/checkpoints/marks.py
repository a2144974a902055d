"""By which files layouts are told apart, and how their JSON is read; without torch, which takes seconds to load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fakescan.errors import ModelError

MANIFEST = "fakescan.json"
"""Of a checkpoint in our layout."""
ADAPTER_CONFIG = "adapter_config.json"
"""Of a LoRA adapter, as peft saves it."""
AGAIN = "fetch the model again"
_MAX_JSON_BYTES = 64 << 20


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter."""
    return (folder / ADAPTER_CONFIG).is_file()


def one_line_reason(error: BaseException) -> str:
    """What went wrong, short and on one line; a missing key is only its name otherwise."""
    text = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    return " ".join(text.split())[:200] or type(error).__name__


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        ModelError: there is no such file, it is too large, or it holds something else.
    """
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise ValueError("it is larger than 64 MB")
        data = json.loads(path.read_text("utf-8"))
        if not isinstance(data, dict):
            raise TypeError("it is no JSON object")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or one_line_reason(error)
        raise ModelError(f"{path} cannot be read: {reason}", AGAIN) from error
    return data
