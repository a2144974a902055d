"""Every command's own help, put below what docs/cli.md says of it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from fakescan.cli.app import COMMANDS, build

_HEADING = re.compile(r"^## `fakescan ([^`]*)`$", re.MULTILINE)
_ARGUMENT = re.compile(r"[A-Z\[]")
_STYLE = re.compile(r"\[/?(?:bold|italic|dim|cyan|green|yellow|red)\]")
_WIDTH = 88


def helps() -> dict[str, str]:
    """What ``--help`` says, as plain text, by the words that call a command (``"trust update"``)."""
    return dict(_all_helps())


def with_helps(page: str) -> str:
    """The page with each command's help at the end of its section.

    Args:
        page: docs/cli.md.

    Raises:
        ValueError: a command has no section, or a section no command.
    """
    texts = helps()
    described = [_words(heading.group(1)) for heading in _HEADING.finditer(page)]
    if sorted(described) != sorted(texts):
        odd = sorted(set(described) ^ set(texts)) or described
        raise ValueError(f"docs/cli.md and the commands differ: {', '.join(odd)}")
    head, *rest = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    done = [head]
    for part in rest:
        heading = _HEADING.match(part)
        done.append(part if heading is None else f"{part.rstrip()}\n\n{_folded(texts, _words(heading.group(1)))}\n\n")
    return "".join(done)


def _words(heading: str) -> str:
    """The words that call a command, without its arguments: ``trust show [LIST]`` is ``trust show``."""
    words = heading.split()
    return " ".join(words[: next((at for at, word in enumerate(words) if _ARGUMENT.match(word)), len(words))])


def _folded(texts: dict[str, str], words: str) -> str:
    summary = f"What <code>fakescan {html.escape(words)} --help</code> prints"
    return f'<details class="own-help"><summary>{summary}</summary>\n\n```text\n{texts[words]}\n```\n\n</details>'


def _all_helps() -> Iterator[tuple[str, str]]:
    for name in COMMANDS:
        # Typer carries a click of its own, whose classes are not those of the package click.
        group: Any = get_command(build(name))
        yield from _walk(group.commands[name], name, group.context_class(group, info_name="fakescan"))


def _walk(command: Any, words: str, parent: Any) -> Iterator[tuple[str, str]]:
    context = command.context_class(
        command, info_name=words.split()[-1], parent=parent, terminal_width=_WIDTH, max_content_width=_WIDTH
    )
    children = getattr(command, "commands", None)
    if children is not None:
        for name, child in children.items():
            yield from _walk(child, f"{words} {name}", context)
        return
    command.rich_markup_mode = None  # Typer then writes plain text, without boxes
    yield words, _STYLE.sub("", command.get_help(context)).strip()
