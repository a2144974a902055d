"""The record of a run: what its journal says about it, from the first moment to the finished scan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from fakescan.core.duplicates import outlines_of
from fakescan.core.records import Scan, Skipped
from fakescan.core.schema import scan_from_json
from fakescan.protocols import KnownModel
from fakescan.store.journal import Journal
from fakescan.store.kept import KeptResults, Row
from fakescan.store.run_dir import header_of

_NOT_REACHED = "not reached: the scan was interrupted"


class Record:
    """Keeps the journal's facts about a run up to date, so that a run that is killed can still be read."""

    def __init__(self, journal: Journal, blank: Scan, mark: str, folder: Path) -> None:
        """Begin, or go on: a resumed run keeps its id and its start.

        Args:
            journal: the run's journal.
            blank: the scan before anything is known.
            mark: the run's fingerprint.
            folder: where results may be kept that are too many to hold.
        """
        self._folder = folder
        self._journal = journal
        header = journal.about("header")
        self._earlier = None if header is None else scan_from_json(header)
        self._scan = blank
        if self._earlier is None:
            journal.describe({"header": header_of(blank), "run_key": "", "row_key": ""})
        else:
            self._scan = replace(blank, scan_id=self._earlier.scan_id, started_at=self._earlier.started_at)
        journal.describe({"fingerprint": mark})

    def model_is(self, model: KnownModel, key: str, row_key: str) -> None:
        """Note the model.

        Args:
            model: which, and its calibration.
            key: the run's key with it.
            row_key: the rows' key with it.
        """
        self._scan = replace(self._scan, model=model.identity, calibration=dict(model.calibration))
        self._journal.describe({"header": header_of(self._scan), "run_key": key, "row_key": row_key})

    def finished(self, paths: Iterable[str]) -> Scan:
        """The scan of a run that came to its end: its results are in the journal, and nowhere else until now.

        Args:
            paths: the files that it examined, as reports show them, in order.
        """
        return self._ended(replace(self._scan, results=self._kept(paths)))

    def interrupted(self, paths: Iterable[str]) -> Scan:
        """The scan of a run that was stopped: what its journal holds on the files that it was to examine.

        Args:
            paths: those files, as reports show them, in order.
        """
        scan = self._scan
        if scan.model is None and self._earlier is not None:
            # Stopped before the model was there again: the journal's answers are those of the earlier one.
            scan = replace(scan, model=self._earlier.model, calibration=self._earlier.calibration)
        left: list[Skipped] = []
        results = self._kept(paths, lambda path: left.append(Skipped(path, _NOT_REACHED)))
        skipped = sorted((*scan.skipped, *left), key=lambda item: item.path)
        return self._ended(replace(scan, results=results, skipped=tuple(skipped), interrupted=True))

    def _kept(self, paths: Iterable[str], missed: Callable[[str], None] = lambda path: None) -> KeptResults:
        rows = self._journal.rows(self._journal.about("row_key") or "")
        return KeptResults(_of(paths, rows, missed), self._folder)

    def _ended(self, scan: Scan) -> Scan:
        cached = self._journal.cached(self._journal.about("run_key") or "")
        known = {outline.sha256 for outline in outlines_of(scan.results) if outline.sha256 in cached} if cached else ()
        ended = replace(scan, finished_at=now(), from_cache=tuple(sorted(known)))
        self._journal.describe({"header": header_of(ended)})
        return ended


def _of(paths: Iterable[str], rows: Iterator[Row], missed: Callable[[str], None]) -> Iterator[Row]:
    """The rows of some paths; both come in the same order, so that neither is held."""
    row = next(rows, None)
    for path in paths:
        while row is not None and row.result.record.file.path < path:
            row = next(rows, None)
        if row is None or row.result.record.file.path != path:
            missed(path)
            continue
        yield row


def now() -> datetime:
    """UTC, in the milliseconds that reports show."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
