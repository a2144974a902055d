"""Scan to JSON and back (CONTRACT.md, ``schema_version`` "1").

Lossless as far as the contract goes: probabilities and logits are written with six decimals, undecodable file names
travel in ``path_b64``, and nothing that is not finite or not valid Unicode is ever written. Reading trusts nothing:
whatever does not fit becomes an ``InputError`` that names the place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from fakescan.core.duplicates import clusters_of
from fakescan.core.json_values import Node, ReportShapeError, clean, written_path
from fakescan.core.records import (
    PAPER_TEMPERATURE,
    SCHEMA_VERSION,
    Calibration,
    Case,
    ModelIdentity,
    Scan,
    ScoreKind,
    Skipped,
)
from fakescan.core.result_schema import result_from_node, result_to_dict
from fakescan.errors import InputError

TOOL_NAME = "fakescan"

_NO_RESULTS = '\n  "results": []'


def scan_to_dict(scan: Scan) -> dict[str, Any]:
    """The JSON report of a scan as plain dicts, lists, strings and finite numbers."""
    return {**frame_to_dict(scan), "results": list(rows_of(scan))}


def rows_of(scan: Scan) -> Iterator[dict[str, Any]]:
    """The results of the JSON report one by one.

    Args:
        scan: a finished scan.
    """
    fallback = _deciding(scan)
    return (result_to_dict(result, used_when_failed=fallback) for result in scan.results)


def frame_to_dict(scan: Scan) -> dict[str, Any]:
    """The JSON report with no results in it, but with what is said of them together.

    Args:
        scan: a finished scan.
    """
    document = {
        "schema_version": scan.schema_version,
        "tool": {"name": TOOL_NAME, "version": scan.tool_version},
        "scan": {
            "id": scan.scan_id,
            "root": scan.root,
            "command": scan.command,
            "options": dict(scan.options),
            "started_at": _written_time(scan.started_at),
            "finished_at": _written_time(scan.finished_at),
            "environment": dict(scan.environment),
            "interrupted": scan.interrupted,
            **_said_beside(scan),
        },
        "model": _model_to_dict(scan.model) if scan.model else None,
        "calibration": calibration_to_dict(scan.calibration),
        "summary": scan.summary,
        "results": [],
        "skipped": [{**written_path(item.path), "reason": item.reason} for item in scan.skipped],
        "clusters": [
            {"files": [written_path(path) for path in cluster.paths], "verdicts_differ": cluster.verdicts_differ}
            for cluster in clusters_of(scan.results)
        ],
    }
    cleaned: dict[str, Any] = clean(document)
    return cleaned


def scan_from_dict(document: Mapping[str, Any]) -> Scan:
    """Read a JSON report back.

    Raises:
        InputError: when the document is no fakescan report of a known schema version.
    """
    try:
        return _scan_from_node(Node(document, ""))
    except ReportShapeError as fault:
        raise InputError(
            f"not a fakescan report: {fault}", "give a run directory or a JSON report of fakescan"
        ) from None


def scan_to_json(scan: Scan) -> str:
    """The JSON report as text: ASCII only, so that no name in it can steer a terminal."""
    return "".join(json_parts(scan))


def json_parts(scan: Scan) -> Iterator[str]:
    """The same text piece by piece, so that no report is held whole.

    Args:
        scan: a finished scan.
    """
    frame = _dumped(frame_to_dict(scan)) + "\n"
    if not scan.results:
        yield frame
        return
    # No text in JSON holds a line break, and only the outermost names stand two blanks from the margin.
    before, _, after = frame.partition(_NO_RESULTS)
    yield before + _NO_RESULTS.removesuffix("]")
    separator = ""
    for row in rows_of(scan):
        yield separator + ("\n" + _dumped(row)).replace("\n", "\n    ")
        separator = ","
    yield "\n  ]" + after


def _dumped(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)


def scan_from_json(text: str) -> Scan:
    """Read the text of a JSON report.

    Raises:
        InputError: when it is no JSON or no fakescan report.
    """
    return scan_from_dict(parse_json(text))


def parse_json(text: str) -> dict[str, Any]:
    """Parse the text of a JSON object from a file that somebody else may have written.

    Raises:
        InputError: when it is no JSON object, is nested absurdly deep, or holds NaN or Infinity.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as fault:
        raise InputError(f"not a JSON report: {fault}", "give a run directory or a JSON report of fakescan") from None
    if not isinstance(document, dict):
        raise InputError("not a JSON report: the top level is no object", "give a JSON report of fakescan")
    return document


def json_schema_text() -> str:
    """The JSON Schema of the report, as shipped in the package."""
    return files("fakescan.core").joinpath("scan.schema.json").read_text(encoding="utf-8")


def calibration_to_dict(calibration: Mapping[ScoreKind, Calibration]) -> dict[str, Any] | None:
    """One record a score (null where a score has none), or None when there is no calibration at all."""
    if not calibration:
        return None
    return {kind.value: _one_calibration(calibration[kind]) if kind in calibration else None for kind in ScoreKind}


