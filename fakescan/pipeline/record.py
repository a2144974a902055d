"""The record of a run: what its journal says about it, from the first moment to the finished scan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
            journal.describe({"header": header_of(blank), "run_key": "", "row_key": ""})
        else:
            self._scan = replace(blank, scan_id=self._earlier.scan_id, started_at=self._earlier.started_at)
        journal.describe({"fingerprint": mark})

    def model_is(self, engine: Engine, key: str, row_key: str) -> None:
        """Note the model.

        Args:
            engine: the loaded model.
            key: the run's key with it.
            row_key: the rows' key with it.
        """
        self._scan = replace(self._scan, model=engine.identity, calibration=dict(engine.calibration))
        self._journal.describe({"header": header_of(self._scan), "run_key": key, "row_key": row_key})

    def finished(self, paths: Sequence[str]) -> Scan:
        """The scan of a run that came to its end: its results are in the journal, and nowhere else until now.

        Args:
            paths: the files that it examined, as reports show them.
        """
        return self._ended(replace(self._scan, results=compared(tuple(self._kept(paths)))))

    def interrupted(self, paths: Sequence[str]) -> Scan:
        """The scan of a run that was stopped: what its journal holds on the files that it was to examine.

        Args:
            paths: those files, as reports show them.
        """
        scan = self._scan
        if scan.model is None and self._earlier is not None:
            # Stopped before the model was there again: the journal's answers are those of the earlier one.
            scan = replace(scan, model=self._earlier.model, calibration=self._earlier.calibration)
        results = compared(tuple(self._kept(paths)))
        left = set(paths).difference(result.record.file.path for result in results)
        skipped = sorted((*scan.skipped, *(Skipped(path, _NOT_REACHED) for path in left)), key=lambda item: item.path)
        return self._ended(replace(scan, results=results, skipped=tuple(skipped), interrupted=True))

    def _kept(self, paths: Iterable[str]) -> Iterator[ImageResult]:
        wanted = set(paths)
        rows = self._journal.results(self._journal.about("row_key") or "")
        return (result for result in rows if result.record.file.path in wanted)

    def _ended(self, scan: Scan) -> Scan:
        cached = self._journal.cached(self._journal.about("run_key") or "")
        known = sorted({result.record.file.sha256 for result in scan.results} & cached)
        ended = replace(scan, finished_at=now(), from_cache=tuple(known))
        self._journal.describe({"header": header_of(ended)})
        return ended


def now() -> datetime:
    """UTC, in the milliseconds that reports show."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
