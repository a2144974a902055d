"""Lists of images as files: CSV, JSON lines and JSON, with faults that name the place."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from fakescan.errors import DataError


def csv_rows(place: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of a CSV (or .tsv) file by lower-case column, with their line numbers; DataError where it is none."""
    delimiter = "\t" if place.suffix.lower() == ".tsv" else ","
    try:
        reader = csv.DictReader(StringIO(_text(place), newline=""), delimiter=delimiter)
        if reader.fieldnames is None or not {"path", "label"} <= {
            str(name).strip().lower() for name in reader.fieldnames
        }:
            raise DataError(f"{named(place)} has no header with path and label", "its first line must name the columns")
        for row in reader:
            yield (
                reader.line_num,
                {str(k).strip().lower(): v for k, v in row.items() if k is not None and v is not None},
            )
    except csv.Error as fault:
        raise DataError(f"{named(place)} is no CSV: {fault}", "save it as CSV in UTF-8") from None


def json_lines(place: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Objects of a JSON-lines file with their line numbers; DataError where it is none."""
    for number, line in enumerate(_text(place).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as fault:
            raise DataError(f"{named(place)}, line {number}: no JSON: {fault}", "each line must be an object") from None
        if not isinstance(row, dict):
            raise DataError(f"{named(place)}, line {number}: no object", "each line must be an object")
        yield number, row


def read_json(place: Path) -> Any:
    """A JSON file; DataError where it is none."""
    try:
        return json.loads(_text(place))
    except (ValueError, RecursionError) as fault:
        raise DataError(f"{named(place)} is no JSON: {fault}", "give an MMFR file") from None


def _text(place: Path) -> str:
    try:
        return place.read_text("utf-8-sig")
    except OSError as fault:
        raise DataError(f"cannot read {named(place)}: {fault.strerror}", "check its permissions") from None
    except UnicodeDecodeError:
        raise DataError(f"{named(place)} is not UTF-8", "save it in UTF-8") from None


def named(path: Path) -> str:
    """A path as it may stand in a message."""
    return ascii(str(path))[1:-1]
