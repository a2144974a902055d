"""Exit codes (CONTRACT.md), and how a fault is told: one line what and where, one line what to do."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence

from fakescan.errors import ConfigError, FakescanError

CLEAN = 0
FINDINGS = 1
FAILED = 2
INCOMPLETE = 3
INTERRUPTED = 130


def explain_fault(fault: Exception) -> int:
    """Tell the user what ended the run.

    Args:
        fault: anything that was raised.

    Returns:
        The exit code.
    """
    if isinstance(fault, ConfigError):
        for line in fault.faults:
            say(f"error: {line}")
        say(fault.hint and f"hint: {fault.hint}")
    elif isinstance(fault, FakescanError):
        say(f"error: {fault.message}")
        say(fault.hint and f"hint: {fault.hint}")
    elif hasattr(fault, "format_message"):
        # Wrong usage, as Typer tells it; empty when it has shown the help instead.
        if not fault.format_message():
            return FAILED
        say(f"error: {fault.format_message()}")
        say("hint: `fakescan --help` and `fakescan COMMAND --help` show what there is")
    else:
        text = str(fault) or "no message"
        say(f"error: internal error: {type(fault).__name__}: {text}")
        say("hint: run the same again with --debug and report what it shows")
    return FAILED


def say(line: str) -> None:
    """Print one line to stderr; nothing when it is empty.

    Args:
        line: may hold names and values from files: what could steer a terminal is escaped.
    """
    if line:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{one_line(line)}\n")


def one_line(text: str) -> str:
    """The text with everything that is not printable escaped, on one line.

    Args:
        text: anything.
    """
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def shell_line(words: Sequence[str]) -> str:
    """Words as they are typed at this system's command line.

    Args:
        words: the program and its arguments.
    """
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def spell_out_what_the_console_lacks() -> None:
    """A console or pipe of an older code page gets an escape for a character that it lacks, instead of an end."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def flush_or_forget() -> bool:
    """Flush stdout before Python does it at exit, where a closed pipe would end in another exit code.

    Returns:
        Whether everything was written.
    """
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii") if not 0xDC80 <= ord(char) <= 0xDCFF else "\ufffd"
