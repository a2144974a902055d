"""``fakescan train``: builds the recipe, shows what will happen, trains with a progress bar on stderr."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from fakescan.cli.exits import INTERRUPTED, one_line, say

if TYPE_CHECKING:
    from fakescan_trainer.watch import TrainObserver

HELP = """Fine-tune a model by a recipe (LM + FACL + CPM).

Example: [bold]fakescan train own run.out=runs/mine data.root=photos[/bold]

On several cards: [bold]accelerate launch --config_file FILE -m fakescan train ...[/bold], with a FILE of --launch-file.

A recipe is a TOML file, or the name of one that is shipped: own, detector, paper-v1, paper-v2, nano, smoke.
"""
_SHOWN = (
    "lm_caption", "lm_full", "lm_short", "cpm_full", "cpm_short", "facl", "tau", "out_of_fold_auc", "kernel_likeness",
)  # fmt: skip


def _print_launch_file(name: str | None) -> None:
    if name is not None:
        from fakescan_trainer.launch import launch_file

        typer.echo(launch_file(name))
        raise typer.Exit(0)


def _write_report(run: Path | None) -> None:
    if run is not None:
        from fakescan.reports.training.page import write_page

        typer.echo(write_page(run))
        raise typer.Exit(0)


def train(
    config: Annotated[
        str, typer.Argument(help="Recipe: a TOML file, or own, detector, nano, paper-v1, paper-v2, smoke.")
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes: section.key=value, as in stages.0.steps=10.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint of the run's folder.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print text, token ids and loss mask of one sample of each kind.")
    ] = False,
    ablation: Annotated[
        str | None,
        typer.Option(
            "--ablation",
            metavar="NAME",
            help="Leave a part out, as in the paper's Tables 4 to 6, into a folder of its own (run.out-NAME): "
            "no-reasoning, no-cot, no-facl, no-cpm, lm-only, projector-only, language-only, leak, no-leak.",
        ),
    ] = None,
    launch_file: Annotated[
        str | None,
        typer.Option(
            "--launch-file",
            metavar="NAME",
            help="Print where a file for accelerate launch is (gpus, fsdp-13b, deepspeed-13b), and end.",
            callback=_print_launch_file,
            is_eager=True,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="RUN",
            help="Write the page of a run, finished or not, into its folder, and end.",
            callback=_write_report,
            is_eager=True,
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of faults.")] = False,
) -> int:
    """Train, or show what would be trained on."""
    del debug, launch_file, report  # read from the command line by app.run, and by their own callbacks
    from fakescan_trainer.recipes import recipe_path

    named = recipe_path(config)  # a slip in the name is told before libraries are loaded for seconds
    from fakescan_trainer.loading import load_config
    from fakescan_trainer.state import refuse_taken

    recipe = load_config(named, overrides or [], ablation=ablation)
    if not dry_run:
        refuse_taken(Path(recipe.run.out), resume=resume)
    from fakescan_trainer.materials import gather
    from fakescan_trainer.memory import estimate
    from fakescan_trainer.places import is_first_process

    materials = gather(recipe, fill=not dry_run, resume=resume and not dry_run)
    needed = estimate(recipe, materials)
    if dry_run:
        from fakescan_trainer.dry_run import describe_samples

        for line in (*describe_samples(recipe, materials), "", needed.sentence(), needed.warning()):
            typer.echo(one_line(line))
        return 0
    first = is_first_process()
    if first:
        say(needed.sentence())
        say(needed.warning() and f"warning: {needed.warning()}")
    from fakescan_trainer.loop import Trainer

    with _Bars(quiet=not first) as bars, _stoppable() as stop:
        watch = bars.observer(stop)
        try:
            outcome = Trainer(recipe, watch, materials).run(resume=resume)
        except KeyboardInterrupt:
            bars.progress.stop()
            if not first:
                return INTERRUPTED
            kept = (Path(recipe.run.out) / "last").is_dir()
            say("interrupted; " + ("the same command with --resume goes on" if kept else "nothing was saved yet"))
            return INTERRUPTED
        figures = ", ".join(f"{name} {value:.4g}" for name, value in outcome.metrics.items())
        watch.message(f"{outcome.steps} steps done{'; ' + figures if figures else ''}")
    if first:
        from fakescan.reports.training.page import write_page

        say(f"the run as a page: {write_page(Path(recipe.run.out))}")
        typer.echo(outcome.folder)
    return 0


train.__doc__ = HELP


@contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """While it lasts, the first Ctrl-C asks for an end after the step at hand, which is saved; the second ends at once.

    Yields:
        Whether an end was asked for.
    """
    asked = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        say("stopping after this step, which is then saved; Ctrl-C again stops at once")

    try:
        before = signal.signal(signal.SIGINT, interrupt)
    except ValueError:  # only the main thread may; elsewhere Ctrl-C keeps its usual way
        yield lambda: False
        return
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


class _Bars:
    """A bar a stage on a terminal, plain lines elsewhere; nothing from a process beside the first."""

    def __init__(self, *, quiet: bool) -> None:
        self.console = Console(stderr=True, highlight=False, markup=False, quiet=quiet)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=self.console,
            disable=not sys.stderr.isatty(),
        )

    def __enter__(self) -> _Bars:
        self.progress.start()
        return self

    def __exit__(self, *fault: object) -> None:
        self.progress.stop()

    def observer(self, stop: Callable[[], bool]) -> TrainObserver:
        """What the loop talks to.

        Args:
            stop: whether an end was asked for.
        """
        from fakescan_trainer.watch import TrainObserver

        bars = self

        class Shown(TrainObserver):
            task: TaskID | None = None
            stage = ""
            total = 0

            def message(self, text: str) -> None:
                bars.console.print(text)

            def stage_started(self, name: str, steps: int, done: int) -> None:
                self.stage, self.total = name, steps
                self.task = bars.progress.add_task(name, total=steps, completed=done, losses="")

            def step(self, done: int, values: Mapping[str, float]) -> None:
                losses = " ".join(f"{name} {values[name]:.3f}" for name in _SHOWN if name in values)
                if self.task is not None:
                    bars.progress.update(self.task, completed=done, losses=losses)
                if bars.progress.disable:
                    bars.console.print(f"{self.stage} {done}/{self.total} {losses}", soft_wrap=True)

            def evaluated(self, values: Mapping[str, float]) -> None:
                bars.console.print(
                    "validation: " + ", ".join(f"{k} {v:.4f}" for k, v in values.items()), soft_wrap=True
                )

            def stop_wanted(self) -> bool:
                return stop()

            def saved(self, folder: Path) -> None:
                bars.console.print(f"saved {folder}", soft_wrap=True)

        return Shown()
