"""The journal of a run: one row a file, committed batch by batch, so that nothing done is lost.

SQLite in WAL mode with one writer. A row stands under two keys: ``run_key``, a digest of everything that the model's
answer depends on besides the file's bytes, so that another model, prompt, calibration or decoder never reuses an old
answer; and ``row_key``, a digest of that and of everything else that a whole row depends on (policy, limits, trust
list, versions), so that a row is taken over unread only where reading the file again would give the same row. A
failure depends on no model: its keys are empty, and nobody takes it over. What a row holds is JSON, as in the report.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from fakescan.core.json_values import ReportShapeError
from fakescan.core.records import Assessed, ImageResult
from fakescan.core.result_schema import result_from_dict, result_to_dict
from fakescan.errors import ReportError
from fakescan.store.database import connect, explained
from fakescan.store.kept import Row

JOURNAL_VERSION = "2"

_ABOUT = "CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
_TABLES = """
CREATE TABLE IF NOT EXISTS keys (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS results (
    id INTEGER PRIMARY KEY, path BLOB NOT NULL, run_key INTEGER NOT NULL, row_key INTEGER NOT NULL,
    sha256 TEXT NOT NULL, label TEXT NOT NULL, stamp TEXT NOT NULL, cached INTEGER NOT NULL, body TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS by_path ON results (path, row_key);
CREATE INDEX IF NOT EXISTS by_digest ON results (sha256, run_key) WHERE label <> '';
CREATE INDEX IF NOT EXISTS done ON results (row_key, path, stamp, label) WHERE label <> '';
"""
"""``done`` holds all that resuming asks for, so that half a million rows are gone through without reading them."""
_PAGE_ROWS = 4096


@dataclass(frozen=True, slots=True)
class DoneFile:
    """A file that has its row."""

    path: str
    """As in ``SourceFile.path``."""
    stamp: str
    """What the file system said of the file before it was read; empty where that tells nothing."""
    label: str
    """Its verdict."""


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
            self._connection = connect(path, read_only=read_only)
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

    def add(
        self,
        results: Iterable[ImageResult],
        key: str,
        row_key: str | None = None,
        *,
        stamps: Mapping[str, str] | None = None,
        cached: Collection[str] = (),
    ) -> None:
        """Store results in one transaction.

        Args:
            results: what was found out.
            key: the run's key.
            row_key: what whole rows depend on; ``key`` when None.
            stamps: what the file system said of the files before they were read, by path.
            cached: digests whose answer came from the cache of earlier runs.
        """
        whole = key if row_key is None else row_key
        known = stamps or {}
        with self._faults(), self._connection as transaction:
            keys = {text: self._key_id(text) for text in ("", key, whole)}
            rows = [_row(result, keys[key], keys[whole], keys[""], known, cached) for result in results]
            # What a path was under this key, or failed as, is over, whichever it is now.
            transaction.executemany(
                "DELETE FROM results WHERE path = ? AND row_key IN (?, ?)",
                [(row[0], keys[whole], keys[""]) for row in rows],
            )
            transaction.executemany(
                "INSERT INTO results (path, run_key, row_key, sha256, label, stamp, cached, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    def known(self, sha256: str, key: str) -> ImageResult | None:
        """A result with a verdict on a file of these bytes under this key, or None.

        Args:
            sha256: digest of the file.
            key: the run's key.
        """
        if not sha256:
            return None
        query = (
            "SELECT body FROM results WHERE sha256 = ? AND label <> ''"
            " AND run_key = (SELECT id FROM keys WHERE text = ?) ORDER BY path LIMIT 1"
        )
        with self._faults():
            row = self._connection.execute(query, (sha256, key)).fetchone()
        return None if row is None else self._read(row[0])

    def is_cached(self, sha256: str, key: str) -> bool:
        """Whether the answer to a file of these bytes came from the cache of earlier runs.

        Args:
            sha256: digest of the file.
            key: the run's key.
        """
        query = (
            "SELECT 1 FROM results WHERE sha256 = ? AND label <> '' AND cached"
            " AND run_key = (SELECT id FROM keys WHERE text = ?) LIMIT 1"
        )
        with self._faults():
            return self._connection.execute(query, (sha256, key)).fetchone() is not None

    def has_done(self) -> bool:
        """Whether there is any row that is no failure."""
        with self._faults():
            return self._connection.execute("SELECT 1 FROM results WHERE label <> '' LIMIT 1").fetchone() is not None

    def done(self, row_key: str) -> Iterator[DoneFile]:
        """The files that have their row, ordered by path; rows may be added meanwhile.

        Args:
            row_key: what whole rows depend on.
        """
        # Page by page: SQLite does not say what a query returns whose table is written to while it goes on.
        query = (
            "SELECT path, stamp, label FROM results WHERE row_key = ? AND label <> '' AND path > ?"
            " ORDER BY path LIMIT ?"
        )
        last = b""
        while True:
            with self._faults():
                found = self._connection.execute("SELECT id FROM keys WHERE text = ?", (row_key,)).fetchone()
                page = self._connection.execute(query, (found[0], last, _PAGE_ROWS)).fetchall() if found else []
            for path, stamp, label in page:
                yield DoneFile(path.decode("utf-8", "surrogatepass"), stamp, label)
            if len(page) < _PAGE_ROWS:
                return
            last = page[-1][0]

    def cached(self, key: str) -> set[str]:
        """Digests of the files whose answer came from the cache of earlier runs.

        Args:
            key: the run's key.
        """
        query = "SELECT sha256 FROM results WHERE cached AND run_key = (SELECT id FROM keys WHERE text = ?)"
        with self._faults():
            return {str(digest) for (digest,) in self._connection.execute(query, (key,))}

    def results(self, row_key: str) -> Iterator[ImageResult]:
        """Every result under a key, and every failure, ordered by path.

        Args:
            row_key: what whole rows depend on.
        """
        return (row.result for row in self.rows(row_key))

    def rows(self, row_key: str) -> Iterator[Row]:
        """The same with the JSON that they were read from.

        Args:
            row_key: what whole rows depend on.
        """
        query = "SELECT body FROM results WHERE row_key IN (SELECT id FROM keys WHERE text IN (?, '')) ORDER BY path"
        with self._faults():
            for (body,) in self._connection.execute(query, (row_key,)):
                yield Row(self._read(body), body)

    def _key_id(self, text: str) -> int:
        self._connection.execute("INSERT OR IGNORE INTO keys (text) VALUES (?)", (text,))
        return int(self._connection.execute("SELECT id FROM keys WHERE text = ?", (text,)).fetchone()[0])

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
            self._connection.execute(_ABOUT)
        version = self.about("journal_version")
        if version is None and not read_only:
            self._connection.executescript(_TABLES)
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
            message, hint = explained(fault)
            raise ReportError(f"the journal {self._name}: {message}", hint) from fault


def _row(
    result: ImageResult, key: int, row_key: int, no_key: int, stamps: Mapping[str, str], cached: Collection[str]
) -> tuple[bytes, int, int, str, str, str, int, str]:
    file, outcome = result.record.file, result.outcome
    assessed = isinstance(outcome, Assessed)
    return (
        file.path.encode("utf-8", "surrogatepass"),
        key if assessed else no_key,
        row_key if assessed else no_key,
        file.sha256,
        outcome.verdict.label.value if isinstance(outcome, Assessed) else "",
        stamps.get(file.path, "") if assessed else "",
        int(assessed and file.sha256 in cached),
        json.dumps(result_to_dict(result), ensure_ascii=True, allow_nan=False, separators=(",", ":")),
    )
