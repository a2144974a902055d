"""A scan on a Ray cluster, in the course of which something happens to it.

Takes JSON: ``{"paths", "settings", "kill_at", "stop_at", "cluster"}``, the last one the id of the cluster's process.
Prints JSON: what was killed, what was warned of, and whether the scan was interrupted.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import fakescan
from fakescan.core.records import ImageResult
from tests.support.crews import ACTOR, descendants


class Fate(fakescan.Observer):
    """Kills all workers at one row, and presses Ctrl-C at another."""

    def __init__(self, kill_at: int, stop_at: int, cluster: int) -> None:
        self.kill_at, self.stop_at, self.cluster = kill_at, stop_at, cluster
        self.killed = 0
        self.warnings: list[str] = []

    def result(self, result: ImageResult, done: int, total: int) -> None:
        if done == self.kill_at:
            for process in descendants(ACTOR, self.cluster):
                process.kill()
                self.killed += 1
        if done == self.stop_at:
            raise KeyboardInterrupt

    def warned(self, text: str) -> None:
        self.warnings.append(text)


def main() -> None:
    """Scan once."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    fate = Fate(asked["kill_at"], asked["stop_at"], asked["cluster"])
    scan = fakescan.run_scan(asked["paths"], observer=fate, engine_name="ray", **asked["settings"])
    said = {"killed": fate.killed, "warnings": fate.warnings, "interrupted": scan.interrupted}
    sys.stdout.write(json.dumps({**said, "engine": scan.model and scan.model.engine}) + "\n")


if __name__ == "__main__":
    main()
