"""What tables and the page show of an evaluation: names, figures as text, points of curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fakescan.reports.escape import visible
from fakescan.reports.words import count

Document = Mapping[str, Any]

_LAYOUTS = {
    "folders": "folders real and fake", "generators": "a folder for each generator", "mmfr": "the paper's layout",
    "csv": "a CSV list", "manifest": "a manifest", "given": "folders given by hand",
}  # fmt: skip
DASH = "–"  # noqa: RUF001 - what stands where a figure is not defined
_NAME_CHARS = 80


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure and how it is written."""

    key: str
    """Its key in the document."""
    title: str
    """In words."""
    short: str
    """As the head of a column."""
    percent: bool
    """Whether it is a share, written in percent."""


FIGURES = (
    Figure("accuracy", "Accuracy (an image without an answer counts as wrong)", "Acc", True),
    Figure("real_accuracy", "Accuracy on real images", "Real acc", True),
    Figure("fake_accuracy", "Accuracy on AI-generated images", "Fake acc", True),
    Figure("balanced_accuracy", "Balanced accuracy", "Bal acc", True),
    Figure("auroc", "Area under the ROC curve", "AUROC", False),
    Figure("average_precision", "Average precision", "AP", False),
    Figure("tpr_at_fpr_0.01", "AI-generated found at 1 % false alarms", "TPR@1%", True),
    Figure("tpr_at_fpr_0.05", "AI-generated found at 5 % false alarms", "TPR@5%", True),
    Figure("ece", "Expected calibration error (15 bins)", "ECE", False),
    Figure("brier", "Brier score", "Brier", False),
    Figure("nll", "Negative log-likelihood", "NLL", False),
    Figure("real_called_fake", "Real images with the verdict AI-generated", "Real→AI", True),
    Figure("fake_called_fake", "AI-generated images with that verdict", "AI→AI", True),
    Figure("coverage", "Images with a verdict (not inconclusive)", "Coverage", True),
    Figure("accuracy_when_decided", "Right among those with a verdict", "Acc decided", True),
)
"""In the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table by group."""

    name: str
    """The group; safe to show."""
    n_real: str
    """Real images."""
    n_fake: str
    """AI-generated images."""
    cells: tuple[str, ...]
    """A cell for each of ``FIGURES``."""
    kind: str = "group"
    """``group``, ``average`` or ``overall``."""


def shown(figure: Figure, value: object) -> str:
    """A figure as text: a share in percent with one decimal, all else with three.

    Args:
        figure: which.
        value: its number, or None.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return DASH
    return f"{100 * value:.1f}" if figure.percent else f"{value:.3f}"


def name_of(text: object) -> str:
    """A name out of a document, safe to show.

    Args:
        text: anything.
    """
    return visible(str(text), limit_chars=_NAME_CHARS)


def title_of(document: Document) -> str:
    """``detector on data``."""
    return f"{name_of(document['detector']['name'])} on {name_of(document['data']['name'])}"


def overall_rows(document: Document) -> list[tuple[str, str, str]]:
    """Title, value and interval of every figure over all images that is defined."""
    found = document["overall"]
    spans = found.get("intervals") or {}
    rows = []
    for figure in FIGURES:
        value = found.get(figure.key)
        if value is not None:
            unit = " %" if figure.percent else ""
            span = spans.get(figure.key)
            between = f"{shown(figure, span[0])} to {shown(figure, span[1])}{unit}" if span else ""
            rows.append((figure.title, f"{shown(figure, value)}{unit}", between))
    return rows


def group_rows(document: Document) -> list[Row]:
    """A row for each group, then their average (of more than one), then all images together."""
    groups = document["groups"]
    rows = [_row(name_of(name), found, "group") for name, found in groups.items()]
    if len(rows) > 1:
        rows.append(_row("average", document["average"], "average"))
    return [*rows, _row("all images", document["overall"], "overall")]


def matched_rows(document: Document) -> list[Row]:
    """The same for groups that hold real and AI-generated images of one origin; empty where there are none."""
    matched = document.get("matched") or {}
    rows = [_row(name_of(name), found, "group") for name, found in matched.items() if name != "all"]
    return [*rows, _row("all of them", matched["all"], "overall")] if rows and "all" in matched else rows


def paper_table(documents: Sequence[Document]) -> tuple[list[str], list[list[str]]]:
    """The form of the paper's tables: a row for each detector, its accuracy on each group, and their average.

    Args:
        documents: evaluations of the same groups; one that lacks a group has a dash there.

    Returns:
        The header, and the rows.
    """
    groups = list(dict.fromkeys(group for document in documents for group in document["groups"]))
    accuracy = FIGURES[0]
    rows = []
    for document in documents:
        cells = [shown(accuracy, document["groups"].get(group, {}).get("accuracy")) for group in groups]
        average = shown(accuracy, document["average"].get("accuracy"))
        rows.append([name_of(document["detector"]["name"]), *cells, average])
    return ["Detector", *map(name_of, groups), "Average"], rows


def sentences(document: Document) -> list[str]:
    """What a reader must know beside the figures, a sentence each."""
    data, found = document["data"], document["overall"]
    images = f"{int(found['n_fake']):,} AI-generated and {int(found['n_real']):,} real images"
    lines = [f"{images} ({_LAYOUTS.get(str(data.get('layout')), 'a test set')})."]
    missing = int(found.get("n_without_score") or 0)
    if missing:
        lines.append(
            f"{count(missing, 'image')} without an answer (unreadable, or no conclusion in the text): counted as wrong "
            "in every accuracy, left out of what ranks or calibrates scores."
        )
    if data.get("not_in_report"):
        lines.append(f"{count(int(data['not_in_report']), 'image')} of the test set not in the report: in no figure.")
    if data.get("unused_answers"):
        lines.append(f"{count(int(data['unused_answers']), 'answer')} to images outside of the test set: not used.")
    by_text = document.get("by_text")
    if by_text:
        lines.append(
            f"Judged by its text alone, which took a side for all but {int(by_text['refused']):,} refusals and "
            f"{int(by_text['unparsable']):,} answers that could not be read: what ranks images ranks verdicts here."
        )
    lines += [visible(str(note), limit_chars=300) for note in data.get("notes") or ()]
    draws = (document.get("bootstrap") or {}).get("draws")
    if draws:
        lines.append(f"Intervals: 95 %, bootstrap over images of each label, {draws:,} draws.")
    return lines


def _row(name: str, found: Mapping[str, Any], kind: str) -> Row:
    counts = [f"{int(found[key]):,}" if found.get(key) is not None else "" for key in ("n_real", "n_fake")]
    return Row(name, counts[0], counts[1], tuple(shown(figure, found.get(figure.key)) for figure in FIGURES), kind)
