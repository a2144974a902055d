"""The comparison of two detectors as words and rows, and as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import TextIO

from fakescan.reports.csv import cell
from fakescan.reports.evaluation import view
from fakescan.reports.evaluation.tables import latex_table, markdown_line
from fakescan.reports.evaluation.view import FIGURES, Document
from fakescan.reports.markdown import prose

HEADER = ("figure", "A", "B", "B - A", "95 % interval")
"""Over ``rows``."""
_TESTS = {"accuracy": ("McNemar", "mcnemar"), "auroc": ("DeLong", "delong")}
_COLUMNS = (
    "first_detector", "second_detector", "images", "figure", "first", "second", "difference", "difference_low",
    "difference_high", "test", "p",
)  # fmt: skip


def title(comparison: Document) -> str:
    """Who is compared on how many images."""
    first, second = (view.name_of(comparison[side]["detector"]) for side in ("first", "second"))
    return f"A: {first}   B: {second}   {comparison['shared']:,} images of both"


def rows(comparison: Document) -> list[list[str]]:
    """A row for each figure: of A, of B, the difference and its interval."""
    figures = {figure.key: figure for figure in FIGURES}
    found = []
    for key, row in comparison["figures"].items():
        figure, span = figures[key], row["interval"]
        between = f"{view.shown(figure, span[0])} to {view.shown(figure, span[1])}" if span else view.DASH
        values = (view.shown(figure, row[name]) for name in ("first", "second", "difference"))
        found.append([figure.title + (", %" if figure.percent else ""), *values, between])
    return found


def sentences(comparison: Document) -> list[str]:
    """What was left out, and what the tests say."""
    lines = []
    if left_out := comparison["only_in_first"] + comparison["only_in_second"]:
        lines.append(f"{left_out:,} images of only one of them are left out")
    test = comparison["mcnemar"]
    lines.append(
        f"McNemar's exact test of accuracy: {test['only_first_right']:,} images only A got right, "
        f"{test['only_second_right']:,} only B; {_p(test['p'])}"
    )
    areas = comparison["delong"]
    if areas is not None:
        lines.append(f"DeLong's test of the area under the ROC curve: {_p(areas['p'])}")
    return lines


def write_markdown(documents: Sequence[Document], out: TextIO) -> None:
    """The table and the tests.

    Args:
        documents: the comparison alone.
        out: a text stream.
    """
    comparison = documents[0]
    lines = [f"## {prose(title(comparison))}", "", markdown_line(HEADER), "|---|" + "---:|" * (len(HEADER) - 1)]
    lines += [*map(markdown_line, rows(comparison)), "", *(f"- {prose(line)}" for line in sentences(comparison))]
    out.write("\n".join(lines) + "\n")


def write_latex(documents: Sequence[Document], out: TextIO) -> None:
    """The table, with the tests in its caption.

    Args:
        documents: the comparison alone.
        out: a text stream.
    """
    comparison = documents[0]
    caption = " ".join(f"{line}." for line in (title(comparison), *sentences(comparison)))
    lines = ["% needs \\usepackage{booktabs}", *latex_table(HEADER, rows(comparison), caption)]
    out.write("\n".join(lines) + "\n")


def write_csv(documents: Sequence[Document], out: TextIO) -> None:
    """A row for each figure, with the test that goes with it where there is one.

    Args:
        documents: the comparison alone.
        out: a text stream that leaves line ends alone.
    """
    comparison = documents[0]
    who = [comparison[side]["detector"] for side in ("first", "second")]
    writer = csv.writer(out, lineterminator="\r\n")
    out.write("\ufeff")
    writer.writerow(_COLUMNS)
    for key, row in comparison["figures"].items():
        name, part = _TESTS.get(key, ("", ""))
        tested = comparison[part] if part else None
        test = [name, tested["p"]] if tested else [None, None]
        values = [row["first"], row["second"], row["difference"], *(row["interval"] or (None, None))]
        writer.writerow([cell(value) for value in (*who, comparison["shared"], key, *values, *test)])


def _p(value: float) -> str:
    words = "p < 0.0001" if value < 0.0001 else f"p = {value:.4f}"
    return f"{words} ({'a difference' if value < 0.05 else 'no difference shown'} at the 5 % level)"
