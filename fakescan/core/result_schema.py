"""One result to JSON and back: a row of ``results`` in the report, and of the journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fakescan.core.calibration import DECIMALS
from fakescan.core.checked import claims_from_node, claims_to_list, stability_from_node, stability_to_list
from fakescan.core.json_values import Node, ReportShapeError, clean, written_path
from fakescan.core.records import (
    Assessed,
    Evidence,
    EvidenceStatus,
    Failure,
    ImageKind,
    ImageRecord,
    ImageResult,
    Label,
    LogitPair,
    Prediction,
    Reason,
    ScoreKind,
    Scores,
    SourceFile,
    Stage,
    StageReasoning,
    Strength,
    Supports,
    Verdict,
)

MODEL_STEP = "infer"
"""Key of the model's time in ``timings_s``."""


def result_to_dict(result: ImageResult, *, used_when_failed: ScoreKind = ScoreKind.BEFORE) -> dict[str, Any]:
    """A result as plain dicts, lists, strings and finite numbers.

    Args:
        result: the result.
        used_when_failed: what ``scores.used`` shows for a file that has no score.
    """
    record, outcome = result.record, result.outcome
    assessed = outcome if isinstance(outcome, Assessed) else None
    row = {
        **written_path(record.file.path),
        "sha256": record.file.sha256,
        "size_bytes": record.file.size_bytes,
        "media_type": record.file.media_type,
        "width_px": record.width_px,
        "height_px": record.height_px,
        "frame_count": record.frame_count,
        "orientation": record.orientation,
        "kind": record.kind,
        "phash": record.phash,
        "status": "assessed" if assessed else "error",
        "verdict": _verdict_to_dict(assessed.verdict) if assessed else None,
        "scores": _scores_to_dict(assessed.scores if assessed else Scores(None, None, used_when_failed)),
        **prediction_to_dict(assessed.prediction if assessed else None),
        "evidence": [_evidence_to_dict(item) for item in result.evidence],
        **({"stability": stability_to_list(result.stability)} if result.stability else {}),
        **({"claims": claims_to_list(result.claims)} if result.claims else {}),
        "error": None if isinstance(outcome, Assessed) else _failure_to_dict(outcome),
        "timings_s": _timings(result),
    }
    cleaned: dict[str, Any] = clean(row)
    return cleaned


def prediction_to_dict(prediction: Prediction | None) -> dict[str, Any]:
    """The part of a result that the model said, as plain values; its time is not part of it.

    Args:
        prediction: None for a file that the model said nothing about.
    """
    if prediction is None:
        return {"logits": None, "stages": None, "stages_incomplete": [], "steered_to": None, "tokens": 0}
    return {
        "logits": _logits_to_dict(prediction),
        "stages": _stages_to_dict(prediction),
        "stages_incomplete": _incomplete(prediction),
        "steered_to": prediction.steered_to,
        "tokens": prediction.tokens,
    }


def prediction_from_dict(row: Mapping[str, Any]) -> Prediction:
    """Inverse of ``prediction_to_dict``.

    Raises:
        ReportShapeError: when a value does not fit.
    """
    return _prediction_from_node(Node(row, ""), elapsed_s=0.0)


def result_from_dict(row: Mapping[str, Any]) -> ImageResult:
    """Inverse of ``result_to_dict``.

    Raises:
        ReportShapeError: when a value does not fit; the message names its place.
    """
    return result_from_node(Node(row, ""))


def result_from_node(node: Node) -> ImageResult:
    """As ``result_from_dict``, for a row inside a document."""
    timings = {name: value.number() for name, value in node["timings_s"].items()}
    return ImageResult(
        record=_record_from_node(node),
        evidence=tuple(_evidence_from_node(item) for item in node["evidence"].elements()),
        outcome=_outcome_from_node(node, elapsed_s=timings.get(MODEL_STEP, 0.0)),
        timings_s=timings,
        stability=stability_from_node(node["stability"]),
        claims=claims_from_node(node["claims"]),
    )


def _verdict_to_dict(verdict: Verdict) -> dict[str, Any]:
    return {
        "label": verdict.label,
        "p_fake": _rounded(verdict.p_fake),
        "threshold": _rounded(verdict.threshold),
        "basis": verdict.basis,
        "headline": verdict.headline,
        "reasons": [
            {"source": reason.source, "text": reason.text, "conflict": reason.conflict} for reason in verdict.reasons
        ],
    }


def _scores_to_dict(scores: Scores) -> dict[str, Any]:
    return {
        "before_reasoning": _rounded(scores.before_reasoning),
        "after_reasoning": _rounded(scores.after_reasoning),
        "used": scores.used,
    }


