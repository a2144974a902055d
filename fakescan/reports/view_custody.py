"""The custody block of a page: what it takes to repeat a scan and to check that it speaks about the same files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC

from fakescan.core.records import ModelIdentity, Scan
from fakescan.core.schema import calibration_to_dict
from fakescan.reports import words
from fakescan.reports.escape import visible
from fakescan.reports.page_data import manifest_digest

Rows = tuple[tuple[str, str], ...]
REDACTED_WORDS: Mapping[str, str] = {
    "gps": "places",
    "serial": "serial numbers",
    "paths": "file names and folders",
    "owner": "names of people",
    "host": "the machine and its user",
    "thumbs": "previews",
}


@dataclass(frozen=True, slots=True)
class CustodyView:
    """What somebody needs to repeat the scan."""

    case: Rows
    """Case, examiner and note, as far as they were given."""
    run: Rows
    """The run: command, times, versions."""
    model: Rows
    """The model; empty when none was loaded."""
    card: Rows
    """Facts of the model card."""
    options: Rows
    """The resolved options."""
    environment: Rows
    """Versions and platform."""
    manifest_sha256: str
    """Digest of the list of digests of all files."""
    redacted: tuple[str, ...]
    """What was taken out, in words."""


def custody_view(scan: Scan) -> CustodyView:
    """What somebody needs to repeat the scan.

    Args:
        scan: a finished scan.
    """
    case = {"Case": scan.case.id, "Examiner": scan.case.examiner, "Note": scan.case.note}
    run = {
        "Scan": scan.scan_id,
        "Folder": scan.root,
        "Command": scan.command,
        "Started": scan.started_at.astimezone(UTC).isoformat(timespec="seconds"),
        "Finished": scan.finished_at.astimezone(UTC).isoformat(timespec="seconds"),
        "fakescan": scan.tool_version,
        "Report schema": scan.schema_version,
    }
    if scan.from_cache:
        cached = set(scan.from_cache)
        taken = sum(result.record.file.sha256 in cached for result in scan.results)
        run["Answers of earlier runs"] = f"{taken} of {len(scan.results)}; the JSON report lists their digests"
    card = scan.model.card if scan.model else {}
    model = _model(scan.model) if scan.model else ()
    calibration = calibration_to_dict(scan.calibration)
    if calibration is not None:
        text = json.dumps(calibration, sort_keys=True, separators=(",", ":"))
        model = (*model, ("Calibration, SHA-256", hashlib.sha256(text.encode()).hexdigest()))
    return CustodyView(
        case=_rows({name: value for name, value in case.items() if value}),
        run=_rows(run),
        model=model,
        card=_rows(card),
        options=_rows(scan.options),
        environment=_rows(scan.environment),
        manifest_sha256=manifest_digest(scan.results),
        redacted=tuple(REDACTED_WORDS.get(name, visible(name)) for name in scan.redacted),
    )


def _model(model: ModelIdentity) -> Rows:
    """Which model spoke, and how it was run."""
    identity = {
        "Name": model.name,
        "Base model": model.base_model,
        "Adapter": model.adapter or "none (merged)",
        "Weights, SHA-256": model.weights_sha256,
        "Prompt version": model.prompt_version,
        "Number format": model.dtype,
        "Device": model.device,
        "Engine": model.engine,
        "Temperature of its mapper": model.temperature,
        "Deciding score by its card": words.SCORE_WORDS[model.decides],
    }
    return _rows(identity)


def _rows(values: Mapping[str, object]) -> Rows:
    """Names and values as text that is safe to show."""
    return tuple((visible(str(name)), _plain(value)) for name, value in values.items())


def _plain(value: object) -> str:
    """A value of an option as text."""
    if isinstance(value, str):
        return visible(value, limit_chars=4_000)
    if value is None:
        return "not set"
    try:
        return visible(json.dumps(value, ensure_ascii=False), limit_chars=4_000)
    except (TypeError, ValueError):
        return visible(str(value), limit_chars=4_000)
