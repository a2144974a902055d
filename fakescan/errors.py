"""The errors that end a run.

::

    FakescanError
    ├── InputError    nothing to scan, unreadable list, bad path given by hand
    ├── ModelError    missing, corrupt or unsuitable weights; out of memory at batch size 1
    ├── ConfigError   unknown or contradictory settings; lists every fault at once
    ├── DataError     a training or evaluation set that does not fit
    └── ReportError   an output that cannot be written

What goes wrong with a single image is data (``core.records.Failure``), never one of these.
"""

from __future__ import annotations

from collections.abc import Sequence


class FakescanError(Exception):
    """Something that ends the run, with a next step.

    Args:
        message: one line: what and where.
        hint: what to do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(FakescanError):
    """Nothing to scan, an unreadable list, or a bad path given by hand."""


class ModelError(FakescanError):
    """Missing, corrupt or unsuitable weights, or no memory for a single image."""


class DataError(FakescanError):
    """A training or evaluation set that does not fit."""


class ReportError(FakescanError):
    """An output that cannot be written."""


class ConfigError(FakescanError):
    """Unknown or contradictory settings.

    Args:
        faults: every fault that was found, one line each.
        hint: what to do about it.
    """

    def __init__(self, faults: Sequence[str], hint: str = "") -> None:
        super().__init__("; ".join(faults), hint)
        self.faults = tuple(faults)

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[str, ...], str]]:
        """As another process makes it again: from its faults, not from the line that they are joined to."""
        return type(self), (self.faults, self.hint)
