"""Figures of an evaluation on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fakescan.reports.evaluation import comparison as about
from fakescan.reports.evaluation import view
from fakescan.reports.evaluation.parts import parts_of
from fakescan.reports.evaluation.view import FIGURES, Document, Row

_IN_TERMINAL = ("accuracy", "real_accuracy", "fake_accuracy", "auroc", "average_precision", "tpr_at_fpr_0.01", "ece")
_MOST_ERRORS = 10


def print_evaluation(documents: Sequence[Document], out: TextIO) -> None:
    """All figures over all images, the main ones by group, texts, and what went wrong.

    Args:
        documents: the evaluation, and any others to stand beside it.
        out: where to.
    """
    document, console = documents[0], _console(out)
    console.print(Text(view.title_of(document), style="bold"))
    for sentence in view.sentences(document):
        console.print(Text(sentence), soft_wrap=True)
    table = _table("figure", "value", "95 % interval")
    for title, value, span in view.overall_rows(document):
        table.add_row(title, value, span)
    console.print(table)
    console.print(_groups(view.group_rows(document), str(document["data"].get("grouped_by") or "group")))
    if matched := view.matched_rows(document):
        console.print(_groups(matched, "of one origin"))
    if len(documents) > 1:
        header, rows = view.paper_table(documents)
        side_by_side = _table(*header)
        for row in rows:
            side_by_side.add_row(*map(Text, row))
        console.print(side_by_side)
    for part in parts_of(documents):
        table = _table(*part.header)
        for line in part.rows:
            table.add_row(*map(Text, line))
        console.print(table)
        if part.note:
            console.print(Text(part.note), soft_wrap=True)
    errors = document["errors"]
    for error in errors[:_MOST_ERRORS]:
        console.print(
            Text(f"no answer: {view.name_of(error['path'])}: {view.name_of(error['message'])}"), soft_wrap=True
        )
    if len(errors) > _MOST_ERRORS:
        console.print(f"... and {len(errors) - _MOST_ERRORS:,} more")


def print_comparison(comparison: Mapping[str, Any], out: TextIO) -> None:
    """Two detectors on the same images.

    Args:
        comparison: as ``document.compare`` makes it.
        out: where to.
    """
    console = _console(out)
    console.print(Text(about.title(comparison)), soft_wrap=True)
    table = _table(*about.HEADER)
    for row in about.rows(comparison):
        table.add_row(*row)
    console.print(table)
    for line in about.sentences(comparison):
        console.print(Text(line), soft_wrap=True)


def print_presets(out: TextIO) -> None:
    """Public test sets: how they lie on disk and where they are.

    Args:
        out: where to.
    """
    from fakescan_trainer.evaluate.presets import PRESETS

    console = _console(out)
    for item in PRESETS:
        console.print(Text.assemble((item.name, "bold"), f"  {item.title}"))
        console.print(f"    {item.where}", soft_wrap=True)
        console.print(f"    {item.steps}", soft_wrap=True)
        for line in item.tree:
            console.print(f"      DATA/{line}" if not item.as_list else f"      {line}", soft_wrap=True)


def _groups(rows: Sequence[Row], head: str) -> Table:
    shown = [(at, figure) for at, figure in enumerate(FIGURES) if figure.key in _IN_TERMINAL]
    table = _table(head, "real", "AI", *(figure.short for _, figure in shown))
    for row in rows:
        style = "" if row.kind == "group" else "bold"
        table.add_row(Text(row.name), row.n_real, row.n_fake, *(row.cells[at] for at, _ in shown), style=style)
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(Text(first), overflow="fold")
    for name in others:
        table.add_column(Text(name), justify="right", overflow="fold")
    return table


def _console(out: TextIO) -> Console:
    return Console(file=out, highlight=False, markup=False, emoji=False)
