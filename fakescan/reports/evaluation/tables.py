"""An evaluation as CSV, Markdown and LaTeX."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from fakescan.reports.csv import cell
from fakescan.reports.evaluation import view
from fakescan.reports.evaluation.parts import TEXT_FIGURES, parts_of
from fakescan.reports.evaluation.view import FIGURES, Document, Row
from fakescan.reports.markdown import prose

_COLUMNS = ("name", "kind", "n", "n_real", "n_fake", "n_without_score", *(figure.key for figure in FIGURES))
_MORE_COLUMNS = ("n_texts", *(figure.key for figure in TEXT_FIGURES), "flips", "fluctuation", "sentences", "mean_mark")
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "→": r"$\rightarrow$", "–": "--",  # noqa: RUF001
}  # fmt: skip
_IN_LATEX = tuple(figure for figure in FIGURES if figure.key in {
    "accuracy", "real_accuracy", "fake_accuracy", "auroc", "average_precision", "tpr_at_fpr_0.01", "ece", "brier",
})  # fmt: skip
"""As many columns as a page takes."""


def write_csv(documents: Sequence[Document], out: TextIO) -> None:
    """A row for each group with every figure and its interval; opens in spreadsheets and runs nothing there.

    Changed pictures, rounds and people's marks are rows of their own kinds (``change``, ``round``, ``marks``).

    Args:
        documents: evaluations.
        out: a text stream that leaves line ends alone.
    """
    spans = [f"{figure.key}_{end}" for figure in FIGURES for end in ("low", "high")]
    writer = csv.writer(out, lineterminator="\r\n")
    out.write("\ufeff")
    writer.writerow(["detector", "data", *_COLUMNS, *spans, *_MORE_COLUMNS])
    for document in documents:
        rows = [(name, "group", found) for name, found in document["groups"].items()]
        rows += [("", "average", document["average"]), ("", "overall", document["overall"]), *_more_rows(document)]
        for name, kind, found in rows:
            values = [name, kind, *(found.get(key) for key in _COLUMNS[2:])]
            intervals = found.get("intervals") or {}
            edges = [edge for figure in FIGURES for edge in intervals.get(figure.key) or (None, None)]
            more = [found.get(key) for key in _MORE_COLUMNS]
            line = [document["detector"]["name"], document["data"]["name"], *values, *edges, *more]
            writer.writerow([cell(value) for value in line])


def _more_rows(document: Document) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for row in (document.get("robustness") or {}).get("variants") or ():
        yield row["name"], "change", row
    for found in (document.get("consistency") or {}).get("temperatures") or ():
        for row in found["rounds"]:
            name = f"temperature {float(found['temperature']):g}, round {int(row['round'])}"
            yield name, "round", {"n": found["images"], **row}
    marks = document.get("human") or {}
    for part in ("groups", "raters"):
        for name, row in (marks.get(part) or {}).items():
            yield f"rater {name}" if part == "raters" else name, "marks", {**row, "mean_mark": row["mean"]}


def write_markdown(documents: Sequence[Document], out: TextIO) -> None:
    """Tables for a README or an issue.

    Args:
        documents: the evaluation, and any others to stand beside it.
        out: a text stream.
    """
    document = documents[0]
    lines = [f"## {prose(view.title_of(document))}", ""]
    lines += [f"- {prose(sentence)}" for sentence in view.sentences(document)]
    lines += ["", "| figure | value | 95 % interval |", "|---|---|---|"]
    lines += [f"| {prose(title)} | {value} | {span} |" for title, value, span in view.overall_rows(document)]
    lines += ["", *_markdown_rows(view.group_rows(document))]
    if matched := view.matched_rows(document):
        lines += ["", "Real and AI-generated images of one origin:", "", *_markdown_rows(matched)]
    header, rows = view.paper_table(documents)
    lines += ["", "Accuracy in percent:", "", markdown_line(header), "|" + "---|" * len(header)]
    lines += [markdown_line(row) for row in rows]
    for part in parts_of(documents):
        lines += ["", f"{prose(part.title)}:", "", markdown_line(part.header), "|" + "---|" * len(part.header)]
        lines += map(markdown_line, part.rows)
        lines += ["", prose(part.note)] * bool(part.note)
    out.write("\n".join(lines) + "\n")


def write_latex(documents: Sequence[Document], out: TextIO) -> None:
    """Tables in the paper's form: figures by group, the accuracy of each detector on each group, and all others.

    Args:
        documents: the evaluation, and any others to stand beside it.
        out: a text stream.
    """
    document = documents[0]
    heads = ["Group", "$n$", *(latex(figure.short) for figure in _IN_LATEX)]
    lines = ["% needs \\usepackage{booktabs}", *_latex_start("l" + "r" * (len(heads) - 1), heads)]
    lines += _latex_groups(view.group_rows(document))
    lines += _latex_end(f"{view.title_of(document)}. Shares in percent.")
    if matched := view.matched_rows(document):
        lines += ["", *_latex_start("l" + "r" * (len(heads) - 1), heads), *_latex_groups(matched)]
        lines += _latex_end("Real and AI-generated images of one origin. Shares in percent.")
    header, rows = view.paper_table(documents)
    lines += ["", *latex_table(header, rows, "Accuracy in percent.")]
    figures = view.overall_rows(document)
    lines += ["", *latex_table(("figure", "value", "95 % interval"), figures, f"{view.title_of(document)}.")]
    for part in parts_of(documents):
        lines += ["", *latex_table(part.header, part.rows, f"{part.title}. {part.note}".strip())]
    out.write("\n".join(lines) + "\n")


def latex(text: str) -> str:
    r"""Text with everything escaped that LaTeX would act on.

    Args:
        text: safe to show (``visible``).
    """
    return "".join(_LATEX.get(char, char) for char in text)


def latex_table(header: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> list[str]:
    """The lines of a table whose first column is text.

    Args:
        header: over the columns; safe to show, as is everything here.
        rows: of the table.
        caption: below it.
    """
    lines = _latex_start("l" + "r" * (len(header) - 1), [latex(name) for name in header])
    return [*lines, *(" & ".join(map(latex, row)) + r" \\" for row in rows), *_latex_end(caption)]


def markdown_line(cells: Sequence[str]) -> str:
    """A row of a table.

    Args:
        cells: safe to show.
    """
    return "| " + " | ".join(prose(text) for text in cells) + " |"


def _latex_groups(rows: Sequence[Row]) -> list[str]:
    lines: list[str] = []
    for row in rows:
        if row.kind != "group" and lines and lines[-1] != r"\midrule":
            lines.append(r"\midrule")
        images = sum(int(part.replace(",", "")) for part in (row.n_real, row.n_fake) if part)
        cells = [row.cells[FIGURES.index(figure)] for figure in _IN_LATEX]
        lines.append(" & ".join([latex(row.name), str(images or ""), *map(latex, cells)]) + r" \\")
    return lines


def _latex_start(columns: str, heads: Sequence[str]) -> list[str]:
    rule = [r"\toprule", " & ".join(heads) + r" \\", r"\midrule"]
    return [r"\begin{table}", r"\centering", rf"\begin{{tabular}}{{{columns}}}", *rule]


def _latex_end(caption: str) -> list[str]:
    return [r"\bottomrule", r"\end{tabular}", rf"\caption{{{latex(caption)}}}", r"\end{table}"]


def _markdown_rows(rows: Sequence[Row]) -> list[str]:
    heads = ["group", "real", "AI", *(figure.short for figure in FIGURES)]
    lines = [markdown_line(heads), "|---|" + "---:|" * (len(heads) - 1)]
    return [*lines, *(markdown_line([row.name, row.n_real, row.n_fake, *row.cells]) for row in rows)]
