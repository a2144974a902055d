"""Calibrate the score after reasoning of a shipped model, from a scan of held-out pictures.

    fakescan scan --files-from LIST --score after --policy model -o SCAN.json
    python trainer/nano/after.py MODEL MMFR SCAN.json

LIST names images of `MMFR/validation.json`: whole training sources that were held out. With `--score after` nothing
steers the text, so the score is that of the paper: read off after the model's own reasoning. Only photographs and
photo-like pictures count, as for the score before reasoning.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections import Counter
from pathlib import Path

import numpy as np

from fakescan.core.records import Calibration, ImageKind, ScoreKind
from fakescan.model.checkpoints.ours import file_sha256, read_info, write_info
from fakescan_trainer.calibrate import calibrate
from fakescan_trainer.evaluate.detection import auc


def calibrate_after(report: Path, root: Path) -> Calibration:
    """Fit on the logits that a scan has kept.

    Args:
        report: the scan's JSON report.
        root: the MMFR tree with `validation.json`.
    """
    known = {}
    for row in json.loads((root / "validation.json").read_text("utf-8")):
        fake = "image is fake." in row["conversations"][1]["value"]
        known[file_sha256(root / row["image"])] = (float(fake), row["source"])
    rows = []
    for result in json.loads(report.read_text("utf-8"))["results"]:
        logits = (result.get("logits") or {}).get("after")
        if logits and result["sha256"] in known and result.get("kind") == ImageKind.PHOTO.value:
            rows.append((logits["fake"] - logits["real"], *known[result["sha256"]]))
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
    print(f"held out, after reasoning: {words}; AUC {auc(labels, scores):.4f}")
    return calibrate(scores, labels, weights, words)


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "mmfr", "scan"):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    info = read_info(args.model)
    record = calibrate_after(args.scan, args.mmfr)
    write_info(args.model, dataclasses.replace(info, calibration={**info.calibration, ScoreKind.AFTER: record}))
    print(record)


if __name__ == "__main__":
    main()
