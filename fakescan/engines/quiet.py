"""Loading a model without the progress bars and start-up remarks of other libraries."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_REMARKS = ("torchao", "bitsandbytes", "torch.utils._pytree")
"""peft imports the first two where they are installed, needed or not; they remark on kernels that nobody asked for."""


@contextmanager
def quietly() -> Iterator[None]:
    """While it lasts, no progress bars and no remarks at import: whoever called decides what a terminal shows."""
    loggers = [logging.getLogger(name) for name in _REMARKS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with _no_bars():
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _no_bars() -> Iterator[None]:
    # The variable counts where transformers is yet to be imported, its own switch where it is already there.
    variable = "HF_HUB_DISABLE_PROGRESS_BARS"
    before = os.environ.get(variable)
    bars: Any = sys.modules.get("transformers.utils.logging")
    shown = bars is not None and bars.is_progress_bar_enabled()
    os.environ[variable] = "1"
    if shown:
        bars.disable_progress_bar()
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before
        if shown:
            bars.enable_progress_bar()
