"""Memory that the C library keeps after a model was loaded goes back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_back_memory() -> None:
    """Return freed memory to the system, where the C library keeps it (glibc); nothing happens elsewhere.

    Reading quantised weights and merging adapters leaves about 400 MB of holes between tensors of some megabytes,
    which glibc would hold on to until the process ends.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):  # another C library
        return
