"""Where the paths of a baseline start: marks are found again by their paths, so both scans have to mean the same."""

from __future__ import annotations

from fakescan.core.addresses import is_address
from fakescan.core.records import Scan
from fakescan.errors import InputError
from fakescan.reports.places import base_of, prefix_of, started_in


def baseline_prefix(scan: Scan, base: str | None, *, marks: bool) -> str:
    """What stands before a scan's paths in a baseline.

    Args:
        scan: a finished scan.
        base: the folder that paths start at, absolute; None for what the scan's ``--relative-to`` named, else the one
            where it was started.
        marks: whether marks are looked up or kept by these paths.

    Raises:
        InputError: when paths are needed and it cannot be told where they start, or the report leaves them out.
    """
    if "paths" in scan.redacted:
        raise InputError(
            "the report leaves out where files lie, and a baseline is about that",
            "give the run directory, or a report that was written without --share and --redact paths",
        )
    base = base or base_of(scan)
    if marks and base is None and started_in(scan) is None and not is_address(scan.root):
        raise InputError(
            "where the scan was started cannot be told from the paths that it was given, so its marks could not be "
            "found again",
            "name the folder that paths start at with --relative-to, here and in later scans",
        )
    return prefix_of(scan, base)
