"""A sealed bundle: a zip with everything about one run, which tells later whether any of it was changed.

::

    scan.json          the JSON report
    report.html        the page, and any other format that was asked for
    reviews.jsonl      where people decided about files: their decisions, a chain of its own; a second place of them
                       follows as reviews-2.jsonl
    inputs.json        each scanned file: whether it still had its recorded digest when the bundle was sealed, and its
                       digest and size then (null where that could not be told, or it is a file elsewhere)
    environment.json   versions and platform of the machine that sealed
    chain.jsonl        a line a file: its digest, and a hash over this line and the one before
    timestamp.tsr      where it was asked for: an authority's statement of when the seal existed

The last hash of the chain is the **seal**. Whoever can change the zip can also make a new chain, so the seal has to be
kept apart from it: written into the case file, mailed, or timestamped by a third party (RFC 3161).
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fakescan.core.environment import environment
from fakescan.core.json_values import valid_unicode, written_path
from fakescan.core.records import Scan
from fakescan.core.schema import scan_from_json, scan_to_json
from fakescan.desk import chain, timestamp
from fakescan.desk import review as reviews
from fakescan.desk.rehash import Checked, check_inputs, digest_of
from fakescan.errors import InputError
from fakescan.store.atomic import replace_atomically
from fakescan.version import __version__

CHAIN = "chain.jsonl"
SCAN = "scan.json"
INPUTS = "inputs.json"
ENVIRONMENT = "environment.json"
VERSION = 1
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Zip's earliest time: when a file was packed is in the chain, where it is protected."""
_BROKEN = (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)
"""What a damaged zip, or one of a kind that fakescan never writes, makes Python raise."""
_REVIEWS = re.compile(r"reviews(-\d+)?\.jsonl")
_MAX_MEMBERS = 1_000
_MAX_BYTES = 8 * 1024**3


@dataclass(frozen=True, slots=True)
class Sealed:
    """A bundle that was opened and checked."""

    seal: str
    """The last hash of the chain, recomputed."""
    sealed_at: str
    """When it says that it was sealed."""
    faults: tuple[str, ...]
    """What is not as it was sealed, one sentence each; empty when everything is."""
    scan: Scan | None
    """The scan in it, None when it cannot be read."""
    timestamp: bytes | None = None
    """The authority's answer over the seal, unchecked; None where there is none."""


def seal(
    scan: Scan,
    target: Path,
    reports: Mapping[str, bytes],
    *,
    root: Path | None = None,
    trusted: bool = False,
    stamped: Callable[[str], bytes] | None = None,
) -> str:
    """Write a bundle, whole or not at all.

    Args:
        scan: a finished or interrupted scan.
        target: where to.
        reports: more files by name, e.g. ``report.html``; decisions go by the names of ``reviews_name``.
        root: the folder that the scan's paths are relative to now; the recorded one when None.
        trusted: whether the user has named the folder, or the scan comes out of a run directory: then digests of files
            that are others now are told, too.
        stamped: gives a time-stamping authority's answer over the seal. The chain tells that there is one, so that
            it cannot be taken out unseen. What this raises ends the sealing, and nothing is written.

    Returns:
        The seal.

    Raises:
        ReportError: when it cannot be written.
    """
    members = {SCAN: scan_to_json(scan).encode(), **reports}
    members[INPUTS] = _json([_input(item) for item in check_inputs(scan, root, whole=trusted)])
    # A report that does not say which machine scanned should not be told by the one that sealed.
    about = {name: value for name, value in environment().items() if name != "platform" or "host" not in scan.redacted}
    members[ENVIRONMENT] = _json({"fakescan": __version__, **about})
    sealed_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    header = {"fakescan_bundle": VERSION, "scan_id": scan.scan_id, "sealed_at": sealed_at}
    if stamped:
        header["timestamp"] = timestamp.MEMBER
    entries = [header, *({"name": name, **_about(data)} for name, data in members.items())]
    lines, last = chain.chained(entries)
    members[CHAIN] = "".join(f"{line}\n" for line in lines).encode("ascii")
    if stamped:
        members[timestamp.MEMBER] = stamped(last)

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)

    replace_atomically(target, write)
    return last


def reviews_name(number: int) -> str:
    """What a file of decisions is called in a bundle.

    Args:
        number: its number, from 1 on.
    """
    return reviews.NAME if number == 1 else f"{Path(reviews.NAME).stem}-{number}{Path(reviews.NAME).suffix}"


