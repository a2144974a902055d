"""The tables that ``ablations.py`` fills: which rows each has, in the paper's order and form."""

from __future__ import annotations

from dataclasses import dataclass

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the tables."""

    name: str
    """Of the ablation; ``all`` for the whole recipe, ``zero-shot`` for the start before it saw a label."""
    cells: dict[str, str]
    """Table to what stands before its figures."""


ROWS = (
    Row("zero-shot", {"4": "base with aligned projector"}),
    Row("all", {"4": "with reasoning CoT", "5": "✓ | ✓ | ✓", "6": "✓ | ✓", "leak": "without the sentence"}),
    Row("lm-only", {"5": "✓ | - | -"}),
    Row("no-cpm", {"5": "✓ | ✓ | -"}),
    Row("no-facl", {"5": "✓ | - | ✓"}),
    Row("no-reasoning", {"4": "without reasoning"}),
    Row("no-cot", {"4": "without reasoning CoT"}),
    Row("projector-only", {"6": "✓ | -"}),
    Row("language-only", {"6": "- | ✓"}),
    Row("leak", {"leak": "with the sentence"}),
)
"""In the order in which they are run; the first two are needed to read any other."""

HEADS = {"4": "variants", "5": "LM | FAC | BCE", "6": "projection | LLM", "leak": "REASONING"}
ORDER = {
    "4": ("zero-shot", "no-reasoning", "no-cot", "all"), "5": ("lm-only", "no-cpm", "no-facl", "all"),
    "6": ("projector-only", "language-only", "all"), "leak": ("all", "leak"),
}  # fmt: skip
"""Rows of each table in the paper's order."""
COLUMNS = {
    "parameters": "parameters", "auc": "AUC", "fake": "AI-generated", "real": "real", "accuracy": "AVG", "css": "CSS",
    "follows": "verdict follows the sentence", "after_auc": "AUC after text, no sentence", "seconds": "seconds",
}  # fmt: skip
ONLY = {"parameters": "6", "follows": "leak", "after_auc": "leak"}
"""Columns of one table."""


def _cell(key: str, figures: Figures) -> str:
    value = figures.get(key)
    if value is None:
        return "-"
    if key == "parameters":
        return f"{value / 1e6:.1f}M"
    if key == "seconds":
        return f"{value:.0f}"
    return f"{100 * value:.1f}" if key in {"fake", "real", "accuracy", "follows"} else f"{value:.3f}"


def tables(finished: dict[str, Figures]) -> list[str]:
    """All tables in the paper's form, as Markdown; a row that is not finished is told as such."""
    rows, lines = {row.name: row for row in ROWS}, []
    for table, names in ORDER.items():
        keys = [key for key in COLUMNS if ONLY.get(key, table) == table]
        lines += [f"Table {table}" if table != "leak" else '"Therefore, this image is ..." in REASONING', ""]
        lines.append(f"| {HEADS[table]} | " + " | ".join(COLUMNS[key] for key in keys) + " |")
        lines.append("|---" * (HEADS[table].count("|") + 1 + len(keys)) + "|")
        for name in names:
            figures = finished.get(name)
            cells = [_cell(key, figures) for key in keys] if figures else ["not run"] + [""] * (len(keys) - 1)
            lines.append(f"| {rows[name].cells[table]} | " + " | ".join(cells) + " |")
        lines.append("")
    return lines
