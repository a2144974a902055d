"""Run directories: where the journal and the JSON report of a scan lie, and how an interrupted one is found again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from fakescan.core.records import Scan
from fakescan.core.schema import json_parts, scan_from_json, scan_to_json
from fakescan.errors import FakescanError, InputError, ReportError
from fakescan.store.atomic import reporting_faults, write_atomically
from fakescan.store.journal import Journal, run_key
from fakescan.store.places import runs_folder

JOURNAL_NAME = "journal.sqlite3"
REPORT_NAME = "scan.json"

_MAX_LOOKED_AT = 200
"""So many of the newest runs are looked at for one to go on with."""
_MAX_REPORT_BYTES = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class RunDir:
    """The folder of one run."""

    path: Path
    """The folder."""

    @property
    def journal(self) -> Path:
        """Its journal."""
        return self.path / JOURNAL_NAME

    @property
    def report(self) -> Path:
        """Its JSON report; there once the run has ended."""
        return self.path / REPORT_NAME

    def write_report(self, scan: Scan) -> None:
        """Write the JSON report.

        Args:
            scan: a finished or interrupted scan.

        Raises:
            ReportError: when it cannot be written.
        """
        write_atomically(self.report, lambda out: out.writelines(json_parts(scan)))


def fingerprint(parts: Mapping[str, object]) -> str:
    """Digest of what a run looks at: an interrupted run is gone on with only by the same question.

    Args:
        parts: names and JSON values.
    """
    return run_key(parts)


def make_run_dir(path: Path | None, *, started_at: datetime, scan_id: str, resume: bool) -> RunDir:
    """Make the folder of a run.

    Args:
        path: the folder that the user named; None for a new one among the user's runs.
        started_at: when the run started.
        scan_id: the run's id.
        resume: whether a run that is already there is gone on with.

    Raises:
        ReportError: when it cannot be made, or holds a run that nobody asked to go on with.
    """
    folder = path or _folder_of(started_at, scan_id)
    run = RunDir(folder)
    if run.journal.exists() and not resume:
        raise ReportError(
            f"the run directory {ascii(str(folder))[1:-1]} already holds a run",
            "add --resume to go on with it, or give another --run-dir",
        )
    with reporting_faults(folder):
        # Findings about a person's pictures are nobody else's business.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return run


def default_folder(scan: Scan) -> Path:
    """Where a run lies that was given no folder.

    Args:
        scan: its scan.
    """
    return _folder_of(scan.started_at, scan.scan_id)


def find_run(mark: str, folder: Path | None = None) -> RunDir | None:
    """The newest of the user's runs with this fingerprint, or None.

    Args:
        mark: what ``fingerprint`` returned.
        folder: where to look; None for the user's runs.
    """
    base = folder or runs_folder()
    try:
        newest = sorted((item for item in base.iterdir() if item.is_dir()), reverse=True)[:_MAX_LOOKED_AT]
    except OSError:
        return None
    return next((RunDir(item) for item in newest if _mark_of(RunDir(item)) == mark), None)


def load_scan(path: Path) -> Scan:
    """Read a RUN: a run directory or a JSON report.

    A run that was killed has no JSON report, or only an older one: its journal is read instead.

    Args:
        path: a folder or a file.

    Raises:
        InputError: when it is neither.
    """
    if not path.is_dir():
        return _load_report(path)
    run = RunDir(path)
    earlier = _load_report(run.report) if run.report.is_file() else None
    if earlier and not earlier.interrupted:
        return earlier
    if run.journal.is_file():
        try:
            return _load_journal(run)
        except ReportError as fault:
            if earlier is None:
                raise InputError(fault.message, fault.hint) from None
    if earlier is None:
        raise InputError(f"{ascii(str(path))[1:-1]} is no run directory", "give a run directory or a JSON report")
    return earlier


def header_of(scan: Scan) -> str:
    """Everything of a scan but its results, as the journal keeps it.

    Args:
        scan: a scan, results or not.
    """
    return scan_to_json(replace(scan, results=()))


def scan_of(journal: Journal) -> Scan:
    """The scan that a journal holds so far, marked as interrupted.

    Args:
        journal: an open journal.

    Raises:
        InputError: when nothing was written to it yet.
    """
    header = journal.about("header")
    if header is None:
        raise InputError("the run directory holds nothing yet", "scan again")
    scan = scan_from_json(header)
    results = tuple(journal.results(journal.about("row_key") or ""))
    return replace(scan, results=results, interrupted=True)


def _folder_of(started_at: datetime, scan_id: str) -> Path:
    return runs_folder() / f"{started_at:%Y%m%dT%H%M%SZ}-{scan_id}"


def _load_report(path: Path) -> Scan:
    name = ascii(str(path))[1:-1]
    try:
        if path.stat().st_size > _MAX_REPORT_BYTES:
            raise InputError(f"{name} is too large for a report", "give a JSON report of fakescan")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{name} is no JSON report", "give a run directory or a JSON report of fakescan") from None
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise InputError(f"cannot read {name}: {reason}", "give a run directory or a JSON report of fakescan") from None
    try:
        return scan_from_json(text)
    except InputError as fault:
        raise InputError(f"{name} is {fault.message}", fault.hint) from None


def _load_journal(run: RunDir) -> Scan:
    with Journal(run.journal, read_only=True) as journal:
        scan = scan_of(journal)
    with reporting_faults(run.journal):
        last = datetime.fromtimestamp(run.journal.stat().st_mtime, UTC).replace(microsecond=0)
    return replace(scan, finished_at=max(last, scan.started_at))


def _mark_of(run: RunDir) -> str | None:
    if not run.journal.is_file():
        return None
    try:
        with Journal(run.journal, read_only=True) as journal:
            return journal.about("fingerprint")
    except FakescanError:
        return None
