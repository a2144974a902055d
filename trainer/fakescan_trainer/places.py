"""Which of several processes this is, known before anything is loaded."""

from __future__ import annotations

import os


def is_first_process() -> bool:
    """Whether this is the process that tells people what happens, and writes what all of them read."""
    return os.environ.get("RANK", "0") == "0"
