"""Metrics of a run, to CSV and, where it is installed, to TensorBoard."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

_COLUMNS = ("step", "stage", "name", "value")


class MetricsFile:
    """Long-form CSV (step, name, value), flushed line by line: any set of metrics fits, a crash loses none."""

    def __init__(self, folder: Path, after: int | None = None, *, keep: bool = True) -> None:
        """Begin ``metrics.csv``, or go on with it; TensorBoard events go to ``tensorboard/``.

        Args:
            folder: the run's folder.
            after: the step that the run goes on after: what was written of later ones, which will be done again, is
                taken away. None for a new run.
            keep: False for a process beside the first, which writes nothing.
        """
        self._board: Any = None
        self._file: TextIO | None = None
        if not keep:
            return
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "metrics.csv"
        kept = [] if after is None else _rows_until(path, after)
        self._file = path.open("w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)
        self._rows.writerow(_COLUMNS)
        self._rows.writerows(kept)
        self._file.flush()
        if importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=None if after is None else after + 1)

    def write(self, step: int, stage: str, values: Mapping[str, float]) -> None:
        """One row a value."""
        if self._file is None:
            return
        for name, value in values.items():
            self._rows.writerow([step, stage, name, f"{value:.6g}"])
            if self._board is not None:
                self._board.add_scalar(f"{stage}/{name}", value, step)
        self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        if self._file is not None:
            self._file.close()
        if self._board is not None:
            self._board.close()


def _rows_until(path: Path, step: int) -> list[list[str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    # A run that was killed may leave half a line at the end.
    return [row for row in rows if len(row) == len(_COLUMNS) and row[0].isdigit() and int(row[0]) <= step]
