"""Tables that only some evaluations have: texts, changed pictures, rounds, people's marks, the authors' counting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fakescan.reports.escape import visible
from fakescan.reports.evaluation.view import DASH, FIGURES, Document, Figure, name_of, shown
from fakescan.reports.words import count

TEXT_FIGURES = (
    Figure("bleu1", "BLEU-1", "BLEU-1", False),
    Figure("bleu2", "BLEU-2", "BLEU-2", False),
    Figure("rougeL", "ROUGE-L", "ROUGE-L", False),
    Figure("css", "CSS (cosine of sentence embeddings)", "CSS", False),
)
"""Figures of texts against references, from 0 to 1 as in the paper's Table 3."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of these tables."""

    title: str
    """In words."""
    header: Sequence[str]
    """Over the columns."""
    rows: Sequence[Sequence[str]]
    """Safe to show."""
    note: str = ""
    """A sentence below."""


def parts_of(documents: Sequence[Document]) -> list[Part]:
    """Those that the first evaluation has, and the one in which texts of several stand side by side.

    Args:
        documents: the evaluation, and any others to stand beside it.
    """
    document = documents[0]
    beside = detector_text_rows(documents) if len(documents) > 1 else []
    found = [
        Part("Reasoning texts", ("reasoning", ""), reasoning_rows(document)),
        Part("Texts against references, and accuracy in percent", TEXT_HEADER, text_rows(document)),
        Part("Texts of each detector, and accuracy in percent", DETECTOR_TEXT_HEADER, beside),
        Part("The same pictures changed", ROBUSTNESS_HEADER, robustness_rows(document), robustness_sentence(document)),
        Part("Several rounds", ROUNDS_HEADER, round_rows(document)),
        Part("What people say of the texts", HUMAN_HEADER, human_rows(document), human_sentence(document)),
        Part("The authors' counting", OFFICIAL_HEADER, official_rows(document)),
    ]
    return [part for part in found if part.rows]


def reasoning_rows(document: Document) -> list[list[str]]:
    """What was compared, or why nothing was; empty where nobody asked."""
    found = document.get("reasoning")
    if not found:
        return []
    if found.get("not_measured"):
        return [["Not measured", visible(str(found["not_measured"]), limit_chars=300)]]
    rows = [["Images with a text and a reference", f"{int(found.get('n') or 0):,}"]]
    if found.get("css_encoder"):
        rows.append(["Sentence encoder", name_of(found["css_encoder"])])
    return rows


def text_rows(document: Document) -> list[list[str]]:
    """The form of the paper's Table 3: a row for each group with texts, their average, and all images with a text."""
    whole = document.get("reasoning") or {}
    if not whole.get("n"):
        return []
    groups = [(name_of(name), found) for name, found in document["groups"].items() if found.get("n_texts")]
    rows = [[name, f"{int(found['n_texts']):,}", *_texts(found, found)] for name, found in groups]
    if len(groups) > 1:
        # The accuracy of the same groups as the texts: others have none.
        known = [found["accuracy"] for _, found in groups if found.get("accuracy") is not None]
        mean = {"accuracy": sum(known) / len(known)} if len(known) == len(groups) else {}
        rows.append(["average", "", *_texts(mean, document["average"])])
    everywhere = document["overall"] if whole["n"] == document["overall"].get("n") else {}
    return [*rows, ["all with a text", f"{int(whole['n']):,}", *_texts(everywhere, whole)]]


TEXT_HEADER = ("group", "texts", "Acc", *(figure.short for figure in TEXT_FIGURES))
"""Over ``text_rows``."""


def detector_text_rows(documents: Sequence[Document]) -> list[list[str]]:
    """The paper's Table 3: each detector's average accuracy and texts; empty where no detector has any."""
    rows = []
    for document in documents:
        # Evaluations of earlier versions have no figures of texts by group, and so no average of them.
        average = document["average"]
        rows.append([name_of(document["detector"]["name"]), *_texts(average, average)])
    return rows if any(set(row[2:]) != {DASH} for row in rows) else []


DETECTOR_TEXT_HEADER = ("Detector", "Average acc", *(figure.short for figure in TEXT_FIGURES))
"""Over ``detector_text_rows``."""


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


OFFICIAL_HEADER = ("authors' counting", "real", "fake", "all", "left out")
"""Over ``official_rows``."""


def _texts(detection: Mapping[str, Any], texts: Mapping[str, Any]) -> list[str]:
    accuracy = FIGURES[0]
    return [shown(accuracy, detection.get(accuracy.key)), *(shown(each, texts.get(each.key)) for each in TEXT_FIGURES)]


def _percents(*values: object) -> list[str]:
    return [DASH if not isinstance(value, int | float) else f"{100 * value:.2f}" for value in values]


def _marked(found: Mapping[str, Any]) -> list[str]:
    return [f"{int(found['sentences']):,}", f"{float(found['mean']):.2f}"]
