"""Fuzz every parser of hostile bytes for a given time, round after round, each with another seed.

    python -m tests.support.fuzz_run [SECONDS]

The files are those tests that ask for hypothesis's ``FUZZED``. Ends with 1 at the first finding; hypothesis prints the
smallest example and keeps it for the next run.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path
from time import monotonic

_EXAMPLES = "200"
_ROOT = Path(__file__).parents[2]


def main() -> int:
    """Run rounds until the time is over; the last one is ended where it stands."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0
    files = [
        str(path)
        for path in sorted((_ROOT / "tests" / "unit").rglob("test_*.py"))
        if "tests.support.fuzz import" in path.read_text("utf-8")
    ]
    end, rounds = monotonic() + seconds, 0
    while (left := end - monotonic()) > 0:
        seed = secrets.randbelow(2**32)
        command = [sys.executable, "-m", "pytest", "-q", "-x", f"--hypothesis-seed={seed}", *files]
        try:
            done = subprocess.run(
                command, cwd=_ROOT, env={"FUZZ_EXAMPLES": _EXAMPLES} | os.environ, timeout=left, check=False
            )
        except subprocess.TimeoutExpired:
            break
        if done.returncode:
            return 1
        rounds += 1
    sys.stdout.write(f"{rounds} whole rounds over {len(files)} files, nothing found\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
