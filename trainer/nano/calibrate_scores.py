"""Calibrate the scores of a shipped model from scans of held-out pictures, with the very weights that users load.

    fakescan scan --files-from LIST --policy model --reasoning none -o BEFORE.json
    fakescan scan --files-from LIST --policy model --score after -o AFTER.json
    python trainer/nano/calibrate_scores.py MODEL MMFR BEFORE.json AFTER.json
    python trainer/nano/calibrate_scores.py MODEL MMFR AFTER.json --score after    # the other stays as it is

With `--least LOGIT` the threshold lies no lower than at this difference of logits: what another draw of held-out
pictures asked for, or the other score on many more of them, is not forgotten because this draw has no real picture so
high.

LIST names images of `MMFR/validation.json`: whole training sources that were held out. With `--score after` nothing
steers the text, so the score is that of the paper: read off after the model's own reasoning. A score that a scan holds
is fitted anew, of several scans from the first that has it; others stay. Only photographs and photo-like pictures
count, since other kinds get no verdict from the model and must not move its threshold.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np

from fakescan.core.records import Calibration, ImageKind, ScoreKind
from fakescan.model.checkpoints.ours import file_sha256, read_info, write_info
from fakescan_trainer.calibrate import NO_REAL, calibrate
from fakescan_trainer.evaluate.detection import auc


def held_out(root: Path) -> dict[str, tuple[float, str]]:
    """Label (1 = fake) and source of the MMFR tree's validation images by SHA-256."""
    known = {}
    for row in json.loads((root / "validation.json").read_text("utf-8")):
        fake = "image is fake." in row["conversations"][1]["value"]
        known[file_sha256(root / row["image"])] = (float(fake), row["source"])
    return known


def raised(record: Calibration, least: float) -> Calibration:
    """The same with its threshold at a difference of logits, where it lay below.

    Args:
        record: what was fitted.
        least: z_fake - z_real.
    """
    at = round(1 / (1 + math.exp(-(least / record.temperature + record.bias))), 6)
    if at <= record.threshold:
        return record
    low, _ = record.inconclusive_band
    words = f"{record.fitted_on}; the threshold lies higher, where more held-out pictures put it"
    return dataclasses.replace(record, threshold=at, inconclusive_band=(low, at), fitted_on=words)


def calibrated(report: Path, known: dict[str, tuple[float, str]], kind: ScoreKind) -> Calibration | None:
    """Fit on the logits that a scan has kept; None where it holds none of this score.

    Args:
        report: the scan's JSON report.
        known: as ``held_out`` gives it.
        kind: the score.
    """
    rows = []
    for result in json.loads(report.read_text("utf-8"))["results"]:
        logits = (result.get("logits") or {}).get(kind.value)
        if logits and result["sha256"] in known and result.get("kind") == ImageKind.PHOTO.value:
            rows.append((logits["fake"] - logits["real"], *known[result["sha256"]]))
    if not rows:
        return None
    scores, labels = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    counts = Counter(row[1:] for row in rows)
    weights = np.array([1 / np.sqrt(counts[row[1:]]) for row in rows])
    for label in (0.0, 1.0):
        weights[labels == label] /= weights[labels == label].sum()
    fakes, sources = int(labels.sum()), len({row[2] for row in rows})
    words = (
        f"{len(rows)} photographs and photo-like pictures ({fakes} AI-generated, {len(rows) - fakes} real) "
        f"of {sources} sources held out of training"
    )
    print(f"held out, {kind.value} reasoning: {words}; AUC {auc(labels, scores):.4f}")
    return calibrate(scores, labels, weights, words, NO_REAL, [row[2] for row in rows])


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "mmfr"):
        parser.add_argument(name, type=Path)
    parser.add_argument("scans", type=Path, nargs="+")
    parser.add_argument("--score", type=ScoreKind, nargs="+", default=list(ScoreKind), help="only these: before, after")
    parser.add_argument("--least", type=float, default=-math.inf, help="of the threshold, as a difference of logits")
    args = parser.parse_args()
    info, known = read_info(args.model), held_out(args.mmfr)
    records = dict(info.calibration)
    for kind in args.score:
        found = (record for scan in args.scans if (record := calibrated(scan, known, kind)))
        try:
            record = next(found, None)
        except ValueError as error:  # a short trial: few pictures, or a model that knows nothing yet
            parser.exit(1, f"error: score {kind.value}: {error}; {args.model} keeps what it had\n")
        if record:
            records[kind] = raised(record, args.least) if math.isfinite(args.least) else record
            print(kind.value, records[kind])
    write_info(args.model, dataclasses.replace(info, calibration=records))


if __name__ == "__main__":
    main()
