"""Write measured error rates into a shipped model, and its model card, from scans of images it has never seen.

    python trainer/nano/card.py MODEL --data "WORDS" --scan SCAN.json ... --manifest FILE ...

WORDS name the test set, with {n}, {fake}, {real} and {sources} for the counts of each score. A later scan goes before
an earlier one, so that a score that is dear to compute may come from a part of the images.

The manifests give labels (by sha256), sources and matched groups; only their dev-test rows count. Rates are those of
the score alone (policy "model"), whatever provenance said. Figures by kind of picture are kept where there are at least
30 images of each label; for other kinds the product says that nothing was measured and gives no verdict.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from fakescan.core.calibration import probability, side
from fakescan.core.records import Calibration, Label, LogitPair, ScoreKind
from fakescan.model.checkpoints.ours import CheckpointInfo, read_info, write_info
from fakescan_trainer.evaluate.detection import Array, auc, expected_calibration_error, tpr_at_fpr, wilson

MIN_PER_LABEL = 30
RESAMPLES = 500
Row = tuple[dict[str, Any], dict[str, Any]]


def joined(scans: Iterable[Path], manifests: Iterable[Path]) -> list[Row]:
    """Results with their dev-test manifest rows."""
    rows = {}
    for path in manifests:
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            if row["split"] == "dev-test":
                rows[row["sha256"]] = row
    found: dict[str, Row] = {}
    for path in scans:
        for result in json.loads(path.read_text("utf-8"))["results"]:
            if result["sha256"] in rows and result.get("scores"):
                found[result["sha256"]] = (rows[result["sha256"]], result)
    return list(found.values())


def p_of(result: dict[str, Any], kind: ScoreKind, calibration: Calibration) -> float | None:
    """P(fake) by the calibration that is shipped, from the logits that the scan has kept."""
    pair = (result.get("logits") or {}).get(kind.value)
    return probability(LogitPair(pair["real"], pair["fake"], pair["index"]), calibration) if pair else None


def figures(rows: list[Row], kind: ScoreKind, calibration: Calibration) -> dict[str, float | int | str]:
    """Rates of one score on some images; empty when it was not computed."""
    pairs = [(row["label"] == "fake", p_of(result, kind, calibration)) for row, result in rows]
    pairs = [(fake, p) for fake, p in pairs if p is not None]
    if not pairs:
        return {}
    y: Array = np.array([float(fake) for fake, _ in pairs])
    p: Array = np.array([p for _, p in pairs], float)
    sides = np.array([side(float(value), calibration).value for value in p])
    decided = sides != Label.INCONCLUSIVE.value
    right = (sides == "fake") == (y == 1)
    both = 0 < y.sum() < len(y)
    out: dict[str, float | int | str] = {"n_fake": int(y.sum()), "n_real": int((1 - y).sum())}
    if both:
        out |= {"auc": auc(y, p), "tpr_at_1pct_fpr": tpr_at_fpr(y, p, 0.01), "tpr_at_5pct_fpr": tpr_at_fpr(y, p, 0.05)}
        out |= {"ece": expected_calibration_error(y, p), "brier": float(((p - y) ** 2).mean())}
    if (y == 0).any():
        out["real_called_fake"] = float((sides[y == 0] == "fake").mean())
    if (y == 1).any():
        out["fake_called_fake"] = float((sides[y == 1] == "fake").mean())
    out["coverage"] = float(decided.mean())
    if decided.any():
        out["accuracy_when_decided"] = float(right[decided].mean())
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in out.items()}


def with_bins(
    metrics: dict[str, float | int | str], rows: list[Row], kind: ScoreKind, calibration: Calibration
) -> dict[str, float | int | str]:
    """Add the reliability table."""
    for low in range(10):
        inside = [
            row
            for row, result in rows
            if (p := p_of(result, kind, calibration)) is not None and min(int(p * 10), 9) == low
        ]
        metrics |= {f"bin_{low}_n": len(inside), f"bin_{low}_fake": sum(row["label"] == "fake" for row in inside)}
    return metrics


def grouped(rows: list[Row], key: Callable[[Row], str | None]) -> dict[str, list[Row]]:
    """Rows by a name."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if name := key(row):
            groups[name].append(row)
    return dict(sorted(groups.items()))


def measured(info: CheckpointInfo, rows: list[Row], data: str) -> dict[ScoreKind, Calibration]:
    """The calibration records with what was measured."""
    records = {}
    for kind, record in info.calibration.items():
        overall = figures(rows, kind, record)
        if not overall:
            records[kind] = record
            continue
        by_kind, own = {}, [row for row in rows if p_of(row[1], kind, record) is not None]
        for name, members in grouped(own, lambda row: row[1].get("kind")).items():
            labels = [row["label"] for row, _ in members]
            if min(labels.count("fake"), labels.count("real")) >= MIN_PER_LABEL:
                by_kind[name] = figures(members, kind, record)
        words = data.format(
            n=len(own),
            fake=overall["n_fake"],
            real=overall["n_real"],
            sources=len({row["source"] for row, _ in own}),
        )
        metrics = with_bins({"data": words, **overall}, rows, kind, record)
        records[kind] = dataclasses.replace(record, metrics=metrics, by_kind=by_kind)
    return records


