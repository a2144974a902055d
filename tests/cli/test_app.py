"""The command line itself: lazy, quick, helpful, and honest in its exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import typer

from fakescan.cli import app
from fakescan.cli.exits import shell_line
from fakescan.errors import ConfigError, InputError
from fakescan.version import __version__

HELP = [
    ["--help"],
    ["scan", "--help"],
    ["report", "--help"],
    ["model", "--help"],
    ["model", "info", "--help"],
    ["model", "verify", "--help"],
    ["config", "--help"],
    ["config", "show", "--help"],
    ["schema", "--help"],
    ["doctor", "--help"],
    ["train", "--help"],
]


def python(code: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_line_leaves_heavy_libraries_alone(repository: Path) -> None:
    code = (
        "import sys, fakescan.cli.app as app\n"
        "for name in sys.argv[1:]: app.build(name)\n"
        "print([name for name in ('torch', 'transformers', 'numpy') if name in sys.modules])"
    )
    done = python(code, *app.COMMANDS, cwd=repository)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")


def test_importing_fakescan_is_light(repository: Path) -> None:
    code = (
        "import sys, fakescan\n"
        "heavy = ('torch', 'transformers', 'numpy', 'PIL', 'rich', 'typer', 'jinja2', 'sqlite3')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    assert python(code, cwd=repository).stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", HELP, ids=" ".join)
def test_every_help_has_an_example(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(arguments) == 0
    out, err = capsys.readouterr()
    assert "Example: fakescan " in out
    assert err == ""


@pytest.mark.parametrize("arguments", HELP, ids=" ".join)
def test_a_help_loads_nothing_of_weight(repository: Path, arguments: list[str]) -> None:
    # What makes --help quick; its seconds are measured in benchmarks/help_speed.py.
    code = (
        "import atexit, sys\n"
        "heavy = ('torch', 'transformers', 'numpy', 'PIL', 'jinja2', 'httpx')\n"
        "atexit.register(lambda: print([name for name in heavy if name in sys.modules], file=sys.stderr))\n"
        "from fakescan.cli.app import main; main(sys.argv[1:])"
    )
    done = python(code, *arguments, cwd=repository)
    assert (done.returncode, done.stderr) == (0, "[]\n")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["model", "list"], 0, "nano"),
        (["model", "info", "nope"], 2, "no model named 'nope'"),
        (["model", "verify", "nope"], 2, "no model named 'nope'"),
        (["train", "nope"], 2, "no recipe 'nope'"),
    ],
    ids=str,
)
def test_what_needs_no_model_library_loads_none(repository: Path, arguments: list[str], code: int, words: str) -> None:
    program = (
        "import atexit, sys\n"
        "atexit.register(lambda: print([n for n in ('torch', 'transformers') if n in sys.modules], file=sys.stderr))\n"
        "from fakescan.cli.app import main; main(sys.argv[1:])"
    )
    done = python(program, *arguments, cwd=repository)
    assert done.returncode == code
    assert words in done.stdout + done.stderr
    assert done.stderr.endswith("[]\n")


def test_the_list_of_commands_is_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    app.run(["--help"])
    out = capsys.readouterr().out
    for name, command in app.COMMANDS.items():
        assert f" {name} " in out
        assert command.help.split(".")[0][:30] in out


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_version(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run([flag]) == 0
    assert capsys.readouterr().out == f"fakescan {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["scn"], "Did you mean 'scan'"),
        (["--nope"], "No such option"),
        (["scan", "--nope", "x"], "No such option"),
        (["report"], "Missing argument"),
        (["schema", "extra"], "unexpected extra argument"),
        (["scan"], "nothing to scan was given"),
    ],
    ids=str,
)
def test_wrong_usage_is_2_and_told(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words.lower() in err.lower()
    assert "hint: " in err


def test_no_arguments_show_the_help_and_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run([]) == 2
    out, err = capsys.readouterr()
    assert "Usage: fakescan" in out
    assert err == ""


def raising(fault: BaseException) -> Callable[[], NoReturn]:
    def command() -> NoReturn:
        raise fault

    return command


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (InputError("no images found", "check the paths"), 2, ["error: no images found", "hint: check the paths"]),
        (ConfigError(["one", "two"]), 2, ["error: one", "error: two"]),
        (ValueError("a bug"), 2, ["internal error: ValueError: a bug", "--debug"]),
        (MemoryError(), 2, ["internal error: MemoryError"]),
        (RecursionError(), 2, ["internal error"]),
        (OSError(5, "Input/output error"), 2, ["internal error: OSError"]),
        (BrokenPipeError(32, "Broken pipe"), 2, []),
        (SystemExit(1), 2, []),
        (SystemExit("text"), 2, []),
        (KeyboardInterrupt(), 130, []),
        (EOFError(), 130, []),
        (typer.Abort(), 130, []),
        (typer.Exit(3), 3, []),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_whatever_happens_has_its_exit_code(
    fault: BaseException,
    code: int,
    words: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fakescan.cli.schema_cmd.schema", raising(fault))
    assert app.run(["schema"]) == code
    err = capsys.readouterr().err
    assert all(word in err for word in words)
    assert "Traceback" not in err


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakescan.cli.schema_cmd.schema", raising(ValueError("a bug")))
    assert app.run(["--debug", "schema"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_messages_cannot_steer_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakescan.cli.schema_cmd.schema", raising(InputError("bad \x1b[31m\n\udcff\u202e name", "x")))
    app.run(["schema"])
    first, second = capsys.readouterr().err.splitlines()
    assert first.isprintable()
    assert second == "hint: x"


def test_a_closed_pipe_is_no_clean_end(repository: Path) -> None:
    code = "import sys, os; os.close(1); from fakescan.cli.app import main; main(['schema'])"
    assert python(code, cwd=repository).returncode == 2


def test_leaving_the_process_carries_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakescan.cli.schema_cmd.schema", raising(typer.Exit(3)))
    with pytest.raises(SystemExit) as caught:
        app.main(["schema"])
    assert caught.value.code == 3


def test_completion_knows_commands_and_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def complete(words: str) -> str:
        monkeypatch.setenv("_FAKESCAN_COMPLETE", "complete_zsh")
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", words)
        assert app.run([]) == 0
        return capsys.readouterr().out

    assert "doctor" in complete("fakescan d")
    assert "--reasoning" in complete("fakescan scan --rea")
    assert "flagged" in complete("fakescan scan --reasoning f")


def test_schema_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    assert app.run(["schema"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["properties"]["schema_version"] == {
        "const": "1",
        "description": "Changes when a member changes its meaning or goes away.",
    }


def test_a_console_of_an_old_code_page_gets_escapes_and_no_fault(repository: Path, tmp_path: Path) -> None:
    environment = os.environ | {
        "PYTHONIOENCODING": "cp1252",
        "FAKESCAN_EXCLUDE": "日本",
        "PYTHONPATH": os.pathsep.join([str(repository), str(repository / "trainer")]),
    }
    command = [sys.executable, "-m", "fakescan", "config", "show"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0
    assert b"\\u65e5\\u672c" in done.stdout


@pytest.mark.parametrize(("platform", "quoted"), [("linux", "'a b'"), ("win32", '"a b"')])
def test_commands_are_quoted_as_the_system_takes_them(
    monkeypatch: pytest.MonkeyPatch, platform: str, quoted: str
) -> None:
    monkeypatch.setattr("fakescan.cli.exits.sys.platform", platform)
    assert shell_line(["fakescan", "report", "a b"]) == f"fakescan report {quoted}"
