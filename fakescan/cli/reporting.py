"""What commands that write reports of finished scans have in common: their options, and what these lead to."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from fakescan.cli import scan_options as flag
from fakescan.cli.check import Check, read_check
from fakescan.cli.outputs import Target, targets_of, write_all
from fakescan.core.option_values import several
from fakescan.core.options import Redact
from fakescan.core.records import Scan
from fakescan.desk.redact import SHARE
from fakescan.errors import ConfigError
from fakescan.reports.decided import Decided
from fakescan.reports.judgement import Judgement


@dataclass(frozen=True)
class Reporting:
    """Options, each as it is typed."""

    outputs: flag.Outputs = None
    json: flag.Json = False
    gate: flag.Gate = None
    baseline: flag.Baseline = None
    relative_to: flag.RelativeTo = None
    templates: flag.Templates = None
    single_file: flag.SingleFile = None
    redact: flag.RedactFlag = None
    share: flag.Share = False

    def targets(self) -> list[Target]:
        """Where reports go.

        Raises:
            ConfigError: with every output that is wrong.
            ReportError: for a single one.
        """
        return targets_of(self.outputs or [], json=self.json)

    def check(self) -> Check:
        """What decides which findings fail.

        Raises:
            ConfigError: for faults of the gate file.
            InputError: for a baseline that is none.
        """
        return read_check(self.gate, self.baseline, self.relative_to)

    def write(
        self,
        scan: Scan,
        targets: Sequence[Target],
        check: Check,
        judgement: Judgement,
        *,
        pictures: bool,
        root: Path | None = None,
        decisions: Mapping[str, Decided] | None = None,
    ) -> Scan:
        """Write the reports.

        Args:
            scan: a finished or interrupted scan.
            targets: as ``targets`` gives them.
            check: as ``check`` gives it.
            judgement: what it says of the scan.
            pictures: whether previews are made. A report may come from anybody: which folder on this machine it may
                show is for the user to say.
            root: the folder that the scan's paths are relative to, when that is another one now.
            decisions: what people decided, by path.

        Returns:
            The scan as it was written.

        Raises:
            ConfigError: for an unknown word after ``--redact``.
            ReportError: for the first that cannot be written.
        """
        return write_all(
            scan,
            targets,
            pictures=pictures,
            root=root,
            templates=Path(self.templates) if self.templates else None,
            single_file=bool(self.single_file),
            redactions=SHARE if self.share else _redactions(self.redact or []),
            judgement=judgement,
            base=check.base_for(scan),
            decisions=decisions,
        )


def with_reporting(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of ``Reporting`` in the place of its parameter of that type.

    Args:
        command: as Typer takes it, but for that parameter.
    """
    hints = get_type_hints(command, include_extras=True)
    (place,) = (name for name, hint in hints.items() if hint is Reporting)
    options = get_type_hints(Reporting, include_extras=True)
    names = [field.name for field in fields(Reporting)]
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name != place:
            parameters.append(parameter.replace(annotation=hints[parameter.name]))
            continue
        for field in fields(Reporting):
            kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
            parameters.append(
                inspect.Parameter(field.name, kind, default=field.default, annotation=options[field.name])
            )

    @functools.wraps(command)
    def called(**given: Any) -> None:
        taken = {name: given.pop(name) for name in names}
        command(**{place: Reporting(**taken)}, **given)

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what Typer reads
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called


def _redactions(given: Sequence[str]) -> tuple[Redact, ...]:
    try:
        return tuple(Redact(word) for word in several(Redact)(list(given)))
    except ValueError as fault:
        raise ConfigError([f"--redact: {fault}"], "give any of " + ",".join(Redact)) from None