def calibration_from_dict(document: Mapping[str, Any] | None) -> dict[ScoreKind, Calibration]:
    """Inverse of ``calibration_to_dict``.

    Raises:
        InputError: when a value does not fit.
    """
    try:
        return _calibration_from_node(Node(document, "calibration"))
    except ReportShapeError as fault:
        raise InputError(f"not a calibration: {fault}", "fit it again with `fakescan calibrate`") from None


def _deciding(scan: Scan) -> ScoreKind:
    """Which score decides in this scan: what a failed file shows as ``used``."""
    wanted = scan.options.get("score")
    if wanted in (ScoreKind.BEFORE, ScoreKind.AFTER):
        return ScoreKind(str(wanted))
    return scan.model.decides if scan.model else ScoreKind.BEFORE


def _said_beside(scan: Scan) -> dict[str, Any]:
    """Case, redaction and what came from the cache, where there are any."""
    case = {name: value for name, value in asdict(scan.case).items() if value}
    return {
        **({"case": case} if case else {}),
        **({"redacted": list(scan.redacted)} if scan.redacted else {}),
        **({"from_cache": list(scan.from_cache)} if scan.from_cache else {}),
    }


def _one_calibration(calibration: Calibration) -> dict[str, Any]:
    return {
        "temperature": calibration.temperature,
        "bias": calibration.bias,
        "threshold": calibration.threshold,
        "inconclusive_band": list(calibration.inconclusive_band),
        "fitted_on": calibration.fitted_on,
        "metrics": dict(calibration.metrics),
        "by_kind": {kind: dict(metrics) for kind, metrics in calibration.by_kind.items()},
    }


def _model_to_dict(model: ModelIdentity) -> dict[str, Any]:
    return {
        "name": model.name,
        "base_model": model.base_model,
        "adapter": model.adapter,
        "weights_sha256": model.weights_sha256,
        "prompt_version": model.prompt_version,
        "dtype": model.dtype,
        "device": model.device,
        "engine": model.engine,
        "decides": model.decides.value,
        "temperature": model.temperature,
        "card": dict(model.card),
    }


def _scan_from_node(node: Node) -> Scan:
    version = node["schema_version"].text()
    if version != SCHEMA_VERSION:
        raise ReportShapeError(f"schema_version {version[:20]!r} is not {SCHEMA_VERSION!r}")
    about = node["scan"]
    return Scan(
        schema_version=version,
        tool_version=node["tool"]["version"].text(),
        scan_id=about["id"].text(),
        root=about["root"].text(),
        command=about["command"].text(),
        started_at=about["started_at"].time(),
        finished_at=about["finished_at"].time(),
        options=about["options"].mapping(),
        environment={name: value.text() for name, value in about["environment"].items()},
        model=None if node["model"].missing else _model_from_node(node["model"]),
        calibration=_calibration_from_node(node["calibration"]),
        results=tuple(result_from_node(item) for item in node["results"].elements()),
        skipped=tuple(Skipped(item.path(), item["reason"].text()) for item in node["skipped"].elements()),
        interrupted=about["interrupted"].flag(default=False),
        case=Case(**{name: about["case"][name].optional_text() or "" for name in ("id", "examiner", "note")}),
        redacted=tuple(item.text() for item in about["redacted"].elements()),
        from_cache=tuple(item.text() for item in about["from_cache"].elements()),
    )


def _model_from_node(node: Node) -> ModelIdentity:
    return ModelIdentity(
        name=node["name"].text(),
        base_model=node["base_model"].text(),
        adapter=node["adapter"].optional_text(),
        weights_sha256=node["weights_sha256"].text(),
        prompt_version=node["prompt_version"].text(),
        dtype=node["dtype"].text(),
        device=node["device"].text(),
        engine=node["engine"].text(),
        decides=node["decides"].choice(ScoreKind, default=ScoreKind.BEFORE),
        temperature=node["temperature"].number(default=PAPER_TEMPERATURE),
        card={name: value.text() for name, value in node["card"].items()},
    )


def _calibration_from_node(node: Node) -> dict[ScoreKind, Calibration]:
    if node.missing:
        return {}
    return {kind: _one_from_node(node[kind.value]) for kind in ScoreKind if not node[kind.value].missing}


def _one_from_node(node: Node) -> Calibration:
    band = node["inconclusive_band"].elements()
    if len(band) != 2:
        raise ReportShapeError(f"{node['inconclusive_band'].where} needs two numbers")
    return Calibration(
        temperature=node["temperature"].number(),
        bias=node["bias"].number(default=0.0),
        threshold=node["threshold"].number(),
        inconclusive_band=(band[0].number(), band[1].number()),
        fitted_on=node["fitted_on"].text(),
        metrics=node["metrics"].scalars(),
        by_kind={kind: metrics.scalars() for kind, metrics in node["by_kind"].items()},
    )


def _written_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
