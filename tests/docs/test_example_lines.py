"""Command lines in the pages call commands that exist, with options that these commands have."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.docs.test_commands import all_commands

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")])
OPTIONS = {
    name: {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for name, command in all_commands()
}


def lines(page: Path) -> list[list[str]]:
    """The words of every ``fakescan`` line in a fenced block, up to a pipe or a redirection."""
    fenced = re.findall(r"^```(?:sh)?$\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    joined = "\n".join(fenced).replace("\\\n", " ")
    called = re.findall(r"^(?:\S*/)?(fakescan [^|>\n]+)", joined, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in called]


def test_there_are_lines_to_check() -> None:
    assert sum(len(lines(page)) for page in PAGES) > 30
    assert all(lines(REPOSITORY / "docs" / name) for name in ("journalist.md", "ci-job.md", "analyst.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_line_calls_a_command_with_its_own_options(page: Path) -> None:
    for words in lines(page):
        named = [name for name in OPTIONS if words[: len(name.split())] == name.split()]
        assert len(named) == 1, words
        used = {word.split("=", 1)[0] for word in words if re.match(r"--?[a-zA-Z]", word)}
        assert used <= OPTIONS[named[0]], words
