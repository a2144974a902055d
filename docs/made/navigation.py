"""The navigation of the site. A new page of docs/ needs no entry here: it stands under "More"."""

from __future__ import annotations

from collections.abc import Collection, Iterator

ROOT_PAGE = "docs/index"
MODELS = "Models"
MEASUREMENTS = "Measurements"
MORE = "More"

_SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Start", ("README", "docs/journalist", "docs/ci-job", "docs/analyst")),
    ("Understand", ("docs/reading", "docs/faq", "docs/method", "docs/evidence", "docs/kinds", "docs/legal")),
    (
        "Use",
        ("docs/html-report", "docs/checks", "docs/ci", "docs/python", "docs/files", "docs/eval", "docs/scale"),
    ),
    ("Reference", ("docs/cli", "docs/formats", "docs/report", "docs/json-schema")),
    (MODELS, ("docs/models", "docs/own-model", "docs/data", "trainer/README")),
    (MORE, ()),
    (MEASUREMENTS, ()),
    ("Project", ("CONTRIBUTING", "CHANGELOG", "samples/CREDITS")),
)
_TITLES = {
    "README": "Overview and installation",
    "docs/journalist": "For journalists",
    "docs/ci-job": "For CI jobs",
    "docs/analyst": "For analysts",
    "samples/CREDITS": "Credits of the samples",
    "trainer/README": "Training",
}
"""Where a page's own title is too long for the side, or says too little there."""
_CARD = "/MODEL_CARD"


def sections(pages: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    """Every section that has pages, with its pages in their order.

    Args:
        pages: all pages that there are, without suffix; those that are named nowhere go to "Models" (a model's card),
            "Measurements" (what benchmarks wrote) or "More".
    """
    named = {page for _, names in _SECTIONS for page in names} | {ROOT_PAGE}
    others = sorted(set(pages) - named)
    for title, names in _SECTIONS:
        found = [page for page in names if page in pages]
        found += [page for page in others if _section_of(page) == title]
        if found:
            yield title, found


def contents(pages: Collection[str]) -> str:
    """The navigation as hidden tables of contents, to stand at the end of the first page.

    Args:
        pages: all pages that there are, without suffix.
    """
    return "".join(
        "\n\n```{toctree}\n:hidden:\n:caption: " + title + "\n\n" + "\n".join(map(_entry, found)) + "\n```\n"
        for title, found in sections(pages)
    )


def _section_of(page: str) -> str:
    """Where a page goes that the table does not name."""
    if page.endswith(_CARD):
        return MODELS
    return MEASUREMENTS if page.startswith("benchmarks/") else MORE


def _entry(page: str) -> str:
    if page.endswith(_CARD):
        return f"Model card: {page.split('/')[-2]} </{page}>"
    return f"{_TITLES[page]} </{page}>" if page in _TITLES else f"/{page}"
