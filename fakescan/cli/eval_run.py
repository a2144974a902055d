"""The pictures of an evaluation, scanned: with which options, by one loaded model, as they are and changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import typer

from fakescan.cli.console import Watch
from fakescan.cli.eval_rounds import engine_for
from fakescan.cli.exits import INTERRUPTED, say, shell_line
from fakescan.cli.settings import resolve
from fakescan.core.addresses import without_secrets
from fakescan.core.options import OPTION_NAMES, Decode, FailOn, Reasoning, ScanOptions, ScoreChoice
from fakescan.core.policy import Policy
from fakescan.core.records import Scan, ScoreKind
from fakescan.errors import DataError
from fakescan.pipeline import run_scan

if TYPE_CHECKING:
    from fakescan_trainer.evaluate.answers import Joined


class EvalRun:
    """A loaded model, and the options that pictures are scanned with; the model is loaded once for all of them.

    Args:
        ctx: the command's, with the flags as they were typed.
        config: a file of settings, or None.
        official: whether the authors' counting is wanted, which goes by texts.
        quiet: whether no progress is shown.
        drawn: whether each text is drawn several times.
    """

    def __init__(
        self, ctx: typer.Context, config: str | None, *, official: bool, quiet: bool, drawn: bool = False
    ) -> None:
        options, said_reasoning = _options(ctx.params, config, texts=official or drawn)
        if drawn:
            # The text's own conclusion is what differs from round to round: the paper's way.
            options = replace(options, decode=Decode.FREE, score=ScoreChoice.AFTER, reasoning=Reasoning.ALL)
        self.engine, text_alone = engine_for(options)
        if text_alone:
            options, said_reasoning = replace(options, reasoning=Reasoning.ALL), True
        if (options.deciding_score or self.engine.identity.decides) is ScoreKind.AFTER and not said_reasoning:
            options = replace(options, reasoning=Reasoning.ALL)
        self.options, self.quiet = options, quiet
        self.command = shell_line(["fakescan", *map(without_secrets, ctx.obj or [])])

    def scan(self, files: Sequence[Path], part: str = "", **changes: Any) -> Scan:
        """Scan exactly these files.

        Args:
            files: of the test set, or changed copies of them.
            part: name of a scan beside that of the test set. It is kept below the folder of the run where one was
                named, and is gone afterwards where none was.
            changes: options that differ this time.

        Raises:
            typer.Exit: the user ended it.
        """
        with self.folder_of(part) as folder:
            if part:
                changes |= {"run_dir": str(folder), "resume": self.options.resume if self.options.run_dir else False}
            options = replace(self.options, paths=tuple(map(str, files)), **changes)
            with Watch(options, quiet=self.quiet) as watch:
                scan = run_scan(options, lambda: self.engine, watch, command=self.command).scan
        if scan.interrupted:
            goes_on = "--resume goes on from there"
            if part and not self.options.run_dir:
                goes_on = "these scans start anew next time; with --run-dir DIR, --resume can go on"
            say(f"interrupted; nothing is measured on a part of the images, and {goes_on}")
            raise typer.Exit(INTERRUPTED)
        return scan

    @contextmanager
    def folder_of(self, part: str) -> Iterator[Path]:
        """A folder below that of the run where one was named, else a new one that is gone afterwards.

        Args:
            part: its name; the folder need not exist.
        """
        if self.options.run_dir:
            yield Path(self.options.run_dir) / part
        else:
            with TemporaryDirectory(prefix="fakescan-") as folder:
                yield Path(folder) / "run"


def moved_scores(run: EvalRun, joined: Joined) -> dict[str, Any]:
    """How the scores fare when the same pictures are changed; the changed ones are gone when that is known.

    Below the folder of a run they stay when they could not all be scanned, for the same files are gone on with.

    Args:
        run: what scans them.
        joined: the answers to the pictures as they are.

    Raises:
        DataError: no picture could be changed.
    """
    from fakescan_trainer.evaluate.robustness import measure, write_variants

    with run.folder_of("robustness-pictures") as folder:
        written = write_variants(joined.answers, folder)
        files = [sample.file for members in written.samples.values() for sample in members]
        if not files:
            raise DataError("no picture could be changed", "give pictures that can be read")
        found = measure(joined, written, run.scan(files, "robustness"))
        shutil.rmtree(folder, ignore_errors=True)
        return found


def _options(flags: Mapping[str, Any], config: str | None, *, texts: bool) -> tuple[ScanOptions, bool]:
    """Those of a scan of given files, and whether somebody said which images get text.

    Settings that choose files, write reports or judge findings are not for it.
    """
    unfit = {"outputs", "limit"}
    given = {k: v for k, v in flags.items() if k in OPTION_NAMES and k not in unfit and v not in (None, [], ())}
    resolved = resolve(given, config=config)
    options, said = resolved.options, resolved.origins
    wanted = Reasoning.ALL if texts or options.decode.value == "free" else Reasoning.NONE
    fitted = replace(
        options,
        include=(), exclude=(), changed_since=None, allow_empty=False, limit=None, outputs=(), redact=(),
        gate=None, baseline=None, fail_on=FailOn.NEVER,
        policy=options.policy if "policy" in said else Policy.MODEL,
        reasoning=options.reasoning if "reasoning" in said else wanted,
    )  # fmt: skip
    return fitted, "reasoning" in said
