"""The decisions about a run, by whichever of its names it was called when they were made.

A run directory and each JSON report that was written with it are the same scan, but decisions lie beside the one that
was named. All of these places are looked at, and what is new goes where there are some already.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fakescan.core.records import Scan
from fakescan.desk import review as reviews
from fakescan.desk.named import is_elsewhere, is_file
from fakescan.desk.review import Review
from fakescan.errors import ReportError
from fakescan.reports.decided import Decided
from fakescan.reports.places import started_in
from fakescan.reports.write import STDOUT, parse_output
from fakescan.store.run_dir import default_folder


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What was decided about the files of a run."""

    reviews: tuple[Review, ...]
    """About files of this scan only, in the order in which they were made."""
    places: tuple[Path, ...]
    """The files that they lie in."""
    home: Path
    """The file that the next one belongs in."""
    mixed: tuple[Path, ...] = ()
    """Files that hold decisions about files that are not in this scan."""
    unread: tuple[Path, ...] = ()
    """Files beside other names of the run, which were not looked into."""

    @property
    def current(self) -> list[Review]:
        """The last decision about each file, in the order of paths."""
        return reviews.latest(self.reviews)


def read_all(source: Path, scan: Scan, *, beyond: bool = True) -> Reviewed:
    """Read the decisions about a run from everywhere they lie.

    Args:
        source: a run directory or a JSON report.
        scan: the scan in it.
        beyond: whether to look beside the other names of the run, too. The scan names those, and it may come from
            anybody.

    Raises:
        InputError: when a file of decisions was changed or is damaged.
    """
    own = reviews.place_of(source)
    others = list(_other_places(source, scan))
    known = {(result.record.file.path, result.record.file.sha256) for result in scan.results}
    made: list[Review] = []
    places: list[Path] = []
    mixed: list[Path] = []
    for place in [*([own] if is_file(own) else []), *(others if beyond else [])]:
        # Another scan may have taken the place of the report by now: only decisions about these files count.
        every = reviews.read(place)[0]
        found = [item for item in every if (item.path, item.sha256) in known]
        if found:
            made += found
            places.append(place)
        if len(found) < len(every):
            mixed.append(place)
    if len(places) > 1:
        made.sort(key=lambda item: item.at)
    home = places[0] if places and own not in mixed else own
    return Reviewed(tuple(made), tuple(places), home, tuple(mixed), () if beyond else tuple(others))


def decided(reviewed: Reviewed, scan: Scan) -> dict[str, Decided]:
    """The last decision about each file of a scan, by path, as a page shows it; other bytes have none.

    Args:
        reviewed: as ``read_all`` gives it.
        scan: the scan.
    """
    digests = {result.record.file.path: result.record.file.sha256 for result in scan.results}
    return {
        item.path: Decided(item.decision.value, item.examiner, item.at, item.note)
        for item in reviewed.current
        if digests.get(item.path) == item.sha256
    }


def seen_from_start(scan: Scan, text: str) -> list[Path]:
    """Where a path of a scan's options may lead: from where it was started, as far as that is known, and from here.

    Args:
        scan: a finished scan.
        text: the path.

    Returns:
        None on other machines.
    """
    if is_elsewhere(text):
        return []
    start = started_in(scan)
    places = [Path(start) / text, Path(text)] if start else [Path(text)]
    return list({place.absolute(): place for place in places if not is_elsewhere(place)}.values())


def _other_places(source: Path, scan: Scan) -> Iterator[Path]:
    """Files of decisions beside the other names of a run."""
    seen = {os.path.realpath(reviews.place_of(source))}
    for name in _names(scan):
        place = reviews.place_of(name)
        if is_file(place) and os.path.realpath(place) not in seen:
            seen.add(os.path.realpath(place))
            yield place


def _names(scan: Scan) -> Iterator[Path]:
    """What a run may be called by: its directory, and the JSON reports that were written with it."""
    run_dir = scan.options.get("run_dir")
    yield from seen_from_start(scan, run_dir) if isinstance(run_dir, str) and run_dir else [default_folder(scan)]
    outputs = scan.options.get("outputs")
    for text in outputs if isinstance(outputs, list) else []:
        try:
            target = parse_output(str(text))
        except ReportError:
            continue
        if target.fmt == "json" and target.path != STDOUT:
            yield from seen_from_start(scan, str(target.path))
