"""The model card of a trained checkpoint: what the run, its evaluation and its calibration say, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fakescan.core.calibration_file import OwnCalibration
from fakescan.core.records import Calibration, ScoreKind

CARD = "MODEL_CARD.md"
_FIGURES = (
    ("accuracy", "Accuracy"), ("real_accuracy", "Accuracy on real images"),
    ("fake_accuracy", "Accuracy on AI-generated images"), ("balanced_accuracy", "Balanced accuracy"),
    ("auroc", "Area under the ROC curve"), ("average_precision", "Average precision"),
    ("tpr_at_fpr_0.01", "AI-generated found at 1 % false alarms"), ("ece", "Expected calibration error"),
    ("brier", "Brier score"), ("nll", "Negative log-likelihood"), ("coverage", "Images with a verdict"),
)  # fmt: skip
_UNKNOWN = "not stated"


def card_text(
    facts: Mapping[str, Any],
    calibration: Mapping[ScoreKind, Calibration],
    evaluation: Mapping[str, Any] | None = None,
    own: OwnCalibration | None = None,
) -> str:
    """The card as Markdown.

    Args:
        facts: of the run (``facts.py``).
        calibration: the checkpoint's, by score.
        evaluation: a document of ``fakescan eval`` on images that the run has not seen.
        own: a file of ``fakescan calibrate``, as read.
    """
    base, data, training = facts["base"], facts["data"], facts["training"]
    lines = [
        f"# {_plain(facts['name'])}",
        "",
        "Tells AI-generated images from others by fakescan's method, and writes why.",
        "",
    ]
    lines += ["A verdict of it is no proof. It knows what it was trained on; of other generators it may know nothing."]
    lines += ["", "## Trained on", "", "| | |", "|---|---|"]
    lines += _rows({
        "Images": f"{data['fake']:,} AI-generated, {data['real']:,} real, of {data['sources']:,} sources",
        "With reasoning": f"{data['with_reasoning']:,}", "With a caption": f"{data['captions']:,}",
        "Licence of the data": data["licence"] or _UNKNOWN,
        "Digest of the list of images": f"`{data['images_sha256']}`",
        **{f"SHA-256 of {_plain(name)}": f"`{digest}`" for name, digest in data["files"].items()},
    })  # fmt: skip
    lines += ["", "## Base", "", "| | |", "|---|---|"]
    lines += _rows({
        "Name": base["name"], "Licence": base["licence"] or ", ".join(base["licence_files"]) or _UNKNOWN,
        **{f"SHA-256 of {_plain(name)}": f"`{digest}`" for name, digest in base["files"].items()},
    })  # fmt: skip
    lines += _start(facts.get("start"))
    losses = ", ".join(f"{name} {weight:g}" for name, weight in training["losses"].items())
    libraries = ", ".join(f"{name} {number}" for name, number in facts["libraries"].items())
    lines += ["", "## Training", "", "| | |", "|---|---|"]
    lines += _rows({
        "Steps": f"{training['steps']:,} in {training['seconds']:,.0f} s, {training['processes']} process(es)",
        "Stages": "; ".join(_stage(stage) for stage in training["stages"]),
        **({"Weights of the losses": losses} if losses else {}),
        "Trained values": f"{training['trained_values']:,} ({', '.join(training['modules']) or 'nothing'})",
        "Adapters": f"rank {training['lora']['rank']}, alpha {training['lora']['alpha']:g}",
        "Base in fewer bits": training["quantised"], "Seed": str(training["seed"]),
        "Made with": f"fakescan {facts['tool_version']}, {libraries}",
    })  # fmt: skip
    lines += ["", "## Measured", ""]
    if facts["validation"]:
        lines += [
            f"While training, on {data['held_out']:,} held-out images or fewer:",
            "",
            "| figure | value |",
            "|---|---|",
        ]
        lines += _rows({name: f"{value:.4f}" for name, value in facts["validation"].items()})
    else:
        lines.append("Nothing was measured while training.")
    lines += ["", *_evaluated(evaluation), "", "## Calibration", "", *_calibrated(calibration, own)]
    return "\n".join(lines) + "\n"


def _start(start: Mapping[str, Any] | None) -> list[str]:
    """Of a run that went on from a checkpoint: what that was, and what it knew already."""
    if not start:
        return []
    lines = ["", "## Goes on from", "", "| | |", "|---|---|"]
    lines += _rows({"Name": start["name"], "SHA-256 over its weights": f"`{start['weights_sha256']}`"})
    lines += _rows({f"Its card: {_plain(name)}": str(value).lstrip("`") for name, value in start["card"].items()})
    if start["its_text"]:
        lines += ["", "Its texts are written by that checkpoint's language model: no stage of this run trained it."]
    return lines


def _stage(stage: Mapping[str, Any]) -> str:
    if "lr" in stage:
        return f"{stage['name']} ({stage['task']}, lr {stage['lr']:g})"
    form = [f"penalty {stage['penalty']:g}"]
    form += [f"{name} {stage[name]:g}" for name in ("gamma", "components", "units") if name in stage]
    form += [f"{name} {value:.4g}" for name, value in stage["figures"].items()]
    return f"{stage['name']} ({stage['task']}, {', '.join(form)})"


def _evaluated(document: Mapping[str, Any] | None) -> list[str]:
    if document is None:
        return [
            "Not evaluated on a test set: `fakescan eval DATA --model DIR -o figures.json`, then `fakescan model card`."
        ]
    found, spans = document["overall"], document["overall"].get("intervals") or {}
    lines = [
        f"By `fakescan eval` on {_plain(document['data']['name'])}: {found['n_fake']:,} AI-generated and "
        f"{found['n_real']:,} real images, {found['n_without_score']:,} of them without an answer.",
        "", "| figure | value | 95 % interval |", "|---|---|---|",
    ]  # fmt: skip
    for key, title in _FIGURES:
        if found.get(key) is not None:
            span = spans.get(key)
            between = f"{span[0]:.3f} to {span[1]:.3f}" if span else ""
            lines.append(f"| {title} | {found[key]:.3f} | {between} |")
    return lines


def _calibrated(records: Mapping[ScoreKind, Calibration], own: OwnCalibration | None) -> list[str]:
    lines = [
        f"- Score {kind.value} the text: threshold {record.threshold:.3f}, inconclusive from "
        f"{record.inconclusive_band[0]:.3f} to {record.inconclusive_band[1]:.3f}, temperature {record.temperature:g}, "
        f"fitted on {_plain(record.fitted_on)}."
        for kind, record in records.items()
    ]
    if own is not None:
        promise = own.promise
        lines.append(
            f"- By `fakescan calibrate`: threshold {own.record.threshold:.3f}; with a confidence of "
            f"{promise.confidence:g}, at most {promise.risk:g} of photographs like the {promise.photographs:,} that it "
            "rests on reach it."
        )
    return lines or [
        "Not calibrated: its numbers are scores, not probabilities. `fakescan calibrate` fits a threshold."
    ]


def write_card(folder: Path, text: str) -> Path:
    """Write the card into a checkpoint's folder.

    Args:
        folder: of the checkpoint.
        text: of the card.
    """
    path = folder / CARD
    path.write_text(text, "utf-8")
    return path


def _rows(table: Mapping[str, str]) -> list[str]:
    return [f"| {name} | {value if value.startswith('`') else _plain(value)} |" for name, value in table.items()]


def _plain(text: object) -> str:
    """Words from files and recipes as one line of a Markdown table, without markup."""
    flat = " ".join(ascii(str(text))[1:-1].split())
    return "".join(f"\\{char}" if char in "|<>[]*_`" else char for char in flat)
