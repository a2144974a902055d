"""Puts the parts of one scan together again, which were examined apart (``--shard``), as if it had been one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fakescan.core.duplicates import compared, uncompared
from fakescan.core.records import ModelIdentity, Scan, Skipped
from fakescan.core.shards import is_left_to_others
from fakescan.errors import InputError

_SAME = (
    "include", "exclude", "changed_since", "follow_links", "limit", "reasoning", "score", "decode", "seed", "policy",
    "trust_list", "threshold", "stability", "audit", "max_file_bytes", "max_pixels", "draft",
)  # fmt: skip
"""Options that a result depends on."""
_OF_A_PART = {"shard": None, "run_dir": None, "resume": False}
_NEW = "appeared while the parts were scanned: its own part had not met it yet"


def merge(parts: Mapping[str, Scan], *, scan_id: str, command: str) -> Scan:
    """One scan out of its parts: results, skipped files and near-duplicates as one run over everything has them.

    Args:
        parts: finished or interrupted scans by the name that they were given under.
        scan_id: id of the merged scan.
        command: the command as typed.

    Raises:
        InputError: when a part is missing or there twice, or they are no parts of one scan.
    """
    ordered = _in_order(parts)
    _check_alike(ordered)
    scans = list(ordered.values())
    first = scans[0]
    results = sorted((result for scan in scans for result in scan.results), key=lambda item: item.record.file.path)
    examined = {result.record.file.path for result in results}
    if not results and not first.options.get("allow_empty"):
        raise InputError("no images found in any of the parts", "check what was scanned")
    if len(examined) < len(results):
        raise InputError("a file is in two of the parts", "scan the parts again with one version of fakescan")
    return replace(
        first,
        scan_id=scan_id,
        command=command,
        started_at=min(scan.started_at for scan in scans),
        finished_at=max(scan.finished_at for scan in scans),
        options={**first.options, **_OF_A_PART},
        model=_model(scans),
        calibration=next((scan.calibration for scan in scans if scan.model), {}),
        results=compared(uncompared(results)),
        skipped=_skipped(scans, examined),
        interrupted=any(scan.interrupted for scan in scans),
        from_cache=tuple(sorted({digest for scan in scans for digest in scan.from_cache})),
    )


def _in_order(parts: Mapping[str, Scan]) -> Mapping[str, Scan]:
    """The parts by number.

    Raises:
        InputError: when they are not all parts of one whole, each there once.
    """
    by_number: dict[int, str] = {}
    whole = 0
    for name, scan in parts.items():
        number, _, count = str(scan.options.get("shard") or "").partition("/")
        if not (number.isdecimal() and count.isdecimal()):
            raise InputError(f"{name} is no part of a scan", "give runs of `fakescan scan --shard I/N`")
        if whole and int(count) != whole:
            raise InputError(f"{name} is part {number} of {count}, others are of {whole}", "give the parts of one scan")
        whole = int(count)
        if int(number) in by_number:
            raise InputError(f"{name} and {by_number[int(number)]} are the same part", "give each part once")
        by_number[int(number)] = name
    missing = [number for number in range(1, whole + 1) if number not in by_number]
    if missing:
        shown = ", ".join(f"{number}/{whole}" for number in missing[:10]) + (", ..." if len(missing) > 10 else "")
        raise InputError(f"parts are missing: {shown}", "scan them, or give their run directories too")
    return {by_number[number]: parts[by_number[number]] for number in sorted(by_number)}


def _check_alike(parts: Mapping[str, Scan]) -> None:
    """Refuse parts whose results cannot be compared.

    Raises:
        InputError: naming what differs.
    """
    (first_name, first), *others = parts.items()
    judged = next((scan for scan in parts.values() if scan.model), first)
    for name, scan in others:
        differing = [option for option in _SAME if scan.options.get(option) != first.options.get(option)]
        if differing:
            raise InputError(f"{first_name} and {name} were scanned with another {differing[0]}", "scan them alike")
        if scan.tool_version != first.tool_version or scan.redacted != first.redacted:
            raise InputError(f"{first_name} and {name} are of different versions or redactions", "scan them alike")
    for name, scan in parts.items():
        if scan.model is None or judged.model is None:
            continue
        if _apart_from_device(scan.model) != _apart_from_device(judged.model):
            raise InputError(f"{name} was judged by another model than others", "scan the parts with one model")
        if scan.calibration != judged.calibration:
            raise InputError(f"{name} was judged with another calibration than others", "scan the parts alike")


def _apart_from_device(model: ModelIdentity) -> ModelIdentity:
    return replace(model, device="")


def _model(scans: Sequence[Scan]) -> ModelIdentity | None:
    models = [scan.model for scan in scans if scan.model]
    devices = sorted({model.device for model in models})
    return replace(models[0], device=", ".join(devices)) if models else None


def _skipped(scans: Sequence[Scan], examined: set[str]) -> tuple[Skipped, ...]:
    """What all of them left alone, each once; nothing that one of them examined."""
    by_path: dict[str, Skipped] = {}
    others: set[str] = set()
    for scan in scans:
        for item in scan.skipped:
            if is_left_to_others(item.reason):
                others.add(item.path)
            elif item.path not in examined:
                by_path.setdefault(item.path, item)
    for path in others - examined - by_path.keys():
        by_path[path] = Skipped(path, _NEW)
    return tuple(by_path[path] for path in sorted(by_path))
