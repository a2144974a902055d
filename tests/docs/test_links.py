"""Links between the project's own pages lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/cli.md",
    "docs/data.md",
    "docs/eval.md",
    "docs/evidence.md",
    "docs/html-report.md",
    "docs/files.md",
    "docs/kinds.md",
    "docs/models.md",
    "docs/python.md",
    "docs/report.md",
    "trainer/README.md",
)


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_to_files(page: str, repository: Path) -> None:
    text = (repository / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    missing = [
        target
        for target in targets
        if not re.match(r"[a-z]+:", target) and not ((repository / page).parent / target).exists()
    ]
    assert not missing
