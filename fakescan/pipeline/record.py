"""The record of a run: what its journal says about it, from the first moment to the finished scan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from fakescan.core.duplicates import compared
from fakescan.core.records import ImageResult, Scan, Skipped
from fakescan.core.schema import scan_from_json
from fakescan.protocols import Engine
from fakescan.store.journal import Journal
from fakescan.store.run_dir import header_of

_NOT_REACHED = "not reached: the scan was interrupted"


class Record:
    """Keeps the journal's facts about a run up to date, so that a run that is killed can still be read."""

    def __init__(self, journal: Journal, blank: Scan, mark: str) -> None:
        """Begin, or go on: a resumed run keeps its id and its start.

        Args:
            journal: the run's journal.
            blank: the scan before anything is known.
            mark: the run's fingerprint.
        """
        self._journal = journal
        header = journal.about("header")
        self._earlier = None if header is None else scan_from_json(header)
        self._scan = blank
        if self._earlier is None:
            journal.describe({"header": header_of(blank), "run_key": ""})
        else:
            self._scan = replace(blank, scan_id=self._earlier.scan_id, started_at=self._earlier.started_at)
        journal.describe({"fingerprint": mark})

    def model_is(self, engine: Engine, key: str) -> None:
        """Note the model.

        Args:
            engine: the loaded model.
            key: the run's key with it.
        """
        self._scan = replace(self._scan, model=engine.identity, calibration=dict(engine.calibration))
        self._journal.describe({"header": header_of(self._scan), "run_key": key})

    def finished(self, results: Iterable[ImageResult]) -> Scan:
        """The scan of a run that came to its end.

        Args:
            results: all of them, in any order.
        """
        return self._ended(replace(self._scan, results=compared(_by_path(results))))

    def interrupted(self, paths: Sequence[str]) -> Scan:
        """The scan of a run that was stopped: what its journal holds on the files that it was to examine.

        Args:
            paths: those files, as reports show them.
        """
        scan = self._scan
        if scan.model is None and self._earlier is not None:
            # Stopped before the model was there again: the journal's answers are those of the earlier one.
            scan = replace(scan, model=self._earlier.model, calibration=self._earlier.calibration)
        wanted = set(paths)
        kept = self._journal.results(self._journal.about("run_key") or "")
        results = compared(_by_path(result for result in kept if result.record.file.path in wanted))
        left = wanted.difference(result.record.file.path for result in results)
        skipped = sorted((*scan.skipped, *(Skipped(path, _NOT_REACHED) for path in left)), key=lambda item: item.path)
        return self._ended(replace(scan, results=results, skipped=tuple(skipped), interrupted=True))

    def _ended(self, scan: Scan) -> Scan:
        ended = replace(scan, finished_at=now())
        self._journal.describe({"header": header_of(ended)})
        return ended


def now() -> datetime:
    """UTC, in the milliseconds that reports show."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _by_path(results: Iterable[ImageResult]) -> tuple[ImageResult, ...]:
    return tuple(sorted(results, key=lambda result: result.record.file.path))
