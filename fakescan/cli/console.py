"""What is seen of a scan while it runs: a bar on a terminal, a few plain lines elsewhere. Everything goes to stderr."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Column
from rich.text import Text

from fakescan.core.options import Reasoning, ScanOptions
from fakescan.core.records import Failure, ImageResult, ModelIdentity, Scan
from fakescan.observer import Observer
from fakescan.reports.escape import visible

_PLAIN_EVERY_S = 30.0
"""So often a stream that is no terminal is told how far the scan is."""
_SLOW_S = 120.0
"""A scan that takes longer is told how to be quicker."""
_WORDS = (("fake", "likely AI-generated"), ("inconclusive", "inconclusive"), ("real", "no sign"), ("error", "failed"))


class Watch(Observer):
    """Counts what is finished and shows it; a context manager, so that the bar is gone whatever happens."""

    def __init__(
        self,
        options: ScanOptions,
        *,
        quiet: bool,
        stream: TextIO | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Make it; nothing is shown before the scan starts.

        Args:
            options: what was asked for.
            quiet: show warnings only.
            stream: where to; stderr when None.
            clock: seconds that only go forward; for tests.
        """
        self._options = options
        self._quiet = quiet
        self._stream = stream or sys.stderr
        self._clock = clock or time.monotonic
        self._console = Console(file=self._stream, highlight=False, markup=False, emoji=False)
        self._counts: Counter[str] = Counter()
        self._bar: Progress | None = None
        self._total = 0
        self._done = self._done_before = 0
        self._model_s = 0.0
        self._written = 0
        self._started_s = self._last_line_s = self._clock()
        self._advised = False

    def __enter__(self) -> Self:
        """The observer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self._stop()

    def discovered(self, files: int, skipped: int) -> None:
        """Start the bar."""
        self._total = files
        self._started_s = self._clock()
        if self._quiet or not files:
            return
        beside = f", {skipped:,} skipped" if skipped else ""
        self._line(f"{files:,} {'file' if files == 1 else 'files'} to examine{beside}")
        if self._console.is_terminal:
            self._bar = Progress(
                SpinnerColumn(),
                BarColumn(bar_width=24),
                TextColumn("{task.completed:,.0f}/{task.total:,.0f}", markup=False),
                TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
                console=self._console,
                transient=True,
            )
            self._bar.add_task("decoding", total=files)
            self._bar.start()

    def loading_model(self, name: str) -> None:
        """Say why nothing moves yet."""
        self._describe(f"loading {visible(name, limit_chars=60)}")

    def model_ready(self, model: ModelIdentity) -> None:
        """Say which model judges."""
        if not self._quiet:
            self._line(f"model: {model.name} on {model.device} in {model.dtype}")
        self._started_s, self._done_before = self._clock(), self._done
        self._describe("assessing")

    def result(self, result: ImageResult, done: int, total: int) -> None:
        """Move the bar and count."""
        self._done = done
        outcome = result.outcome
        self._counts["error" if isinstance(outcome, Failure) else outcome.verdict.label.value] += 1
        if not isinstance(outcome, Failure) and outcome.prediction.stages:
            self._model_s += outcome.prediction.elapsed_s
            self._written += outcome.prediction.elapsed_s > 0
        self._advise()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done)

    def resumed(self, labels: Mapping[str, int], done: int, total: int) -> None:
        """Move the bar and count; the pace is not that of files that nobody reads."""
        self._done_before += done - self._done
        self._done = done
        self._counts.update(labels)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done)

    def caught_up(self, done: int, total: int) -> None:
        """Say how fast it goes: only here, since in the middle of a batch most of its time is not yet paid for."""
        if self._bar is not None:
            self._describe(f"{self._pace()}: {self._tally()}")
        elif not self._quiet and self._clock() - self._last_line_s >= _PLAIN_EVERY_S:
            self._last_line_s = self._clock()
            self._line(f"{done:,} of {total:,}, {self._pace()}: {self._tally()}")

    def warned(self, text: str) -> None:
        """Warnings are shown even when quiet."""
        self._line(f"warning: {text}")

    def finished(self, scan: Scan) -> None:
        """Take the bar away: the summary follows."""
        self._stop()

    def _advise(self) -> None:
        """Once, when texts turn out slow: how long it takes, and that triage is quicker."""
        if self._advised or self._quiet or not self._written or self._options.reasoning is not Reasoning.ALL:
            return
        left_s = self._model_s / self._written * (self._total - self._done)
        self._advised = True
        if left_s > _SLOW_S:
            self._line(
                f"writing text for every image takes about {duration(left_s)} more on this device; "
                "--reasoning flagged writes it for findings only, --reasoning none for none"
            )

    def _pace(self) -> str:
        """Images a second (or seconds an image, where it is slow) since the model is there, and the time left."""
        done, spent_s = self._done - self._done_before, self._clock() - self._started_s
        if done <= 0 or spent_s <= 0:
            return "starting"
        speed = done / spent_s
        pace = f"{speed:.1f} images/s" if speed >= 1 else f"{1 / speed:.1f} s an image"
        return f"{pace}, {duration((self._total - self._done) / speed)} left"

    def _tally(self) -> str:
        return ", ".join(f"{self._counts[key]:,} {word}" for key, word in _WORDS if self._counts[key])

    def _describe(self, text: str) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=text)

    def _line(self, text: str) -> None:
        self._console.print(Text(visible(text)), soft_wrap=True)

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def duration(seconds: float) -> str:
    """Seconds for people: ``40 s``, ``3 min``, ``2 h 05 min``.

    Args:
        seconds: from 0 on.
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
