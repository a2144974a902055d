"""How machines find a file: its path seen from the folder that a check was started in, as CI systems want it.

Paths of a scan are relative to its root, which is the folder that was scanned (``fakescan scan assets`` has the root
``assets``). GitHub and GitLab, though, want paths from the top of the repository, which is where a check is normally
started.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import quote

from fakescan.core.addresses import is_address
from fakescan.core.records import Scan
from fakescan.reports.escape import visible


def prefix_of(scan: Scan, base: str | None = None) -> str:
    """What stands before a scan's paths so that they start at another folder; empty, or with a slash at its end.

    Args:
        scan: a finished scan.
        base: the folder that paths shall start at, absolute; None for the one where the scan was started, as far as
            the paths that were given tell.
    """
    root = _posix(scan.root)
    if is_address(root):
        return ""
    if base is not None:
        return _from(root, _posix(base)) or ""
    return _below_start(scan) or ""


def holds(base: str, root: str) -> bool:
    """Whether paths below one folder can start at another: it is the same or lies above. Addresses start nowhere else.

    Args:
        base: the folder that paths shall start at, absolute.
        root: a scan's root.
    """
    return is_address(root) or _from(_posix(root), _posix(base)) is not None


def started_in(scan: Scan) -> str | None:
    """The folder where a scan was started, as far as its root and the paths that were given tell; POSIX.

    Args:
        scan: a finished scan.
    """
    below = _below_start(scan)
    root = _posix(scan.root).rstrip("/")
    return None if below is None else root[: len(root) - len(below.rstrip("/"))].rstrip("/") or "/"


def base_of(scan: Scan) -> str | None:
    """The folder that a scan's ``--relative-to`` named; None where there was none, or it cannot be told any more.

    Args:
        scan: a finished scan.
    """
    named = scan.options.get("relative_to")
    if not isinstance(named, str) or not named:
        return None
    if not (_posix(named).startswith("/") or PureWindowsPath(named).drive):
        start = started_in(scan)
        if not start:
            return None
        named = posixpath.normpath(posixpath.join(start, _posix(named)))
    return named if holds(named, scan.root) else None


def is_below_root(scan_path: str) -> bool:
    """Whether a path of a scan stays below its root; one that does not may name any file of this machine.

    Args:
        scan_path: as in the scan.
    """
    posix, windows = PurePosixPath(scan_path), PureWindowsPath(scan_path)
    return not (posix.is_absolute() or windows.drive or windows.root or ".." in posix.parts or ".." in windows.parts)


def shown_place(scan_path: str, prefix: str) -> str:
    """A path as text on one line; escapes stand for what cannot be shown.

    Args:
        scan_path: as in the scan.
        prefix: as ``prefix_of`` tells.
    """
    return visible(prefix + scan_path)


def uri_place(scan_path: str, prefix: str) -> str:
    """A path as a relative URI reference (RFC 3986): its bytes, percent-encoded where they must be.

    Args:
        scan_path: as in the scan.
        prefix: as ``prefix_of`` tells.
    """
    path = prefix + scan_path
    try:
        raw = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = path.encode("utf-8", "surrogatepass")
    return quote(raw, safe="/-._~!$&'()*+,;=@")


def root_uri(scan: Scan) -> str:
    """The scan's root as a URI (``file:`` on this machine) with a slash at its end.

    Args:
        scan: a finished scan.
    """
    root = _posix(scan.root).rstrip("/")
    if is_address(root):
        return f"{uri_place(root, '').replace('%3A', ':', 1)}/"
    return f"file://{'' if root.startswith('/') or not root else '/'}{uri_place(root, '').replace('%3A', ':')}/"


def _below_start(scan: Scan) -> str | None:
    """What stands before a scan's paths so that they start where it was started; None where that cannot be told."""
    root, given = _posix(scan.root), scan.options.get("paths")
    if is_address(root) or not isinstance(given, Sequence) or isinstance(given, str):
        return None
    if "paths" in scan.redacted:
        return None  # what stands there for root and paths looks as if one were the other
    return _started_at(root, given) if all(isinstance(path, str) for path in given) else None


def _started_at(root: str, given: Sequence[str]) -> str | None:
    """The given paths' common folder, when they are relative and the root ends in it."""
    parts: list[list[str]] = []
    for path in map(_posix, given):
        plain = posixpath.normpath(path)
        if plain.startswith(("/", "..")) or PureWindowsPath(path).drive:
            return None
        parts.append([] if plain == "." else plain.split("/"))
    if not parts:
        return None
    common = parts[0]
    for other in parts[1:]:
        common = common[: next((i for i, (a, b) in enumerate(zip(common, other, strict=False)) if a != b), len(other))]
    # The last name may be a folder or the only file: the root tells.
    for candidate in (common, common[:-1]):
        if not candidate or list(PurePosixPath(root).parts[-len(candidate) :]) == candidate:
            return _ended("/".join(candidate))
    return None


def _posix(path: str) -> str:
    """Windows paths with forward slashes; a backslash in a POSIX name stays."""
    return path.replace("\\", "/") if PureWindowsPath(path).drive or ("/" not in path and "\\" in path) else path


def _from(root: str, base: str) -> str | None:
    """A root seen from a folder, as a prefix of paths; None where that folder does not hold it."""
    found = _cut(root, base)
    if found is None and not (base.startswith("//") or root.startswith("//")):
        # One of them may lead through a link; shares are left alone, as asking for one goes over the network.
        with suppress(OSError, ValueError):
            found = _cut(_posix(os.path.realpath(root)), _posix(os.path.realpath(base)))
    return found


def _cut(root: str, base: str) -> str | None:
    whole, wanted = root.rstrip("/"), base.rstrip("/")
    # Windows does not tell small letters from capitals.
    given = (whole.casefold(), wanted.casefold()) if PureWindowsPath(base).drive else (whole, wanted)
    if given[0] != given[1] and not given[0].startswith(f"{given[1]}/"):
        return None
    return _ended(whole[len(wanted) :].strip("/"))


def _ended(path: str) -> str:
    return f"{path}/" if path else ""
