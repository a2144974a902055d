"""The notes about the reports of a run: ``outputs.json`` in its run directory has the SHA-256 of each.

Whoever can change the run directory can change that as well; it shows what was changed beside it. What nobody may have
changed at all belongs in a bundle, whose seal is kept apart.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakescan.core.json_values import Node, ReportShapeError, written_path
from fakescan.core.records import Scan
from fakescan.core.schema import parse_json
from fakescan.desk.named import is_file
from fakescan.desk.rehash import digest_of
from fakescan.desk.reviewed import seen_from_start
from fakescan.errors import InputError, ReportError
from fakescan.reports.beside import FILES_SUFFIX, folder_of
from fakescan.reports.escape import visible
from fakescan.reports.write import STDOUT, Output
from fakescan.store.atomic import write_atomically
from fakescan.store.run_dir import RunDir, default_folder

NAME = "outputs.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Written:
    """What was noted when a scan's reports had been written."""

    record: str
    """SHA-256 of the run directory's own JSON report."""
    files: Mapping[str, str]
    """SHA-256 by path as it was given; files in the folder beside a page are named after it."""
    place: Path
    """The run directory."""
    scan_id: str
    """The scan's."""
    rewritten: frozenset[str] = frozenset()
    """Those that ``fakescan report`` has written since, possibly with other words and options than the scan."""


def note_written(run: RunDir, scan: Scan, targets: Sequence[Output], *, single_file: bool = False) -> None:
    """Note in the run directory what the reports hash to that were just written.

    Args:
        run: the run directory, whose JSON report is there.
        scan: the scan.
        targets: where the reports went.
        single_file: whether pages had to do without a folder beside them.

    Raises:
        ReportError: when a report cannot be read back, or the note cannot be written.
    """
    entries: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    for target in targets:
        if target.path != STDOUT and target.path.is_file():
            entries.append(_entry(target.path))
        parts += [_entry(place) for place in _parts(target, scan, single_file=single_file)]
    _write(run.path, scan.scan_id, _read_back(run.report), entries + parts)


def note_rewritten(run: RunDir, scan: Scan, targets: Sequence[Output], *, single_file: bool = False) -> None:
    """Renew what is noted about those of a scan's reports that were just written over; nothing else is noted anew.

    Args:
        run: the run directory that the reports were made from.
        scan: the scan in it.
        targets: where reports went.
        single_file: whether pages had to do without a folder beside them.

    Raises:
        ReportError: when a report cannot be read back, or the note cannot be written.
    """
    try:
        written = notes_of(run.path, scan)
    except InputError:
        return  # damaged: that is for `fakescan verify` to tell
    if written is None or written.scan_id != scan.scan_id:
        return
    files, rewritten = dict(written.files), set(written.rewritten)
    names = {_real(place): name for name in files for place in seen_from_start(scan, name)[:1]}
    for target in targets:
        name = names.get(_real(target.path))
        if name is None or target.path == STDOUT or not target.path.is_file():
            continue
        beside = _page(target).with_name(_page(target).stem + FILES_SUFFIX)
        old = [part for place, part in names.items() if Path(_real(beside)) in Path(place).parents]
        files = {path: sha256 for path, sha256 in files.items() if target.fmt != "html" or path not in old}
        files[name] = _read_back(target.path)
        rewritten.add(name)
        # Parts are called as they are found from where the page is.
        start = Path(name) if not target.path.is_symlink() else _page(target)
        for part in _parts(target, scan, single_file=single_file):
            files[str(start.with_name(beside.name) / part.relative_to(beside))] = _read_back(part)
    if rewritten - written.rewritten or files != written.files:
        entries = [
            {**written_path(path), "sha256": sha256, **({"rewritten": True} if path in rewritten else {})}
            for path, sha256 in files.items()
        ]
        _write(run.path, written.scan_id, written.record, entries)


def notes_of(source: Path, scan: Scan) -> Written | None:
    """What was noted about a run's reports; None where nothing was.

    Args:
        source: a run directory or a JSON report.
        scan: the scan in it.

    Raises:
        InputError: when the note is damaged.
    """
    for place in _run_dirs(source, scan):
        note_file = place / NAME
        if not is_file(note_file):
            continue
        try:
            node = Node(parse_json(note_file.read_text(encoding="utf-8")))
            if node["fakescan_outputs"].integer() != VERSION:
                raise ReportShapeError("of another version")
            items = node["outputs"].elements()
            files = {item.path(): item["sha256"].text() for item in items}
            again = frozenset(item.path() for item in items if item["rewritten"].flag(default=False))
            written = Written(node["record_sha256"].text(), files, place, node["scan_id"].text(), again)
            # Beside a report another scan may have taken the run directory since; in the directory itself both are one.
            if written.scan_id == scan.scan_id or source.is_dir():
                return written
        except (OSError, ValueError, InputError):
            raise InputError(f"{note_file} is damaged", "the reports' digests stood in it") from None
    return None


def _run_dirs(source: Path, scan: Scan) -> list[Path]:
    """Where the run directory of a run may be."""
    if source.is_dir():
        return [source]
    named = scan.options.get("run_dir")
    return seen_from_start(scan, named) if isinstance(named, str) and named else [default_folder(scan)]


def digest_of_file(place: Path) -> str:
    """SHA-256 of a file.

    Args:
        place: the file.

    Raises:
        OSError: when it cannot be read.
    """
    with place.open("rb") as stream:
        return digest_of(stream)


def _parts(target: Output, scan: Scan, *, single_file: bool) -> list[Path]:
    """The files in the folder beside a page; where a link stands for the page, beside what it leads to."""
    if target.fmt != "html" or target.path == STDOUT:
        return []
    folder = folder_of(_page(target), len(scan.results), single_file=single_file)
    if folder is None or not folder.is_dir():
        return []
    return sorted(place for place in folder.rglob("*") if place.is_file())


def _page(target: Output) -> Path:
    """The file that is written: where a link stands, what it leads to."""
    return Path(_real(target.path)) if target.path.is_symlink() else target.path


def _real(place: Path) -> str:
    try:
        return os.path.realpath(place)
    except (OSError, ValueError):
        return str(place)


def _entry(place: Path) -> dict[str, Any]:
    return {**written_path(str(place)), "sha256": _read_back(place)}


def _read_back(place: Path) -> str:
    try:
        return digest_of_file(place)
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise ReportError(
            f"cannot read {visible(str(place))} back: {reason}", "look at its folder's permissions"
        ) from None


def _write(folder: Path, scan_id: str, record: str, entries: Sequence[Mapping[str, Any]]) -> None:
    document = {"fakescan_outputs": VERSION, "scan_id": scan_id, "record_sha256": record, "outputs": list(entries)}
    write_atomically(folder / NAME, lambda out: out.write(json.dumps(document, indent=1) + "\n"))
