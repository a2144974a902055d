"""Reports to write: told apart and tried before a scan, written after it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fakescan.core.options import Redact
from fakescan.core.records import Scan
from fakescan.desk.redact import REMOVED, redact
from fakescan.errors import ConfigError, ReportError
from fakescan.reports import renderer_class
from fakescan.reports.decided import Decided
from fakescan.reports.judgement import Judgement, own_finding
from fakescan.reports.places import base_of, is_below_root
from fakescan.reports.previews import Renamed
from fakescan.reports.thumbs import MAX_COUNT, MAX_COUNT_BESIDE, make_thumbnails
from fakescan.reports.write import STDOUT, check_writable, parse_output, write_report
from fakescan.reports.write import Output as Target

__all__ = ["Target", "files_of", "prints", "shared", "targets_of", "write_all"]


def prints(targets: Sequence[Target]) -> bool:
    """Whether one of the reports goes to standard output.

    Args:
        targets: where reports go.
    """
    return any(target.path == STDOUT for target in targets)


def files_of(targets: Sequence[Target]) -> list[Path]:
    """The reports that are files.

    Args:
        targets: where reports go.
    """
    return [target.path for target in targets if target.path != STDOUT]


def targets_of(outputs: Sequence[str], *, json: bool = False) -> list[Target]:
    """Read the outputs and find out whether each can be written.

    Args:
        outputs: each ``[FORMAT:]PATH``.
        json: whether the JSON report goes to standard output too.

    Raises:
        ConfigError: with every output that is wrong, and for two outputs of one name.
    """
    targets: list[Target] = []
    faults: list[ReportError] = []
    for text in outputs:
        try:
            target = parse_output(text)
            check = getattr(renderer_class(target.fmt), "check", None)
            if check is not None:
                check()
            check_writable(target.path)
            if target.path == STDOUT and (json or prints(targets)):
                raise ReportError("two reports would be printed to stdout", "give all but one a file name")
            if any(target.path.absolute() == other.path.absolute() for other in targets):
                raise ReportError(f"two reports would be written to {ascii(str(target.path))[1:-1]}", "name them apart")
            targets.append(target)
        except ReportError as fault:
            faults.append(fault)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise ConfigError([fault.message for fault in faults], faults[0].hint)
    return targets


def write_all(
    scan: Scan,
    targets: Sequence[Target],
    *,
    pictures: bool = True,
    root: Path | None = None,
    templates: Path | None = None,
    single_file: bool = False,
    redactions: Sequence[Redact] = (),
    judgement: Judgement | None = None,
    base: str | None = None,
    decisions: Mapping[str, Decided] | None = None,
) -> Scan:
    """Write reports one after the other.

    Args:
        scan: a finished or interrupted scan.
        targets: where to, and in which format.
        pictures: whether previews are made for formats that show them.
        root: the folder that the scan's paths are relative to, when that is another one now.
        templates: page templates of the user's own.
        single_file: whether a format that may use a folder beside the report must do without.
        redactions: what to leave out.
        judgement: which findings fail the check; None: what ``--fail-on`` says.
        base: folder that paths start at in formats that name files to other programs.
        decisions: what people decided, by path.

    Returns:
        The scan as it was written, without what was left out.

    Raises:
        ReportError: for the first that cannot be written; those before it are there.
    """
    told = redact(scan, redactions)
    judged = _retold(judgement, scan, told) if judgement is not None else None
    start = _told_base(scan, base, redactions)
    # Names of the files as the report tells them; previews are made by those on the disk.
    names = {old.record.file.path: new.record.file.path for old, new in zip(scan.results, told.results, strict=True)}
    decided = {names[path]: shared(item, redactions) for path, item in (decisions or {}).items() if path in names}
    shown = {"thumbnails" in getattr(renderer_class(target.fmt), "accepts", ()) for target in targets}

    def write(target: Target, thumbnails: Mapping[str, bytes] | None) -> None:
        write_report(
            told, target.path, target.fmt, thumbnails=thumbnails, templates=templates, single_file=single_file,
            judgement=judged, base=start, decisions=decided,
        )  # fmt: skip

    if not (pictures and True in shown) or Redact.THUMBS in redactions:
        for target in targets:
            write(target, None)
        return told
    inside = _inside(scan)
    most = MAX_COUNT if single_file or len(scan.results) <= MAX_COUNT else MAX_COUNT_BESIDE
    with make_thumbnails(inside, root=root, max_count=most) as previews:
        thumbnails = Renamed(previews, names)
        for target in targets:
            write(target, thumbnails)
    return told


def _told_base(scan: Scan, base: str | None, redactions: Sequence[Redact]) -> str | None:
    """The folder that paths start at as the report tells its root: without the user's name, or not at all."""
    if base is None or not redactions:
        return base
    named = replace(scan, results=(), skipped=(), options={**scan.options, "relative_to": base})
    return base_of(redact(named, redactions))


def shared(decided: Decided, redactions: Collection[str]) -> Decided:
    """A decision that may travel: what was typed into a note cannot be searched for everything that was taken out.

    Args:
        decided: a decision.
        redactions: what was taken out of the report that shows it.
    """
    name = REMOVED if Redact.OWNER in redactions else decided.examiner
    return replace(decided, examiner=name, note=REMOVED if redactions and decided.note else decided.note)


def _retold(judgement: Judgement, scan: Scan, told: Scan) -> Judgement:
    """A judgement in the names and words of the scan as it is told: rules go by real paths, reports must not."""
    by_path = {}
    for old, new in zip(scan.results, told.results, strict=True):
        own = own_finding(new)
        by_path[new.record.file.path] = tuple(
            replace(finding, text=own[1]) if own and own[0] is finding.kind else finding
            for finding in judgement.of(old)
        )
    return replace(judgement, by_path=by_path)


def _inside(scan: Scan) -> Scan:
    """Only the files below the root: a report that somebody else made must not have others opened."""
    return replace(scan, results=tuple(result for result in scan.results if is_below_root(result.record.file.path)))
