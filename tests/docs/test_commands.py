"""Every command and option is described in docs/cli.md, has an example in its help, and asks for no torch."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from fakescan.cli.app import COMMANDS, build

UNDOCUMENTED_OPTIONS = {"--help", "--debug", "--install-completion", "--show-completion"}
"""Those of every command, described once at the page's top."""


def walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """A command, or every command of a group, with the words that call it."""
    children = getattr(command, "commands", None)
    if children is None:
        yield words, command
    else:
        for name, child in children.items():
            yield from walk(child, (*words, name))


def all_commands() -> list[tuple[str, Any]]:
    """Every command that can be called: its words, joined, and the command."""
    found = []
    for name in COMMANDS:
        group: Any = get_command(build(name))
        found += [(" ".join(words), command) for words, command in walk(group.commands[name], ("fakescan", name))]
    return found


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "cli.md").read_text(encoding="utf-8")


def section(page: str, command: str) -> str:
    """What the page says about a command: from its heading to the next one of that level."""
    match = re.search(rf"^## `{re.escape(command)}\b[^`]*`$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return match.group(1) if match else ""


def test_the_table_of_commands_was_walked() -> None:
    commands = {name for name, _ in all_commands()}
    assert "fakescan scan" in commands
    assert {name.split()[1] for name in commands} == set(COMMANDS)


@pytest.mark.parametrize(("name", "command"), all_commands())
def test_every_command_and_option_is_described(page: str, name: str, command: Any) -> None:
    text = section(page, name)
    assert text, f"docs/cli.md has no section `{name}`"
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
    missing = {option for option in options - UNDOCUMENTED_OPTIONS if not re.search(rf"`{option}[ `]", text)}
    assert not missing


@pytest.mark.parametrize(("name", "command"), all_commands())
def test_no_option_is_described_that_does_not_exist(page: str, name: str, command: Any) -> None:
    described = set(re.findall(r"^\| `(?:-\w, )?(?:-\w`, `)?(--[a-z0-9-]+)", section(page, name), re.MULTILINE))
    assert described <= {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize(("name", "command"), all_commands())
def test_every_help_has_an_example(name: str, command: Any) -> None:
    assert re.search(rf"Example:.*{name}", command.help or "", re.DOTALL)


def options_of(words: str) -> dict[str, Any]:
    """The options of a command by their longest name."""
    (command,) = [command for name, command in all_commands() if name == words]
    return {max(parameter.opts, key=len): parameter for parameter in command.params}


def test_help_promises_nothing_that_a_command_does_not_do() -> None:
    for name in ("fakescan eval", "fakescan calibrate", "fakescan report", "fakescan replay"):
        options = options_of(name)
        assert "paths of findings" not in options["--quiet"].help, name
        if "--device" in options:
            assert "all" not in options["--device"].metavar, f"{name} runs on one device"
        if "--engine" in options:
            assert "ray" not in options["--engine"].help, f"{name} runs on no cluster"
    assert "paths of findings" in options_of("fakescan merge")["--quiet"].help
    assert "transformers" in options_of("fakescan eval")["--engine"].help


def test_the_readme_names_the_commands_of_everyday_use(repository: Path) -> None:
    readme = (repository / "README.md").read_text(encoding="utf-8")
    fenced = "".join(re.findall(r"^```\w*$(.*?)^```$", readme, re.MULTILINE | re.DOTALL))
    called = set(re.findall(r"^(?:\S*/)?fakescan ([a-z]+)", fenced, re.MULTILINE))
    assert "scan" in called
    assert called <= set(COMMANDS)


@pytest.mark.parametrize("module", ["fakescan", "fakescan.cli.app"])
def test_importing_leaves_torch_unloaded(module: str, repository: Path) -> None:
    code = f"import sys, {module}; print(sorted({{'torch', 'transformers', 'PIL.Image'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert "torch" not in done.stdout
    assert "transformers" not in done.stdout


def test_the_questions_name_everything_that_uses_the_network(repository: Path) -> None:
    text = (repository / "docs" / "faq.md").read_text(encoding="utf-8")
    answer = text.partition("## Does anything leave my computer?")[2].partition("\n## ")[0]
    says_so = {
        name.removeprefix("fakescan ")
        for name, command in all_commands()
        if re.search(r"[Uu]ses the network|are sent|is sent|Sends? ", f"{command.help} {options_in_words(command)}")
    }
    assert {"scan", "trust update", "model download", "model push", "bundle"} <= says_so
    for name in says_so - {"scan"}:
        assert f"`{name}" in answer, name
    for way in ("s3://", "--engine openai", "--engine ray"):
        assert way in answer


def options_in_words(command: Any) -> str:
    """The help of every option of a command."""
    return " ".join(getattr(parameter, "help", None) or "" for parameter in command.params)
