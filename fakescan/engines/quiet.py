"""Loading a model without progress bars of other libraries."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def no_bars() -> Iterator[None]:
    """While it lasts, transformers draws no progress bars: whoever called decides what a terminal shows."""
    # The variable counts where transformers is yet to be imported, its own switch where it is already there.
    variable = "HF_HUB_DISABLE_PROGRESS_BARS"
    before = os.environ.get(variable)
    logging: Any = sys.modules.get("transformers.utils.logging")
    shown = logging is not None and logging.is_progress_bar_enabled()
    os.environ[variable] = "1"
    if shown:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before
        if shown:
            logging.enable_progress_bar()
