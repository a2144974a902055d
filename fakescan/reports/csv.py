"""The CSV report: a row a file, for spreadsheets. It opens in Excel as it is and runs nothing there."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import ClassVar, TextIO

from fakescan.core.checked import ClaimMark
from fakescan.core.records import Assessed, ImageResult, Scan
from fakescan.reports.escape import visible
from fakescan.reports.order import has_conflict
from fakescan.reports.view_checks import own_label
from fakescan.reports.words import headline, label_key

COLUMNS = (
    "path",
    "status",
    "verdict",
    "headline",
    "p_fake",
    "score_used",
    "p_fake_before_text",
    "p_fake_after_text",
    "calibrated",
    "threshold",
    "basis",
    "conflict",
    "reasons",
    "encodings_tried",
    "encodings_other_label",
    "encodings_p_fake_low",
    "encodings_p_fake_high",
    "claims_supported",
    "claims_unsupported",
    "claims_contradicted",
    "claims_not_checkable",
    "error_step",
    "error_code",
    "error_message",
    "error_hint",
    "kind",
    "width_px",
    "height_px",
    "size_bytes",
    "media_type",
    "sha256",
)
_BYTE_ORDER_MARK = "\ufeff"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 (Excel reads these)


@dataclass(frozen=True, slots=True)
class CsvRenderer:
    """Writes a scan as CSV: UTF-8 with a byte order mark, comma-separated, lines ended as RFC 4180 says."""

    suffix: ClassVar[str] = ".csv"
    """File suffix."""

    def render(self, scan: Scan, out: TextIO) -> None:
        """Write the report.

        Args:
            scan: a finished scan.
            out: a text stream that leaves line ends alone.
        """
        out.write(_BYTE_ORDER_MARK)
        writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\r\n")
        writer.writeheader()
        for result in scan.results:
            writer.writerow({name: cell(value) for name, value in _row(result, scan).items()})


def cell(value: object) -> str:
    """A value that no spreadsheet takes for a formula: text that could be one gets an apostrophe in front.

    Args:
        value: text from anywhere, a number, a truth value or None.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6f}"
    if isinstance(value, int):
        return str(value)
    text = visible(str(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA_STARTS) else text


def _row(result: ImageResult, scan: Scan) -> dict[str, object]:
    """One file's values by column."""
    record, outcome = result.record, result.outcome
    row: dict[str, object] = {
        "path": record.file.path,
        "verdict": label_key(result),
        "headline": headline(result),
        "conflict": has_conflict(result),
        "kind": record.kind.value if record.kind else None,
        "width_px": record.width_px,
        "height_px": record.height_px,
        "size_bytes": record.file.size_bytes,
        "media_type": record.file.media_type,
        "sha256": record.file.sha256,
    }
    if isinstance(outcome, Assessed):
        verdict, scores = outcome.verdict, outcome.scores
        return row | {
            "status": "assessed",
            "p_fake": verdict.p_fake,
            "score_used": scores.used.value,
            "p_fake_before_text": scores.before_reasoning,
            "p_fake_after_text": scores.after_reasoning,
            "calibrated": scores.used in scan.calibration,
            "threshold": verdict.threshold,
            "basis": " ".join(verdict.basis),
            "reasons": " | ".join(reason.text for reason in verdict.reasons),
            **_stability(result, scan),
            **_claims(result),
        }
    return row | {
        "status": "error",
        "error_step": outcome.step,
        "error_code": outcome.code,
        "error_message": outcome.message,
        "error_hint": outcome.hint,
    }


def _stability(result: ImageResult, scan: Scan) -> dict[str, object]:
    """What other encodings gave; nothing where none was tried."""
    if not result.stability:
        return {}
    own = own_label(result, scan.calibration)
    numbers = [item.p_fake for item in result.stability]
    return {
        "encodings_tried": len(numbers),
        "encodings_other_label": sum(item.label is not own for item in result.stability),
        "encodings_p_fake_low": min(numbers),
        "encodings_p_fake_high": max(numbers),
    }


def _claims(result: ImageResult) -> dict[str, object]:
    """How many sentences got which mark; nothing where they were not checked."""
    marks = [claim.mark for claim in result.claims]
    return {f"claims_{mark.value}": marks.count(mark) for mark in ClaimMark} if marks else {}