def check(path: Path) -> Sealed:
    """Open a bundle and hash everything in it again, offline.

    Args:
        path: the zip.

    Raises:
        InputError: when it is no bundle at all.
    """
    name = ascii(str(path))[1:-1]
    try:
        with zipfile.ZipFile(path) as archive:
            if len(archive.infolist()) > _MAX_MEMBERS or sum(i.file_size for i in archive.infolist()) > _MAX_BYTES:
                raise InputError(f"{name} is too large for a bundle", "give a zip that `fakescan bundle` made")
            if CHAIN not in archive.namelist():
                raise InputError(f"{name} is no bundle of fakescan", "give a zip that `fakescan bundle` made")
            return _checked(archive)
    except _BROKEN as fault:
        raise InputError(f"{name} cannot be opened: {fault}", "give a zip that `fakescan bundle` made") from None


def is_bundle(path: Path) -> bool:
    """Whether a file is a zip, and so no JSON report.

    Args:
        path: any path.
    """
    return path.is_file() and zipfile.is_zipfile(path)


def _checked(archive: zipfile.ZipFile) -> Sealed:
    faults: list[str] = []
    names = archive.namelist()
    faults += [f"{_shown(name)} is there twice" for name in sorted({n for n in names if names.count(n) > 1})]
    try:
        entries = chain.parse(archive.read(CHAIN).decode("ascii"))
    except (ValueError, *_BROKEN):
        entries = []
    if not entries:
        return Sealed("", "", (f"{CHAIN} is damaged",), None)
    broken, last = chain.first_break(entries)
    if broken is not None:
        faults.append(f"line {broken} of {CHAIN} was changed")
    recorded = {str(entry["name"]): entry for entry in entries[1:] if "name" in entry}
    for name, entry in recorded.items():
        faults += _member_faults(archive, name, str(entry.get("sha256", "")))
        if _REVIEWS.fullmatch(name):
            faults += _review_faults(archive, name)
    known = {CHAIN, *recorded}
    if entries[0].get("timestamp") == timestamp.MEMBER:
        known.add(timestamp.MEMBER)
    faults += [f"{_shown(name)} was added" for name in names if name not in known]
    scan = _scan_in(archive, faults)
    token = _timestamp_in(archive, faults) if timestamp.MEMBER in known - recorded.keys() else None
    return Sealed(last, str(entries[0].get("sealed_at", "")), tuple(faults), scan, token)


def _member_faults(archive: zipfile.ZipFile, name: str, sha256: str) -> list[str]:
    try:
        with archive.open(name) as stream:
            return [] if digest_of(stream) == sha256 else [f"{_shown(name)} was changed"]  # type: ignore[arg-type]  # a zip member reads like a file
    except KeyError:
        return [f"{_shown(name)} is missing"]
    except _BROKEN:
        return [f"{_shown(name)} is damaged"]


def _review_faults(archive: zipfile.ZipFile, name: str) -> list[str]:
    """Whether decisions had been changed before they were sealed: they are a chain of their own."""
    try:
        reviews.parse(archive.read(name), _shown(name))
    except InputError as fault:
        return [fault.message]
    except (KeyError, *_BROKEN):
        pass  # told already: a member that is missing or damaged
    return []


def _scan_in(archive: zipfile.ZipFile, faults: list[str]) -> Scan | None:
    try:
        return scan_from_json(archive.read(SCAN).decode("utf-8"))
    except (InputError, KeyError, UnicodeDecodeError, *_BROKEN):
        faults.append(f"{SCAN} cannot be read")
        return None


def _timestamp_in(archive: zipfile.ZipFile, faults: list[str]) -> bytes | None:
    try:
        with archive.open(timestamp.MEMBER) as stream:
            return stream.read(timestamp.MAX_BYTES)
    except KeyError:
        faults.append(f"{timestamp.MEMBER} is missing")
    except _BROKEN:
        faults.append(f"{timestamp.MEMBER} is damaged")
    return None


def _about(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}


def _input(item: Checked) -> dict[str, str | int | None]:
    return {
        **written_path(item.path),
        "state": item.state.value,
        "sha256": item.sha256,
        "size_bytes": item.size_bytes,
    }


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=True) + "\n").encode("ascii")


def _shown(name: str) -> str:
    return ascii(valid_unicode(name))[1:-1]
