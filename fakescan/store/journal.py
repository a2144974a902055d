"""The journal of a run: one row a file, committed batch by batch, so that nothing done is lost.

SQLite in WAL mode with one writer. A row is keyed by the file's path and by a digest of everything that the model's
answer depends on (``run_key``); a result is taken over only for the same bytes under the same key, so that another
model, prompt, calibration or decoder never reuses an old answer. A failure depends on no model: its key is empty.
What a row holds is JSON, as in the report.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, Self

from fakescan.core.json_values import ReportShapeError
from fakescan.core.records import Assessed, ImageResult
from fakescan.core.result_schema import result_from_dict, result_to_dict
from fakescan.errors import ReportError

JOURNAL_VERSION = "1"

_TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS results (
    path BLOB NOT NULL, run_key TEXT NOT NULL, sha256 TEXT NOT NULL, assessed INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (path, run_key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_digest ON results (sha256, run_key) WHERE assessed;
"""


def run_key(parts: Mapping[str, Any]) -> str:
    """Digest of everything that the model's answer on a file depends on, besides the file.

    Args:
        parts: names and JSON values.
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class Journal:
    """Results on disk. Use as a context manager, and from one thread at a time."""

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        """Open a journal, or make it.

        Args:
            path: the database file; None for a temporary one that goes away when it is closed.
            read_only: open an existing one without changing it.

        Raises:
            ReportError: when it cannot be opened, is no journal, or another scan is writing to it.
        """
        self._path = path
        with self._faults():
            self._connection = _connect(path, read_only=read_only)
        try:
            with self._faults():
                self._prepare(read_only=read_only)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the database; what was committed stays."""
        with self._faults():
            self._connection.close()

    def describe(self, about: Mapping[str, str]) -> None:
        """Store facts about the run, replacing those of the same name.

        Args:
            about: text by name.
        """
        with self._faults(), self._connection as transaction:
            transaction.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", sorted(about.items()))

    def about(self, name: str) -> str | None:
        """A fact about the run, or None.

        Args:
            name: as given to ``describe``.
        """
        with self._faults():
            row = self._connection.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def add(self, results: Iterable[ImageResult], key: str) -> None:
        """Store results in one transaction.

        Args:
            results: what was found out.
            key: the run's key.
        """
        rows = [_row(result, key) for result in results]
        with self._faults(), self._connection as transaction:
            # What a path was under this key, or failed as, is over, whichever it is now.
            transaction.executemany(
                "DELETE FROM results WHERE path = ? AND run_key IN (?, '')", [(row[0], key) for row in rows]
            )
            transaction.executemany("INSERT INTO results VALUES (?, ?, ?, ?, ?)", rows)

    def known(self, sha256: str, key: str) -> ImageResult | None:
        """A result with a verdict on a file of these bytes under this key, or None.

        Args:
            sha256: digest of the file.
            key: the run's key.
        """
        if not sha256:
            return None
        query = "SELECT body FROM results WHERE sha256 = ? AND run_key = ? AND assessed ORDER BY path LIMIT 1"
        with self._faults():
            row = self._connection.execute(query, (sha256, key)).fetchone()
        return None if row is None else self._read(row[0])

    def results(self, key: str) -> Iterator[ImageResult]:
        """Every result under a key, ordered by path.

        Args:
            key: the run's key.
        """
        query = "SELECT body FROM results WHERE run_key IN (?, '') ORDER BY path"
        with self._faults():
            for (body,) in self._connection.execute(query, (key,)):
                yield self._read(body)

    def _read(self, body: str) -> ImageResult:
        try:
            return result_from_dict(json.loads(body))
        except (ReportShapeError, ValueError, RecursionError) as fault:
            raise ReportError(
                f"the journal {self._name} is damaged: {fault}", "scan into a new run directory"
            ) from None

    def _prepare(self, *, read_only: bool) -> None:
        if not read_only:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_TABLES)
        version = self.about("journal_version")
        if version is None and not read_only:
            self.describe({"journal_version": JOURNAL_VERSION})
        elif version != JOURNAL_VERSION:
            raise ReportError(
                f"{self._name} is no journal of this version of fakescan", "scan into a new run directory"
            )

    @property
    def _name(self) -> str:
        return "(temporary)" if self._path is None else ascii(str(self._path))[1:-1]

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as fault:
            message, hint = _explained(fault)
            raise ReportError(f"the journal {self._name}: {message}", hint) from fault


def uri_of(path: PurePath) -> str:
    """An absolute path as SQLite takes it: a Windows share stands in the path, where SQLite allows no server name.

    Args:
        path: absolute.
    """
    uri = path.as_uri()
    return uri if uri.startswith("file:///") else "file:////" + uri.removeprefix("file://")


def _connect(path: Path | None, *, read_only: bool) -> sqlite3.Connection:
    if path is None:
        # SQLite's own temporary database: in memory while it is small, on disk when it grows.
        return sqlite3.connect("", check_same_thread=False)
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(
        f"{uri_of(path.absolute())}?mode={mode}", uri=True, timeout=1.0, check_same_thread=False
    )
    if not read_only:
        # One writer: a second scan into the same run directory is refused instead of mixed in.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return connection


def _row(result: ImageResult, key: str) -> tuple[bytes, str, str, int, str]:
    file = result.record.file
    assessed = isinstance(result.outcome, Assessed)
    return (
        file.path.encode("utf-8", "surrogatepass"),
        key if assessed else "",
        file.sha256,
        int(assessed),
        json.dumps(result_to_dict(result), ensure_ascii=True, allow_nan=False, separators=(",", ":")),
    )


def _explained(fault: sqlite3.Error) -> tuple[str, str]:
    text = str(fault)
    if "locked" in text:
        return "another scan is writing to it", "wait for it, or give another --run-dir"
    if "full" in text:
        return "the disk is full", "free some space; --resume then goes on with what is done"
    if "readonly" in text or "unable to open" in text:
        return "it cannot be written", "give a --run-dir that you may write to"
    if "not a database" in text or "malformed" in text:
        return "it is damaged or no journal", "scan into a new run directory"
    return text, "free some space or give another --run-dir; --resume goes on with what is done"
