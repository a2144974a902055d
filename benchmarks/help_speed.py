"""How long ``fakescan COMMAND --help`` takes, against a Python that only imports typer and rich.

    python benchmarks/help_speed.py [--runs 5]

Processor time and elapsed time of a fresh process, the median of the runs, with the modules compiled before, as an
installation has them. It is to stay below a second.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from fakescan.cli.app import COMMANDS

_BASELINE = "import typer, rich.console"
_HELP = "import sys; from fakescan.cli.app import main; main(sys.argv[1:])"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as compiled:
        measure(given.runs, {**kept, "PYTHONPYCACHEPREFIX": compiled})


def measure(runs: int, environment: dict[str, str]) -> None:
    """Print a row for the baseline and for each command."""
    base_cpu_s, base_wall_s = timed([_BASELINE], runs, environment)
    print("| | processor s | elapsed s | by the baseline (processor) |\n|---|---:|---:|---:|")
    print(f"| import typer, rich | {base_cpu_s:.2f} | {base_wall_s:.2f} | 1.0 |")
    for name in ("", *COMMANDS):
        words = [*([name] if name else []), "--help"]
        cpu_s, wall_s = timed([_HELP, *words], runs, environment)
        print(f"| fakescan {' '.join(words)} | {cpu_s:.2f} | {wall_s:.2f} | {cpu_s / base_cpu_s:.1f} |")


def timed(arguments: list[str], runs: int, environment: dict[str, str]) -> tuple[float, float]:
    """Processor and elapsed seconds of ``python -c`` with these arguments, medians; a first run only compiles."""
    cpu_s, wall_s = [], []
    for _ in range(1 + runs):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [sys.executable, "-c", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)  # noqa: S603 (ours)
        wall_s.append(time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(cpu_s[1:]), statistics.median(wall_s[1:])


if __name__ == "__main__":
    main()
