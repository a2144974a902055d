"""What ``fakescan eval`` reads: a test set as the command line names it, other evaluations, finished scans."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakescan.cli.exits import say
from fakescan.core.evaluation_file import evaluation_from_json, is_evaluation
from fakescan.core.option_values import whole_number
from fakescan.core.records import Scan
from fakescan.core.schema import parse_json
from fakescan.errors import ConfigError, InputError
from fakescan.reports.evaluation.write import COMPARISON_FORMATS, json_text, write
from fakescan.store.run_dir import load_scan

if TYPE_CHECKING:
    from fakescan_trainer.evaluate.answers import Joined
    from fakescan_trainer.evaluate.document import Settings
    from fakescan_trainer.evaluate.samples import TestSet

_HINT = "give a JSON file that `fakescan eval` wrote"
_MAX_BYTES = 4 * 1024**3
_OF_A_SCAN = (
    "model", "calibration", "reasoning", "score", "decode", "policy", "device", "dtype", "engine", "base_url",
    "batch_size", "workers", "run_dir", "resume",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """The test set that was named on the command line."""

    data: str | None
    """Folder or list."""
    real: tuple[Path, ...]
    """Folders of real images."""
    fake: tuple[Path, ...]
    """Folders of AI-generated images."""
    by: str | None
    """Column to group by."""
    split: str | None
    """Rows of this split only."""
    root: Path | None
    """Where paths of a list start."""
    preset: str | None
    """Name of a public test set."""
    limit: int | None
    """Images of each label in each group at most."""
    seed: int
    """Of the draw of those."""

    @property
    def named(self) -> bool:
        """Whether there is any."""
        return bool(self.data or self.real or self.fake)

    def read(self) -> TestSet:
        """Read it.

        Raises:
            ConfigError: nothing was named, or what contradicts itself.
            DataError: it cannot be read.
        """
        from fakescan_trainer.evaluate.layouts import fewer, given_folders, read_test_set
        from fakescan_trainer.evaluate.presets import preset, read_preset

        real, fake = self.real, self.fake
        if self.preset:
            if not self.data:
                raise ConfigError(["--preset needs the folder that the test set lies in"], "give DATA")
            found = read_preset(preset(self.preset), Path(self.data), real)
        elif self.data and (real or fake):
            raise ConfigError(["DATA and --real or --fake contradict each other"], "give one or the other")
        elif real or fake:
            found = given_folders(real, fake)
        elif self.data:
            found = read_test_set(Path(self.data), by=self.by, split=self.split, root=self.root)
        else:
            raise ConfigError(["no test set was given"], "give a folder or a list: fakescan eval DATA")
        return fewer(found, self.limit, self.seed) if self.limit else found


def joined_scan(found: TestSet, scan: Scan, name: str | None) -> tuple[Joined, dict[str, Any]]:
    """A scan's answers to a test set, and who gave them.

    Args:
        found: the test set.
        scan: the scan.
        name: what to call the detector; None: the model's name.

    Raises:
        DataError: the scan holds no image of the test set.
    """
    from fakescan_trainer.evaluate.answers import from_scan
    from fakescan_trainer.evaluate.document import of_scan

    if scan.interrupted:
        say("warning: this scan was interrupted: the figures are of a part of its images")
    detector = of_scan(scan)
    return from_scan(found.samples, scan), {**detector, "name": name or detector["name"]}


def comparison_of(
    names: tuple[str, str],
    wanted: Wanted,
    settings: Settings,
    targets: Sequence[tuple[str, Path]],
    *,
    json: bool,
    quiet: bool,
) -> None:
    """Compare two evaluations, or scans of the test set, and tell it.

    Args:
        names: of two files or run directories.
        wanted: the test set, for scans.
        settings: of the bootstrap.
        targets: files to write.
        json: whether the document goes to standard output.
        quiet: whether nothing else is printed.

    Raises:
        FakescanError: one of them cannot be read, or they have nothing in common.
    """
    from fakescan.cli import eval_table
    from fakescan_trainer.evaluate import document as documents

    if unfit := [str(path) for fmt, path in targets if fmt not in COMPARISON_FORMATS]:
        known = ", ".join(f".{fmt}" for fmt in COMPARISON_FORMATS)
        raise ConfigError([f"a comparison is not written as a page: {', '.join(unfit)}"], f"end the name in {known}")
    found = wanted.read() if wanted.named else None
    both = []
    for name in names:
        document = read_document(Path(name), or_scan=True)
        if is_evaluation(document):
            both.append(document)
        elif found is None:
            raise InputError(
                f"{name!a} is a scan, which knows no labels", "give the test set too: fakescan eval DATA --compare A B"
            )
        else:
            joined, detector = joined_scan(found, load_scan(Path(name)), None)
            plain = replace(settings, draws=0, official=False)
            both.append(documents.evaluation(found, joined, plain, detector=detector))
    comparison = documents.compare(both[0], both[1], replace(settings, draws=settings.draws or 1000))
    for fmt, path in targets:
        write([comparison], fmt, path, formats=COMPARISON_FORMATS)
    if json:
        sys.stdout.write(json_text(comparison))
    elif not quiet:
        eval_table.print_comparison(comparison, sys.stdout)


def read_document(place: Path, *, or_scan: bool = False) -> dict[str, Any]:
    """Read an evaluation.

    Args:
        place: a JSON file.
        or_scan: whether a scan will do as well; what is no evaluation then comes back empty, for its own reader.

    Raises:
        InputError: it cannot be read, or is no evaluation.
    """
    if or_scan and place.is_dir():
        return {}
    name = ascii(str(place))[1:-1]
    try:
        if place.stat().st_size > _MAX_BYTES:
            raise InputError(f"{name} is too large for an evaluation", _HINT)
        text = place.read_text("utf-8")
    except OSError as fault:
        raise InputError(f"cannot read {name}: {fault.strerror}", _HINT) from None
    except UnicodeDecodeError:
        raise InputError(f"{name} is no JSON file", _HINT) from None
    try:
        if or_scan and not is_evaluation(parse_json(text)):
            return {}
        return evaluation_from_json(text)
    except InputError as fault:
        raise InputError(f"{name}: {fault.message}", fault.hint) from None


def refuse_unused(flags: Mapping[str, Any], taken: str, *, both: bool) -> None:
    """Refuse what would silently change nothing: the answers are there already.

    Args:
        flags: everything that was given.
        taken: the flag that brings the answers.
        both: whether the other of these two was given too.

    Raises:
        ConfigError: with all of them.
    """
    about = [name for name in _OF_A_SCAN if flags.get(name)]
    if taken == "--report" and flags.get("threshold"):
        about.append("threshold")
    faults = [f"--{name.replace('_', '-')} is of no use with {taken}, which brings the answers" for name in about]
    if taken == "--scores" and flags.get("official"):
        faults.append("--official counts the words of answers, and a list of scores has no texts")
    if both:
        faults.append("--report and --scores contradict each other")
    if faults:
        raise ConfigError(faults, "leave them out, or let the images be scanned")


def seed_of(text: str | None) -> int:
    """The seed as a number; ConfigError where it is none."""
    try:
        return 0 if text is None else int(whole_number(text))
    except ValueError as fault:
        raise ConfigError([f"--seed: {fault}"], "give a whole number") from None


def threshold_of(threshold: str | None) -> float | None:
    """The threshold for scores of another detector, which need not be probabilities."""
    if threshold is None:
        return None
    try:
        return float(threshold)
    except ValueError:
        raise ConfigError([f"--threshold {threshold!a} is no number"], "give a number") from None
