"""Reports to write: told apart and tried before a scan, written after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from fakescan.core.records import Scan
from fakescan.errors import ConfigError, ReportError
from fakescan.reports import renderer_class
from fakescan.reports.judgement import Judgement
from fakescan.reports.thumbs import make_thumbnails
from fakescan.reports.write import STDOUT, check_writable, parse_output, write_report
from fakescan.reports.write import Output as Target

__all__ = ["Target", "files_of", "prints", "targets_of", "write_all"]


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
            renderer_class(target.fmt)
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
    judgement: Judgement | None = None,
    base: str | None = None,
) -> None:
    """Write reports one after the other.

    Args:
        scan: a finished or interrupted scan.
        targets: where to, and in which format.
        pictures: whether previews are made for formats that show them.
        root: the folder that the scan's paths are relative to, when that is another one now.
        templates: page templates of the user's own.
        judgement: which findings fail the check; None: what ``--fail-on`` says.
        base: folder that paths start at in formats that name files to other programs.

    Raises:
        ReportError: for the first that cannot be written; those before it are there.
    """
    thumbnails = None
    if pictures and any("thumbnails" in getattr(renderer_class(target.fmt), "accepts", ()) for target in targets):
        thumbnails = make_thumbnails(_inside(scan), root=root)
    for target in targets:
        write_report(
            scan,
            target.path,
            target.fmt,
            thumbnails=thumbnails,
            templates=templates,
            judgement=judgement,
            base=base,
        )


def _inside(scan: Scan) -> Scan:
    """Only the files below the root: a report that somebody else made must not have others opened."""
    return replace(scan, results=tuple(result for result in scan.results if _is_below(result.record.file.path)))


def _is_below(path: str) -> bool:
    posix, windows = PurePosixPath(path), PureWindowsPath(path)
    return not (posix.is_absolute() or windows.drive or windows.root or ".." in posix.parts or ".." in windows.parts)
