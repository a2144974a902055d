"""The model's answers across runs, so that the same bytes are not judged twice by the same model.

A database of the user's, which several scans may use at once. What stands in it are answers of a model (scores and
text), keyed like the journal's by the file's digest and the run's key; evidence and verdict are found out anew each
time. It is a convenience: whatever goes wrong with it costs the answers in it and never a scan.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from fakescan.core.calibration import is_sound
from fakescan.core.json_values import ReportShapeError
from fakescan.core.records import Prediction
from fakescan.core.result_schema import prediction_from_dict, prediction_to_dict
from fakescan.errors import ReportError
from fakescan.store.database import connect

_VERSION = 1
_MAX_ANSWERS = 1_000_000
"""About 2 GB with text; beyond it the oldest go."""
_KEPT_OF_FULL = 0.9

_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    sha256 TEXT NOT NULL, run_key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (sha256, run_key)
)
"""


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What a cache holds."""

    path: Path
    """Where it lies."""
    answers: int
    """How many answers."""
    size_bytes: int
    """Bytes on disk."""


class AnswerCache:
    """Answers on disk. Use as a context manager, and from one thread at a time. After a fault it holds nothing."""

    def __init__(self, path: Path, *, max_answers: int = _MAX_ANSWERS) -> None:
        """Open a cache, or make it.

        Args:
            path: the database file.
            max_answers: beyond so many the oldest go when it is closed.
        """
        self._max_answers = max_answers
        self.fault: str | None = None
        """What went wrong, in words, or None."""
        self._connection: sqlite3.Connection | None = None
        try:
            # What somebody's pictures were called is nobody else's business.
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._connection = connect(path, shared=True)
            self._prepare(self._connection)
        except (sqlite3.Error, OSError) as fault:
            self._give_up(fault)

    def __enter__(self) -> Self:
        """The cache itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the database; what was added stays."""
        if self._connection is None:
            return
        with suppress(sqlite3.Error):
            self._make_room(self._connection)
        with suppress(sqlite3.Error):
            self._connection.close()
        self._connection = None

    def get(self, sha256: str, key: str) -> Prediction | None:
        """What the model said about a file of these bytes under this key, or None.

        Args:
            sha256: digest of the file.
            key: the run's key.
        """
        if self._connection is None or not sha256:
            return None
        query = "SELECT body FROM answers WHERE sha256 = ? AND run_key = ?"
        try:
            row = self._connection.execute(query, (sha256, key)).fetchone()
            prediction = None if row is None else prediction_from_dict(json.loads(row[0]))
        except sqlite3.Error as fault:
            self._give_up(fault)
            return None
        except (ReportShapeError, ValueError, RecursionError):
            return None
        if prediction is None or (prediction.before is None and prediction.after is None):
            return None
        return prediction if is_sound(prediction) else None

    def add(self, answers: Iterable[tuple[str, Prediction]], key: str) -> None:
        """Keep answers.

        Args:
            answers: digest of a file, and what the model said about it.
            key: the run's key.
        """
        rows = [
            (sha256, key, json.dumps(prediction_to_dict(prediction), allow_nan=False, separators=(",", ":")))
            for sha256, prediction in answers
            if sha256
        ]
        if self._connection is None or not rows:
            return
        try:
            with self._connection as transaction:
                transaction.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)
        except sqlite3.Error as fault:
            self._give_up(fault)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        # A crash of the machine may cost the last answers; it damages nothing.
        connection.execute("PRAGMA synchronous = NORMAL")
        [version] = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError("it is of another version of fakescan")
        connection.execute(_TABLE)
        connection.execute(f"PRAGMA user_version = {_VERSION}")

    def _make_room(self, connection: sqlite3.Connection) -> None:
        [rows] = connection.execute("SELECT count(*) FROM answers").fetchone()
        if rows > self._max_answers:
            # The row's number grows with each answer that is added.
            gone = rows - int(self._max_answers * _KEPT_OF_FULL)
            with connection:
                connection.execute(
                    "DELETE FROM answers WHERE rowid IN (SELECT rowid FROM answers ORDER BY rowid LIMIT ?)", (gone,)
                )

    def _give_up(self, fault: Exception) -> None:
        self.fault = str(fault) if isinstance(fault, sqlite3.Error) else type(fault).__name__
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None


def info(path: Path) -> CacheInfo:
    """What a cache holds; nothing where there is none.

    Args:
        path: the database file.

    Raises:
        ReportError: when it cannot be read.
    """
    if not path.is_file():
        return CacheInfo(path, 0, 0)
    try:
        with closing(connect(path, read_only=True)) as connection:
            [rows] = connection.execute("SELECT count(*) FROM answers").fetchone()
    except sqlite3.Error as fault:
        raise ReportError(f"the cache cannot be read: {fault}", "remove it with: fakescan cache clear") from None
    return CacheInfo(path, int(rows), sum(part.stat().st_size for part in _parts(path)))


def clear(path: Path) -> CacheInfo:
    """Remove a cache.

    Args:
        path: the database file.

    Returns:
        What it held, as far as that could be told.

    Raises:
        ReportError: when its files cannot be removed.
    """
    try:
        held = info(path)
    except ReportError:
        held = CacheInfo(path, 0, sum(part.stat().st_size for part in _parts(path)))
    for part in _parts(path):
        try:
            part.unlink()
        except OSError as fault:
            reason = fault.strerror or type(fault).__name__
            raise ReportError(f"cannot remove the cache: {reason}", "end the scans that use it") from None
    return held


def _parts(path: Path) -> list[Path]:
    """The database and the files that SQLite keeps beside it."""
    return [part for part in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))) if part.is_file()]
