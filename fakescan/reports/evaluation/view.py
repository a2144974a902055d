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


def reasoning_rows(document: Document) -> list[tuple[str, str]]:
    """Figures of the texts, or why there are none; empty where nobody asked."""
    found = document.get("reasoning")
    if not found:
        return []
    if found.get("not_measured"):
        return [("Not measured", visible(str(found["not_measured"]), limit_chars=300))]
    rows = [("Images with a text and a reference", f"{int(found.get('n') or 0):,}")]
    names = {"bleu1": "BLEU-1", "bleu2": "BLEU-2", "rougeL": "ROUGE-L", "css": "CSS (cosine of sentence embeddings)"}
    rows += [(title, f"{100 * float(found[key]):.2f}") for key, title in names.items() if found.get(key) is not None]
    if found.get("css_encoder"):
        rows.append(("Sentence encoder", name_of(found["css_encoder"])))
    return rows


def robustness_rows(document: Document) -> list[list[str]]:
    """Each change of the pictures: name, accuracy, area, coverage, both verdict rates, flips; the originals first."""
    found = document.get("robustness")
    if not found:
        return []
    keys = ("accuracy", "auroc", "coverage", "real_called_fake", "fake_called_fake")
    figures = [figure for key in keys for figure in FIGURES if figure.key == key]
    rows = [["as they are", *(shown(figure, document["overall"].get(figure.key)) for figure in figures), ""]]
    for row in found["variants"]:
        cells = [shown(figure, row.get(figure.key)) for figure in figures]
        rows.append([name_of(row["name"]), *cells, f"{int(row['flips']):,} of {int(row['n']):,}"])
    return rows


ROBUSTNESS_HEADER = ("change", "Acc", "AUROC", "Coverage", "Real→AI", "AI→AI", "flips")
"""Over ``robustness_rows``."""


def robustness_sentence(document: Document) -> str:
    """How far scores move, in a sentence; empty where that was not measured."""
    found = document.get("robustness")
    if not found or found.get("median_range") is None:
        return ""
    return (
        f"Over all changes a picture's score moves by {float(found['median_range']):.3f} (median of largest minus "
        f"smallest); {100 * float(found['share_flipped']):.1f} % of the pictures went from one side to the other at "
        "least once."
    )


def round_rows(document: Document) -> list[list[str]]:
    """Tables 7 and 8 of the paper: each temperature's rounds, then their mean; empty where there was one round only."""
    rows = []
    for found in (document.get("consistency") or {}).get("temperatures") or []:
        name, images = f"{float(found['temperature']):g}", int(found["images"])
        for each in found["rounds"]:
            flips = f"{int(each['flips']):,} of {images:,}"
            rows.append([name, str(int(each["round"])), *_percents(each["accuracy"], each["fluctuation"]), flips, ""])
        moved = found.get("median_range")
        mean = f"{100 * float(found['flips']):.2f} %"
        spread = DASH if moved is None else f"{float(moved):.3f}"
        rows.append([name, "mean", *_percents(found["accuracy"], found["fluctuation"]), mean, spread])
    return rows


ROUNDS_HEADER = ("temperature", "round", "Acc", "fluctuation", "decisions changed", "median range of score")
"""Over ``round_rows``; the fluctuation is the difference of accuracy to round 0, in percent."""


def human_rows(document: Document) -> list[list[str]]:
    """Marks that people gave: by set, by rater, and over all; empty where there are none."""
    found = document.get("human")
    if not found:
        return []
    rows = [["set", name_of(name), *_marked(each)] for name, each in found["groups"].items()]
    rows += [["rater", name_of(name), *_marked(each)] for name, each in found["raters"].items()]
    return [*rows, ["all", "", f"{int(found['sentences']):,}", f"{float(found['mean']):.2f}"]]


HUMAN_HEADER = ("by", "name", "sentences", "mean mark (1 to 5)")
"""Over ``human_rows``."""


def human_sentence(document: Document) -> str:
    """How far raters agree, in a sentence; empty where there are no marks."""
    found = document.get("human")
    if not found:
        return ""
    raters, several = len(found["raters"]), int(found["by_several"])
    if found.get("alpha") is None:
        told = f"how far they agree cannot be told ({several:,} sentences were marked by several)"
        return f"{count(raters, 'rater')}; {told}."
    return (
        f"{count(raters, 'rater')}; Krippendorff's alpha (ordinal) over {several:,} sentences that several marked: "
        f"{float(found['alpha']):.3f} (1 = they agree, 0 = as by chance)."
    )


def _percents(*values: object) -> list[str]:
    return [DASH if not isinstance(value, int | float) else f"{100 * value:.2f}" for value in values]


def _marked(found: Mapping[str, Any]) -> list[str]:
    return [f"{int(found['sentences']):,}", f"{float(found['mean']):.2f}"]


def official_rows(document: Document) -> list[list[str]]:
    """The authors' counting by group and over all: name, real, fake and all accuracy, answers that were left out."""
    found = document.get("official")
    if not found:
        return []
    rows = []
    for name, row in (*found["groups"].items(), ("all images", found["overall"])):
        rates = [shown(FIGURES[0], row.get(key)) for key in ("r_acc", "f_acc", "acc")]
        rows.append([name_of(name), *rates, f"{int(row['failures']):,} of {int(row['n']):,}"])
    return rows


def _row(name: str, found: Mapping[str, Any], kind: str) -> Row:
    counts = [f"{int(found[key]):,}" if found.get(key) is not None else "" for key in ("n_real", "n_fake")]
    return Row(name, counts[0], counts[1], tuple(shown(figure, found.get(figure.key)) for figure in FIGURES), kind)
