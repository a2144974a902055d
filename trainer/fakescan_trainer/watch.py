"""What a training run tells whoever watches. Empty methods, so that a run needs no terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


class TrainObserver:
    """Override what is of interest."""

    def message(self, text: str) -> None:
        """A line for people."""

    def stage_started(self, name: str, steps: int, done: int) -> None:
        """A stage of so many optimizer steps begins, ``done`` of them in an earlier run."""

    def step(self, done: int, values: Mapping[str, float]) -> None:
        """A step is done; mean losses since the last log line."""

    def evaluated(self, values: Mapping[str, float]) -> None:
        """An evaluation is done."""

    def stop_wanted(self) -> bool:
        """Whether the run shall be saved and end after the step at hand."""
        return False

    def saved(self, folder: Path) -> None:
        """A checkpoint was written."""


SILENT = TrainObserver()