def auc_interval(rows: list[Row], kind: ScoreKind, calibration: Calibration) -> tuple[float, float]:
    """95 % interval of the AUC over images drawn again, each label apart."""
    scored = [(float(row["label"] == "fake"), p_of(result, kind, calibration)) for row, result in rows]
    fakes, reals = ([p for y, p in scored if y == label and p is not None] for label in (1.0, 0.0))
    y: Array = np.concatenate([np.ones(len(fakes)), np.zeros(len(reals))])
    p: Array = np.array([*fakes, *reals], float)
    rng = np.random.default_rng(0)
    drawn = [
        np.concatenate([rng.integers(0, len(fakes), len(fakes)), len(fakes) + rng.integers(0, len(reals), len(reals))])
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile([auc(y, p[again]) for again in drawn], [0.025, 0.975])
    return float(low), float(high)


def cell(name: str, values: dict[str, float | int | str], rows: list[Row], kind: ScoreKind, record: Calibration) -> str:
    """A figure with its 95 % interval, as text."""
    value = values.get(name, "-")
    if not isinstance(value, float):
        return str(value)
    counts = {"real_called_fake": "n_real", "fake_called_fake": "n_fake"}
    if name == "auc":
        low, high = auc_interval(rows, kind, record)
    elif name == "accuracy_when_decided":
        return f"{value:.3f}"
    else:
        images = (
            sum(int(values[each]) for each in ("n_fake", "n_real")) if name == "coverage" else int(values[counts[name]])
        )
        low, high = wilson(round(value * images), images)
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def table(rows: list[Row], key: Callable[[Row], str | None], kind: ScoreKind, record: Calibration) -> list[str]:
    """A Markdown table by group, rates with 95 % intervals (Wilson; the AUC's by resampling)."""
    columns = ("n_fake", "n_real", "auc", "real_called_fake", "fake_called_fake", "coverage", "accuracy_when_decided")
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, members in grouped(rows, key).items():
        values = figures(members, kind, record)
        if values:
            shown = [cell(column, values, members, kind, record) for column in columns]
            lines.append(f"| {name} | " + " | ".join(shown) + " |")
    return lines


def part_of(row: Row) -> str:
    """Base pack, its hardest group, or the extended set."""
    entry = row[0]
    if entry["path"].startswith("images/"):
        return "base, laboratoriet" if entry.get("matched") == "laboratoriet" else "base, without laboratoriet"
    return "extended, laboratoriet" if entry.get("matched") == "laboratoriet" else "extended, others"


def card(info: CheckpointInfo, records: dict[ScoreKind, Calibration], rows: list[Row], template: str) -> str:
    """The model card: the template's words with the measured tables."""
    parts = []
    for kind, record in records.items():
        if not record.metrics:
            continue
        decides = " (decides)" if kind is info.decides else ""
        parts += [f"### Score {kind.value} reasoning{decides}", ""]
        parts += ["| all | |", "|---|---|"]
        parts += [f"| {name} | {value} |" for name, value in record.metrics.items() if not name.startswith("bin_")]
        low, high = record.inconclusive_band
        parts += [f"| called fake from | {high:.4f} |", f"| called real below | {low:.4f} |", ""]
        parts += ["By set:", "", *table(rows, part_of, kind, record), ""]
        parts += ["By kind of picture:", "", *table(rows, lambda row: row[1].get("kind"), kind, record), ""]
        parts += [
            "Matched groups (the honest test: both labels alike):",
            "",
            *table(rows, lambda row: row[0].get("matched"), kind, record),
            "",
        ]
        parts += ["By source:", "", *table(rows, lambda row: row[0]["source"], kind, record), ""]
    text = template.replace("{{MEASURED}}", "\n".join(parts).rstrip()).replace("{{SHA256}}", info.weights_sha256)
    if open_places := re.findall(r"{{\w+}}", text):
        raise SystemExit(f"fill in the template first: {', '.join(open_places)}")
    return text


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--scan", type=Path, action="append", required=True)
    parser.add_argument("--manifest", type=Path, action="append", required=True)
    parser.add_argument("--template", type=Path, default=Path(__file__).parent / "MODEL_CARD.template.md")
    parser.add_argument("--facts", type=Path, default=Path(__file__).parent / "card_facts.json")
    args = parser.parse_args()
    info = read_info(args.model)
    rows = joined(args.scan, args.manifest)
    records = measured(info, rows, args.data)
    facts = json.loads(args.facts.read_text("utf-8"))
    info = dataclasses.replace(info, calibration=records, card=facts)
    write_info(args.model, info)
    (args.model / "MODEL_CARD.md").write_text(
        card(read_info(args.model), records, rows, args.template.read_text("utf-8")), "utf-8"
    )
    for kind, record in records.items():
        print(
            kind.value,
            json.dumps({k: v for k, v in record.metrics.items() if not k.startswith("bin_")}),
            list(record.by_kind),
        )


if __name__ == "__main__":
    main()
