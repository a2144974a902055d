"""The reports that were written with a scan, compared with what was noted about them (``notes``)."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from io import StringIO
from pathlib import Path

from fakescan.core.json_values import valid_unicode
from fakescan.core.options import Redact
from fakescan.core.records import Scan
from fakescan.desk.named import is_elsewhere, is_file
from fakescan.desk.notes import NAME, Written, digest_of_file, notes_of
from fakescan.desk.redact import redact
from fakescan.desk.rehash import State
from fakescan.errors import InputError, ReportError
from fakescan.reports import renderer_class
from fakescan.reports.beside import FILES_SUFFIX
from fakescan.reports.write import STDOUT, Output, parse_output
from fakescan.store.run_dir import RunDir

_MADE_AGAIN = frozenset({"json", "jsonl", "csv", "case"})
"""Formats that are made of the scan alone, so that they can be made again and compared byte by byte."""
Fault = tuple[State, str]
"""What was found out about a file that is not as it was, and words."""


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
        written = notes_of(source, scan)
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
    rewritten = written.rewritten if written else frozenset()
    targets = yield from _targets_of(scan)
    for name, sha256 in digests.items():
        place = Path(name)
        if found := _place_fault(place) or _digest_fault(place, sha256):
            yield found
        elif name in targets and name not in rewritten:
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
        same = digest_of_file(place) == sha256
    except OSError:
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
    if written.scan_id != scan.scan_id:
        yield State.CHANGED, f"{written.place / NAME}: not about the scan in this run directory, but another one"
    report = RunDir(written.place).report
    if is_file(report) and (found := _digest_fault(report, written.record)):
        yield found
