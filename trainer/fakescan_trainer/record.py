"""Metrics of a run, to CSV and, where it is installed, to TensorBoard."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class MetricsFile:
    """Long-form CSV (step, name, value), flushed line by line: any set of metrics fits, a crash loses none."""

    def __init__(self, folder: Path) -> None:
        """Open or go on with ``metrics.csv``; TensorBoard events go to ``tensorboard/``."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "metrics.csv"
        new = not path.exists()
        self._file = path.open("a", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)
        if new:
            self._rows.writerow(["step", "stage", "name", "value"])
        self._board: Any = None
        if importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"))

    def write(self, step: int, stage: str, values: Mapping[str, float]) -> None:
        """One row a value."""
        for name, value in values.items():
            self._rows.writerow([step, stage, name, f"{value:.6g}"])
            if self._board is not None:
                self._board.add_scalar(f"{stage}/{name}", value, step)
        self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        self._file.close()
        if self._board is not None:
            self._board.close()
