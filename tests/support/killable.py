"""Starts real scans at once: imports the model's libraries first, then forks for each command it is told.

A program of its own, for systems with ``fork``: starting twenty scans from nothing would take most of the time that
the test has. Each line on stdin is JSON, ``{"arguments": [...], "environment": {...}}``; for each, a line with the
process's id is printed at once, and one with what ended it later (its exit code, or minus the signal).
"""

from __future__ import annotations

import json
import os
import sys
from typing import NoReturn

import fakescan.cli.scan
import fakescan.engines.plain
import fakescan.model.checkpoints.huggingface
import fakescan.model.checkpoints.ours
from fakescan.cli import app

__all__ = ["fakescan"]


def scan(arguments: list[str], environment: dict[str, str]) -> NoReturn:
    """Become a scan."""
    os.environ.update(environment)
    nowhere = os.open(os.devnull, os.O_RDWR)
    log = os.open(environment["SCAN_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream, target in ((0, nowhere), (1, nowhere), (2, log)):
        os.dup2(target, stream)
    code = 70
    try:
        code = app.run(arguments)
    finally:
        sys.stderr.flush()
        os._exit(code)


def _say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until stdin ends."""
    _say("ready")
    for line in sys.stdin:
        asked = json.loads(line)
        process = os.fork()
        if process == 0:
            scan(asked["arguments"], asked["environment"])
        _say(process)
        _say(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))


if __name__ == "__main__":
    main()
