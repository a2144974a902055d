"""``--gate``, ``--baseline`` and ``--relative-to``: read before a scan, so that a fault in them costs nobody a scan."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fakescan.cli.exits import say
from fakescan.core.records import Scan
from fakescan.desk import baseline as baselines
from fakescan.desk import gate as gates
from fakescan.desk.judge import judge
from fakescan.errors import ConfigError
from fakescan.reports import places
from fakescan.reports.judgement import FindingKind, Judgement

_MOST_TOLD = 20
"""Findings of a gate file that are told on the terminal."""


@dataclass(frozen=True, slots=True)
class Check:
    """What decides which findings fail."""

    gate: gates.Gate | None
    """Rules by path, or None."""
    baseline: baselines.Baseline | None
    """What was accepted, or None."""
    base: str | None
    """Absolute folder that the user named for paths to start at, or None."""

    def base_for(self, scan: Scan) -> str | None:
        """Folder that paths start at in reports; None: where the scan was started.

        Args:
            scan: a finished or interrupted scan.
        """
        return self.base or places.base_of(scan)

    def judge(self, scan: Scan) -> Judgement:
        """What counts against a scan.

        Args:
            scan: a finished or interrupted scan.

        Raises:
            ConfigError: when paths cannot start at the folder that the user named.
        """
        if scan.results:
            check_base(self.base, scan.root)
        return judge(scan, gate=self.gate, baseline=self.baseline, base=self.base)


def read_check(gate: str | None, baseline: str | None, relative_to: str | None) -> Check:
    """Read the files that decide.

    Args:
        gate: the gate file, or None.
        baseline: the baseline, or None.
        relative_to: folder that paths start at, or None.

    Raises:
        ConfigError: for faults of the gate file.
        InputError: for a baseline that is none.
    """
    return Check(
        gates.read(Path(gate), with_baseline=baseline is not None) if gate else None,
        baselines.read(Path(baseline)) if baseline else None,
        absolute(relative_to),
    )


def absolute(folder: str | None) -> str | None:
    """What ``--relative-to`` names, seen from the root of the file system.

    Args:
        folder: as typed, or None.
    """
    return os.path.abspath(folder) if folder else None  # noqa: PTH100 (takes out "..", and leaves links alone)


def check_base(base: str | None, root: str) -> None:
    """Refuse a folder that paths cannot start at: they would silently start elsewhere, and lost marks be missed.

    Args:
        base: what ``--relative-to`` names, absolute, or None.
        root: the root of a scan.

    Raises:
        ConfigError: when it is neither the root nor above it.
    """
    if base is not None and not places.holds(base, root):
        raise ConfigError(
            [f"--relative-to {base} does not hold the scanned folder {root}"],
            "name that folder or one above it, or leave out --relative-to",
        )


def tell(scan: Scan, judgement: Judgement) -> None:
    """Say what gate file and baseline add to the verdicts.

    Args:
        scan: a finished scan.
        judgement: what they say.
    """
    beyond = (FindingKind.NO_CREDENTIALS, FindingKind.LOST_MARKS)
    found = [(result, item) for result in scan.results for item in judgement.of(result) if item.kind in beyond]
    for result, item in found[:_MOST_TOLD]:
        say(f"gate: {result.record.file.path}: {item.text}")
    if len(found) > _MOST_TOLD:
        say(f"gate: and {len(found) - _MOST_TOLD} more; the reports list all of them")
    if judgement.accepted:
        say(f"{judgement.accepted} {'finding is' if judgement.accepted == 1 else 'findings are'} accepted (--baseline)")
    for note in judgement.notes:
        say(f"warning: {note}")