def _logits_to_dict(prediction: Prediction) -> dict[str, Any]:
    return {"before": _pair_to_dict(prediction.before), "after": _pair_to_dict(prediction.after)}


def _pair_to_dict(pair: LogitPair | None) -> dict[str, Any] | None:
    if pair is None:
        return None
    return {"real": round(pair.real, DECIMALS), "fake": round(pair.fake, DECIMALS), "index": pair.index}


def _stages_to_dict(prediction: Prediction) -> dict[str, str] | None:
    texts = {stage.stage: stage.text for stage in prediction.stages}
    return {stage.value: texts.get(stage, "") for stage in Stage} if texts else None


def _incomplete(prediction: Prediction) -> list[str]:
    return [stage.stage.value for stage in prediction.stages if not stage.complete]


def _evidence_to_dict(evidence: Evidence) -> dict[str, Any]:
    return {
        "reader": evidence.reader,
        "name": evidence.name,
        "value": evidence.value,
        "unit": evidence.unit,
        "supports": evidence.supports,
        "strength": evidence.strength,
        "status": evidence.status,
        "note": evidence.note,
    }


def _failure_to_dict(failure: Failure) -> dict[str, str]:
    return {"step": failure.step, "code": failure.code, "message": failure.message, "hint": failure.hint}


def _timings(result: ImageResult) -> dict[str, float]:
    timings = dict(result.timings_s)
    if isinstance(result.outcome, Assessed):
        timings[MODEL_STEP] = result.outcome.prediction.elapsed_s
    return {step: round(float(seconds), 4) for step, seconds in sorted(timings.items())}


def _record_from_node(node: Node) -> ImageRecord:
    return ImageRecord(
        file=SourceFile(
            path=node.path(),
            size_bytes=node["size_bytes"].integer(),
            sha256=node["sha256"].text(),
            media_type=node["media_type"].optional_text(),
        ),
        width_px=node["width_px"].optional_integer(),
        height_px=node["height_px"].optional_integer(),
        frame_count=node["frame_count"].optional_integer(),
        orientation=node["orientation"].optional_integer(),
        kind=node["kind"].optional_choice(ImageKind),
        phash=node["phash"].optional_text(),
    )


def _outcome_from_node(node: Node, *, elapsed_s: float) -> Assessed | Failure:
    status = node["status"].text()
    if status == "error":
        error = node["error"]
        return Failure(error["step"].text(), error["code"].text(), error["message"].text(), error["hint"].text())
    if status != "assessed":
        raise ReportShapeError(f"{node['status'].where} is neither assessed nor error")
    scores = node["scores"]
    return Assessed(
        prediction=_prediction_from_node(node, elapsed_s=elapsed_s),
        scores=Scores(
            before_reasoning=scores["before_reasoning"].optional_number(),
            after_reasoning=scores["after_reasoning"].optional_number(),
            used=scores["used"].choice(ScoreKind),
        ),
        verdict=_verdict_from_node(node["verdict"]),
    )


def _prediction_from_node(node: Node, *, elapsed_s: float) -> Prediction:
    logits, stages = node["logits"], node["stages"]
    incomplete = {item.text() for item in node["stages_incomplete"].elements()}
    return Prediction(
        before=_pair_from_node(logits["before"]),
        after=_pair_from_node(logits["after"]),
        stages=()
        if stages.missing
        else tuple(
            StageReasoning(stage, stages[stage.value].text(), complete=stage.value not in incomplete) for stage in Stage
        ),
        steered_to=node["steered_to"].optional_choice(Label),
        tokens=node["tokens"].integer(default=0),
        elapsed_s=elapsed_s,
    )


def _pair_from_node(node: Node) -> LogitPair | None:
    if node.missing:
        return None
    return LogitPair(node["real"].number(), node["fake"].number(), node["index"].optional_integer())


def _verdict_from_node(node: Node) -> Verdict:
    return Verdict(
        label=node["label"].choice(Label),
        p_fake=node["p_fake"].optional_number(),
        threshold=node["threshold"].number(),
        basis=tuple(item.text() for item in node["basis"].elements()),
        reasons=tuple(
            Reason(item["source"].text(), item["text"].text(), item["conflict"].flag(default=False))
            for item in node["reasons"].elements()
        ),
        headline=node["headline"].text(),
    )


def _evidence_from_node(node: Node) -> Evidence:
    return Evidence(
        reader=node["reader"].text(),
        name=node["name"].text(),
        value=node["value"].text(),
        supports=node["supports"].choice(Supports),
        strength=node["strength"].choice(Strength),
        status=node["status"].choice(EvidenceStatus),
        note=node["note"].optional_text() or "",
        unit=node["unit"].optional_text() or "",
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DECIMALS)
