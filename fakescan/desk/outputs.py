"""The reports that were written with a scan: their digests are kept in its run directory, and compared later.

``outputs.json`` there names each file with its SHA-256. Whoever can change the run directory can change that as well;
it shows what was changed beside it. What nobody may have changed at all belongs in a bundle, whose seal is kept apart.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from fakescan.core.json_values import Node, ReportShapeError, valid_unicode, written_path
from fakescan.core.options import Redact
from fakescan.core.records import Scan
from fakescan.core.schema import parse_json
from fakescan.desk.named import is_elsewhere, is_file
from fakescan.desk.redact import redact
from fakescan.desk.rehash import State, digest_of
from fakescan.desk.reviewed import seen_from_start
from fakescan.errors import InputError, ReportError
from fakescan.reports import renderer_class
from fakescan.reports.beside import FILES_SUFFIX, folder_of
from fakescan.reports.write import STDOUT, Output, parse_output
from fakescan.store.atomic import reporting_faults, write_atomically
from fakescan.store.run_dir import RunDir, default_folder

NAME = "outputs.json"
VERSION = 1
_MADE_AGAIN = frozenset({"json", "jsonl", "csv", "case"})
"""Formats that are made of the scan alone, so that they can be made again and compared byte by byte."""

Fault = tuple[State, str]
"""What was found out about a file that is not as it was, and words."""


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
    places = [target.path for target in targets if target.path != STDOUT and target.path.is_file()]
    for target in targets:
        folder = folder_of(target.path, len(scan.results), single_file=single_file) if target.fmt == "html" else None
        if folder is not None and folder.is_dir():
            places += sorted(place for place in folder.rglob("*") if place.is_file())
    document = {
        "fakescan_outputs": VERSION,
        "scan_id": scan.scan_id,
        "record_sha256": _digest(run.report),
        "outputs": [{**written_path(str(place)), "sha256": _digest(place)} for place in places],
    }
    write_atomically(run.path / NAME, lambda out: out.write(json.dumps(document, indent=1) + "\n"))


def check_outputs(source: Path, scan: Scan) -> Iterator[Fault]:
    """Compare the reports that were written with a scan, and name those that cannot be compared.

    Args:
        source: a run directory or a JSON report.
        scan: the scan in it.

    Yields:
        For each file that is not as it was written, is not there or cannot be compared: which of these, and words.
    """
    written = None
    try:
        written = _written(source, scan)
        if written is None and source.is_dir():
            yield State.NOT_RECORDED, f"{source / NAME} is not there: the record of this run itself is not compared"
    except InputError as fault:
        yield State.CHANGED, fault.message
    left_out = scan.options.get("redact")
    # The record keeps what --redact left out of the reports.
    told = redact(scan, [kind for kind in Redact if isinstance(left_out, list) and kind in left_out])
    if written is not None:
        yield from _record_faults(written, scan)
    digests = written.files if written else {}
    targets = yield from _targets_of(scan)
    for name, sha256 in digests.items():
        place = Path(name)
        if found := _place_fault(place) or _digest_fault(place, sha256):
            yield found
        elif name in targets:
            yield from _remade_faults(targets[name], told)
    # A name with undecodable bytes is whole in the notes only: the options have question marks for these.
    noted = {valid_unicode(name) for name in digests}
    for name, target in targets.items():
        if name in noted:
            continue
        if found := _place_fault(target.path):
            yield found
        elif target.fmt in _MADE_AGAIN:
            yield from _remade_faults(target, told)
        else:
            yield State.NOT_RECORDED, f"{name}: not compared, what it was like is not recorded"


def _targets_of(scan: Scan) -> Generator[Fault, None, dict[str, Output]]:
    """The reports that a scan's options name, by path; those on standard output are gone."""
    outputs = scan.options.get("outputs")
    targets: dict[str, Output] = {}
    for text in outputs if isinstance(outputs, list) else []:
        try:
            target = parse_output(str(text))
        except ReportError:
            yield State.NOT_RECORDED, f"{text}: not compared, this is no name of a report here"
            continue
        if target.path != STDOUT:
            targets[str(target.path)] = target
    return targets


def _place_fault(place: Path) -> Fault | None:
    """Why a report, or a part of one, cannot be compared."""
    if is_elsewhere(place):
        return State.NOT_RECORDED, f"{place}: not compared, this is on another machine"
    try:
        if not place.exists():
            if any(folder.name.endswith(FILES_SUFFIX) for folder in place.parents):
                return State.MISSING, f"{place}: this part of the report is not there"
            return State.MISSING, f"{place}: the report is not there (looked for from this folder)"
        if not place.is_file():
            return State.UNREADABLE, f"{place}: not compared, this is no regular file"
    except (OSError, ValueError):
        return _unreadable(place)
    return None


def _digest_fault(place: Path, sha256: str) -> Fault | None:
    try:
        same = _digest(place) == sha256
    except (OSError, ReportError):
        return _unreadable(place)
    return None if same else (State.CHANGED, f"{place}: not the report that was written with this scan")


def _remade_faults(target: Output, told: Scan) -> Iterator[Fault]:
    """Formats that are made of the scan alone are made again."""
    if target.fmt not in _MADE_AGAIN:
        return
    again = StringIO(newline="")
    renderer_class(target.fmt)().render(told, again)
    try:
        same = target.path.read_bytes() == again.getvalue().encode("utf-8")
    except OSError:
        yield _unreadable(target.path)
        return
    if not same:
        yield State.CHANGED, f"{target.path}: not the report that this scan gives"


def _unreadable(place: Path) -> Fault:
    return State.UNREADABLE, f"{place}: not compared, it cannot be read"


def _record_faults(written: Written, scan: Scan) -> Iterator[Fault]:
    report = RunDir(written.place).report
    if written.scan_id != scan.scan_id:
        yield State.CHANGED, f"{written.place / NAME}: not about the scan in this run directory, but another one"
    if is_file(report) and _digest(report) != written.record:
        yield State.CHANGED, f"{report}: not the report that was written with this scan"


def _written(source: Path, scan: Scan) -> Written | None:
    """What was noted about a run's reports; None where nothing was.

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
            files = {item.path(): item["sha256"].text() for item in node["outputs"].elements()}
            written = Written(node["record_sha256"].text(), files, place, node["scan_id"].text())
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


def _digest(place: Path) -> str:
    with reporting_faults(place), place.open("rb") as stream:
        return digest_of(stream)
