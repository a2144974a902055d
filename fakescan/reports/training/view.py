"""What the page of a training run shows: curves out of ``metrics.csv``, tables out of ``facts.json`` and the recipe."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from fakescan.errors import ReportError
from fakescan.reports.escape import visible

WIDTH, HEIGHT = 200, 100
"""Of a drawing, in its own units."""
MOST_POINTS = 400
"""Of a curve."""
_MOST_BYTES = 1 << 30
_TITLES = {
    "total": "Total loss",
    "lm_full": "Language modelling, rows with reasoning",
    "lm_short": "Language modelling, short rows",
    "lm_caption": "Language modelling, captions",
    "cpm_full": "Probability mapper, rows with reasoning",
    "cpm_short": "Probability mapper, short rows",
    "facl": "Forgery-aligned contrast",
    "tau": "tau",
    "temperature": "Contrastive temperature",
    "lr": "Learning rate",
    "probe_logit_spread": "Spread of the probe's logits",
    "out_of_fold_auc": "Area under the ROC curve on sources that a detector had not seen",
    "out_of_fold_by_image_auc": "Area under the ROC curve on images that a detector had not seen",
    "out_of_fold_logit_spread": "Spread of logits of detectors that had not seen the source",
    "kernel_images": "Images of the kernel stage",
    "kernel_taken": "Whether the kernel stage's detector was taken (1) or not (0)",
    "kernel_likeness": "Correlation of the small network with the kernel machine",
    "kernel_factor": "From the kernel machine's value to a logit spread like the linear probe's: factor",
    "kernel_shift": "The same: shift",
    "validation_auc": "Area under the ROC curve",
    "validation_bce": "Cross-entropy of the score",
    "validation_accuracy": "Accuracy",
    "validation_caption_right": "Caption loss with the image",
    "validation_caption_shuffled": "Caption loss with another image",
}
_TERMS, _HELD_OUT, _OTHERS = "Losses", "On held-out images", "Rates and temperatures"
_HIDDEN = frozenset({"elapsed_s"})


@dataclass(frozen=True, slots=True)
class Curve:
    """One figure over the steps."""

    name: str
    """In words; safe to show."""
    points: str
    """Of a polyline, y downwards."""
    first: str
    """Value at its first step."""
    last: str
    """Value at its last step."""
    low: str
    """Smallest value, at the foot of the drawing."""
    high: str
    """Largest value, at its top."""
    best: str
    """Where the smallest or, of what should grow, the largest value was."""
    dots: tuple[tuple[str, str, str], ...]
    """Few points are drawn as dots too: x, y and the words for it."""


@dataclass(frozen=True, slots=True)
class Section:
    """Curves of one sort."""

    title: str
    """Its heading."""
    curves: tuple[Curve, ...]
    """In the order of the file."""


@dataclass(frozen=True, slots=True)
class RunView:
    """All that the page shows."""

    name: str
    """Of the model."""
    steps: int
    """The last step of any curve."""
    sections: tuple[Section, ...]
    """Losses, then figures on held-out images, then the rest."""
    stages: tuple[tuple[str, str], ...]
    """Name of each stage and where on the x axis it begins."""
    facts: tuple[tuple[str, str], ...]
    """Of the run, in words; empty while it goes on."""
    settings: tuple[tuple[str, str], ...]
    """The resolved recipe, a line each."""


def run_view(run: Path) -> RunView:
    """Read a run's folder.

    Args:
        run: the folder; the run may still go on.

    Raises:
        ReportError: it holds no metrics, or they cannot be read.
    """
    rows = _rows(run / "metrics.csv")
    steps = max((step for step, _, _, _ in rows), default=0)
    series: dict[str, list[tuple[int, float]]] = {}
    starts: dict[str, int] = {}
    for step, stage, name, value in rows:
        starts.setdefault(stage, step)
        if name not in _HIDDEN and math.isfinite(value):
            series.setdefault(name, []).append((step, value))
    sections: dict[str, list[Curve]] = {_TERMS: [], _HELD_OUT: [], _OTHERS: []}
    for name, points in series.items():
        held, term = name.startswith("validation_"), name == "total" or name.startswith(("lm_", "cpm_", "facl"))
        sections[_HELD_OUT if held else _TERMS if term else _OTHERS].append(_curve(name, points, steps))
    config, facts = _table(run / "config.json"), _table(run / "facts.json")
    return RunView(
        visible(str((config.get("model") or {}).get("name") or run.name), limit_chars=80),
        steps,
        tuple(Section(title, tuple(curves)) for title, curves in sections.items() if curves),
        tuple((visible(stage, limit_chars=40), f"{_x(step, steps):.2f}") for stage, step in starts.items()),
        tuple(_facts(facts)),
        tuple(_flat(config)),
    )


def _curve(name: str, points: Sequence[tuple[int, float]], steps: int) -> Curve:
    values = [value for _, value in points]
    low, high = min(values), max(values)
    room = (high - low) or 1.0
    shown = [points[int(at * (len(points) - 1) / (MOST_POINTS - 1))] for at in range(MOST_POINTS)]
    kept = points if len(points) <= MOST_POINTS else list(dict.fromkeys(shown))
    drawn = [(_x(step, steps), HEIGHT * (1 - (value - low) / room), step, value) for step, value in kept]
    grows = name.endswith(("_auc", "_accuracy", "_likeness"))
    at = (max if grows else min)(points, key=lambda point: point[1])
    dots = [(f"{x:.2f}", f"{y:.2f}", f"step {step:,}: {value:.4g}") for x, y, step, value in drawn]
    return Curve(
        visible(_TITLES.get(name, name), limit_chars=80), " ".join(f"{x:.2f},{y:.2f}" for x, y, _, _ in drawn),
        f"{values[0]:.4g}", f"{values[-1]:.4g}", f"{low:.4g}", f"{high:.4g}", f"{at[1]:.4g} at step {at[0]:,}",
        tuple(dots) if len(dots) <= 30 else (),
    )  # fmt: skip


def _x(step: int, steps: int) -> float:
    return WIDTH * step / max(1, steps)


def _rows(path: Path) -> list[tuple[int, str, str, float]]:
    found = []
    for row in csv.DictReader(StringIO(_text(path), newline="")):
        try:
            found.append((int(row["step"]), row["stage"], row["name"], float(row["value"])))
        except (KeyError, TypeError, ValueError):
            continue  # the end of the file while a run writes it
    if not found:
        raise ReportError(
            f"{visible(str(path), limit_chars=200)} holds no metrics", "give the folder of a training run"
        )
    return found


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ReportError(
                f"{visible(str(path), limit_chars=200)} is too large", "give the folder of a training run"
            )
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        reason = getattr(fault, "strerror", None) or "it is not UTF-8"
        raise ReportError(
            f"cannot read {visible(str(path), limit_chars=200)}: {reason}", "give the folder of a training run"
        ) from None


def _table(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(_text(path))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ReportError(f"{visible(str(path), limit_chars=200)} is damaged", "remove it, and the page goes without")
    return found


def _facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for part in ("data", "base", "training"):
        lines += _flat({part: facts[part]}) if isinstance(facts.get(part), dict) else []
    return lines


def _flat(table: Mapping[str, Any], where: str = "") -> list[tuple[str, str]]:
    """Dotted names and values, shown as text."""
    lines: list[tuple[str, str]] = []
    for name, value in table.items():
        place = f"{where}.{name}" if where else str(name)
        if isinstance(value, dict):
            lines += _flat(value, place)
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            for number, item in enumerate(value):
                lines += _flat(item, f"{place}.{number}") if isinstance(item, dict) else []
        else:
            lines.append((visible(place, limit_chars=100), visible(json.dumps(value), limit_chars=200)))
    return lines
