"""An evaluation as one JSON document, which all tables and pages are made of; and the comparison of two of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from fakescan.core.json_values import clean, written_path
from fakescan.core.records import Scan
from fakescan.errors import DataError
from fakescan.version import __version__
from fakescan_trainer.evaluate import official, significance
from fakescan_trainer.evaluate.answers import REFUSED, UNPARSABLE, Joined
from fakescan_trainer.evaluate.detection import auc, brier
from fakescan_trainer.evaluate.figures import Scored, average, curves, figures, intervals, scored
from fakescan_trainer.evaluate.samples import Answer, TestSet

VERSION = "1"
"""Of the document (``fakescan_evaluation``)."""
TEXT_FIGURES = ("bleu1", "bleu2", "rougeL", "css")
"""Figures of texts against references, as they stand beside the others of a group."""
WITHOUT_GROUP = "(none)"
"""What images without a group are listed under."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How figures are made."""

    draws: int = 1000
    """Bootstrap samples; 0 for no intervals."""
    seed: int = 0
    """Of the bootstrap."""
    official: bool = False
    """Whether the authors' counting stands beside."""


def evaluation(
    data: TestSet,
    joined: Joined,
    settings: Settings,
    *,
    detector: Mapping[str, Any],
    reasoning: Mapping[str, Any] | None = None,
    robustness: Mapping[str, Any] | None = None,
    consistency: Mapping[str, Any] | None = None,
    human: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The document.

    Args:
        data: the test set.
        joined: the answers.
        settings: how figures are made.
        detector: what answered (``of_scan``, or a name).
        reasoning: figures of the texts, or None.
        robustness: figures of the same pictures changed, or None.
        consistency: figures of several rounds, or None.
        human: marks that people gave to the texts, or None.
    """
    answers = joined.answers
    groups: dict[str, list[Answer]] = {}
    matched: dict[str, list[Answer]] = {}
    for answer in answers:
        groups.setdefault(answer.sample.group or WITHOUT_GROUP, []).append(answer)
        if answer.sample.matched:
            matched.setdefault(answer.sample.matched, []).append(answer)
    everything = scored(answers)
    by_group = {name: _figures(name, scored(groups[name]), joined, settings) for name in sorted(groups)}
    _beside_all_reals(by_group, groups, everything)
    document = {
        "fakescan_evaluation": VERSION,
        "tool": {"name": "fakescan", "version": __version__},
        "made_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "data": {
            "name": data.name, "layout": data.layout, "grouped_by": data.grouped_by, "notes": list(data.notes),
            "not_in_report": joined.absent, "unused_answers": joined.unused,
        },
        "detector": dict(detector),
        "bootstrap": {"draws": settings.draws, "seed": settings.seed, "confidence": 0.95, "stratified_by": "label"},
        "overall": _figures("", everything, joined, settings),
        "groups": by_group,
        "average": average(by_group),
        "curves": curves(everything, [a.threshold for a in answers], probabilities=joined.probabilities),
        "errors": _errors(answers),
        "images": [_image(answer) for answer in answers],
    }  # fmt: skip
    if matched:
        whole = [answer for members in matched.values() for answer in members]
        document["matched"] = {
            **{name: figures(scored(matched[name]), probabilities=joined.probabilities) for name in sorted(matched)},
            "all": _figures("matched", scored(whole), joined, settings),
        }
    if reasoning is not None:
        document["reasoning"] = {name: value for name, value in reasoning.items() if name != "groups"}
        _add_texts(document, reasoning)
    if robustness is not None:
        document["robustness"] = dict(robustness)
    if joined.by_text:
        codes = Counter(answer.error for answer in answers if answer.error)
        other = sum(codes.values()) - codes[REFUSED] - codes[UNPARSABLE]
        document["by_text"] = {
            "n": len(answers), "refused": codes[REFUSED], "unparsable": codes[UNPARSABLE], "failed": other
        }  # fmt: skip
    if consistency is not None:
        document["consistency"] = dict(consistency)
    if human is not None:
        document["human"] = dict(human)
    if settings.official:
        document["official"] = {
            "overall": official.count(answers), "groups": {name: official.count(groups[name]) for name in by_group}
        }  # fmt: skip
    cleaned: dict[str, Any] = clean(document)
    return cleaned


def of_scan(scan: Scan) -> dict[str, Any]:
    """What answered, as a scan tells it.

    Args:
        scan: the scan of the test set.
    """
    model = scan.model
    asked = {name: scan.options.get(name) for name in ("policy", "score", "reasoning", "decode", "threshold")}
    return {
        "name": model.name if model else "none", "weights_sha256": model.weights_sha256 if model else None,
        "prompt_version": model.prompt_version if model else None, "dtype": model.dtype if model else None,
        "device": model.device if model else None, "tool_version": scan.tool_version, "scan_id": scan.scan_id,
        "options": asked, "calibration": {kind.value: record.fitted_on for kind, record in scan.calibration.items()},
    }  # fmt: skip


def compare(first: Mapping[str, Any], second: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Two evaluations over the images that both hold, with paired significance.

    Args:
        first: a document.
        second: another.
        settings: of the bootstrap.

    Raises:
        DataError: they share no image, or disagree about a label.
    """
    pairs_of_images = _paired(first["images"], second["images"])
    if not pairs_of_images:
        raise DataError("the two evaluations share no image", "evaluate the same test set with both")
    if wrong := sum(one["label"] != two["label"] for one, two in pairs_of_images):
        raise DataError(f"the two evaluations label {wrong} images differently", "use the same list for both")
    a, b = (_arrays([pair[at] for pair in pairs_of_images]) for at in (0, 1))
    both = ~np.isnan(a.p) & ~np.isnan(b.p)
    y = a.fake[both]
    pairs: dict[str, tuple[Callable[[Scored], float], Scored, Scored]] = {
        "accuracy": (lambda s: float(s.right.mean()), a, b),
        "balanced_accuracy": (_balanced, a, b),
        "auroc": (lambda s: auc(s.fake, s.p), a.take(both.nonzero()[0]), b.take(both.nonzero()[0])),
    }
    if first.get("overall", {}).get("brier") is not None and second.get("overall", {}).get("brier") is not None:
        pairs["brier"] = (lambda s: brier(s.fake, s.p), pairs["auroc"][1], pairs["auroc"][2])
    rows = {}
    for name, (measure, left, right) in pairs.items():
        if not len(left):
            continue
        values = float(measure(left)), float(measure(right))
        span = _difference(measure, left, right, settings)
        rows[name] = {"first": values[0], "second": values[1], "difference": values[1] - values[0], "interval": span}
    test = significance.mcnemar(a.right, b.right)
    areas = significance.delong(y, a.p[both], b.p[both]) if len(y) else None
    document = {
        "fakescan_comparison": VERSION,
        "first": _who(first), "second": _who(second),
        "shared": len(a), "only_in_first": len(first["images"]) - len(a),
        "only_in_second": len(second["images"]) - len(a),
        "both_scored": int(both.sum()),
        "bootstrap": {"draws": settings.draws, "seed": settings.seed, "confidence": 0.95},
        "figures": rows,
        "mcnemar": {"only_first_right": test.only_first, "only_second_right": test.only_second, "p": test.p_value},
        "delong": None if areas is None else {
            "first": areas.first, "second": areas.second, "standard_error": areas.standard_error,
            "interval": [areas.low, areas.high], "p": areas.p_value,
        },
    }  # fmt: skip
    cleaned: dict[str, Any] = clean(document)
    return cleaned


def _figures(name: str, data: Scored, joined: Joined, settings: Settings) -> dict[str, Any]:
    spans = intervals(
        data, draws=settings.draws, seed=settings.seed, name=name, probabilities=joined.probabilities
    )  # fmt: skip
    return {**figures(data, probabilities=joined.probabilities), "intervals": spans}


def _beside_all_reals(
    by_group: Mapping[str, dict[str, Any]], groups: Mapping[str, Sequence[Answer]], everything: Scored
) -> None:
    """A group of fakes alone has no ROC curve of its own: its area against the real images of all groups."""
    reals = everything.take((everything.fake == 0).nonzero()[0])
    reals_p = reals.p[~np.isnan(reals.p)]
    for name, found in by_group.items():
        own = scored(groups[name])
        fakes_p = own.p[(own.fake == 1) & ~np.isnan(own.p)]
        labels = np.concatenate([np.ones(len(fakes_p)), np.zeros(len(reals_p))])
        area = auc(labels, np.concatenate([fakes_p, reals_p]))
        found["auroc_against_all_real"] = area if math.isfinite(area) else None


def _add_texts(document: dict[str, Any], reasoning: Mapping[str, Any]) -> None:
    """Figures of the texts beside those of detection: of each group, of all images, and the mean over groups."""
    if "n" not in reasoning:
        return  # not measured
    groups = reasoning.get("groups") or {}
    for part, found in (
        (document["overall"], reasoning),
        *((document["groups"][name], groups[name]) for name in groups),
    ):
        part |= {"n_texts": found["n"], **{key: found[key] for key in TEXT_FIGURES if key in found}}
    for key in TEXT_FIGURES:
        values = [found[key] for found in groups.values() if key in found]
        if values:
            document["average"][key] = sum(values) / len(values)


def _errors(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    return [
        {**written_path(answer.sample.path), "code": answer.error, "message": answer.message}
        for answer in answers
        if answer.error
    ]


def _image(answer: Answer) -> dict[str, Any]:
    sample = answer.sample
    return {
        **written_path(sample.path), "sha256": answer.sha256 or sample.sha256,
        "label": "fake" if sample.fake else "real", "group": sample.group,
        "p_fake": answer.p_fake, "threshold": answer.threshold,
        "verdict": answer.label.value if answer.label else None, "right": answer.right,
    }  # fmt: skip


def _difference(
    measure: Callable[[Scored], float], first: Scored, second: Scored, settings: Settings
) -> tuple[float, float] | None:
    def both(chosen: np.ndarray) -> tuple[float, float]:
        return measure(first.take(chosen)), measure(second.take(chosen))

    return significance.paired_bootstrap(both, first.fake, draws=settings.draws, seed=settings.seed)


def _paired(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Images that both hold, each once: by path, else by digest."""
    by_path: dict[str, int] = {_path_of(image): at for at, image in enumerate(second)}
    by_digest: dict[str, int] = {}
    for at, image in enumerate(second):
        if image.get("sha256"):
            by_digest.setdefault(image["sha256"], at)
    taken: set[int] = set()
    pairs = []
    for image in first:
        place = by_path.get(_path_of(image))
        if place is None or _other_bytes(image, second[place]):
            place = by_digest.get(image.get("sha256") or "")
        if place is not None and place not in taken:
            taken.add(place)
            pairs.append((image, second[place]))
    return pairs


def _path_of(image: Mapping[str, Any]) -> str:
    return str(image.get("path_b64") or image["path"])


def _other_bytes(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    return bool(one.get("sha256") and two.get("sha256") and one["sha256"] != two["sha256"])


def _arrays(images: Sequence[Mapping[str, Any]]) -> Scored:
    return Scored(
        np.array([image["label"] == "fake" for image in images], float),
        np.array([math.nan if image["p_fake"] is None else image["p_fake"] for image in images], float),
        np.array([image["right"] for image in images], float),
        np.zeros(len(images), int),
    )


def _balanced(data: Scored) -> float:
    sides = [data.right[data.fake == label] for label in (0, 1)]
    return float(sum(float(side.mean()) for side in sides) / 2) if all(len(side) for side in sides) else math.nan


def _who(document: Mapping[str, Any]) -> dict[str, Any]:
    return {"detector": document["detector"].get("name"), "data": document["data"].get("name")}
