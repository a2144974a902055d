"""``fakescan``: finds the command, runs it, and turns whatever happens into an exit code (CONTRACT.md).

Commands are named in a table and imported when they are called, so that ``fakescan --help`` needs neither torch nor
any other command.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.main import get_command

from fakescan.cli.exits import FAILED, INTERRUPTED, explain_fault, flush_or_forget, spell_out_what_the_console_lacks
from fakescan.version import __version__

COMPLETION_VARIABLE = "_FAKESCAN_COMPLETE"
"""Set by the shell while it asks for completions."""

_COMPLETED_WORDS = "_TYPER_COMPLETE_ARGS"
_HELP = """Tells which images of a folder are AI-generated, how sure that is, and why.

Example: [bold]fakescan scan photos -o report.html[/bold]
"""


@dataclass(frozen=True, slots=True)
class Command:
    """An entry of the table."""

    target: str
    """``module:attribute`` of a function, or of a Typer application with commands of its own."""
    help: str
    """One line for the list of commands."""


COMMANDS: dict[str, Command] = {
    "scan": Command("fakescan.cli.scan:scan", "Walk folders, assess images, write reports."),
    "report": Command("fakescan.cli.report:report", "Write reports of a finished run again, without a model."),
    "merge": Command("fakescan.cli.merge_cmd:merge", "Put the parts of a scan (--shard) together."),
    "diff": Command("fakescan.cli.diff_cmd:diff", "List what changed between two scans, with reasons."),
    "baseline": Command("fakescan.cli.baseline_cmd:app", "Accept findings once somebody has looked at them."),
    "review": Command("fakescan.cli.review_cmd:review", "Record and list what people decided about files."),
    "bundle": Command("fakescan.cli.bundle_cmd:bundle", "Pack a run into a sealed zip."),
    "verify": Command("fakescan.cli.verify_cmd:verify", "Hash a run or a bundle again and name what changed."),
    "replay": Command("fakescan.cli.replay_cmd:replay", "Scan a run's files again and compare."),
    "cache": Command("fakescan.cli.cache_cmd:app", "Show and clear the answers kept across runs."),
    "model": Command("fakescan.cli.model_cmd:app", "Show, verify, convert and download models."),
    "trust": Command("fakescan.cli.trust_cmd:app", "Show and download the list of trusted signers."),
    "data": Command("fakescan.cli.data_cmd:app", "Build, check, annotate and compile training data."),
    "train": Command("fakescan.cli.train:train", "Fine-tune a model (LM + FACL + CPM)."),
    "eval": Command("fakescan.cli.eval_cmd:evaluate", "Measure a detector on labelled images."),
    "calibrate": Command("fakescan.cli.calibrate_cmd:calibrate", "Fit the threshold on photographs of your own."),
    "config": Command("fakescan.cli.config_cmd:app", "Show settings and where each comes from."),
    "schema": Command("fakescan.cli.schema_cmd:schema", "Print the JSON Schema of the JSON report."),
    "doctor": Command("fakescan.cli.doctor:doctor", "Check environment, devices and model, with hints."),
}
"""Name to where it is; nothing is imported before it is called."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with the contract's exit code.

    Args:
        arguments: without the program's name; None for those of the process.
    """
    spell_out_what_the_console_lacks()
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name.

    Returns:
        The exit code. Never 1 for a fault: only a scan with findings returns it.
    """
    debug = "--debug" in arguments or bool(os.environ.get("FAKESCAN_DEBUG"))
    try:
        application = build(wanted_command(arguments))
        outcome = get_command(application).main(
            list(arguments),
            prog_name="fakescan",
            complete_var=COMPLETION_VARIABLE,
            standalone_mode=False,
            obj=list(arguments),
        )
        code = outcome if isinstance(outcome, int) else 0
    except SystemExit as leaving:
        # Typer's own way out of completion and of a pipe that was closed; never a finding.
        code = 0 if leaving.code in (0, None) else FAILED
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as fault:
        if debug and not hasattr(fault, "format_message"):
            traceback.print_exception(fault)
        code = explain_fault(fault)
    return code if flush_or_forget() else FAILED


def wanted_command(arguments: Sequence[str]) -> str | None:
    """The command that is called, or that the shell asks completions for.

    Args:
        arguments: without the program's name.
    """
    if os.environ.get(COMPLETION_VARIABLE):
        arguments = os.environ.get(_COMPLETED_WORDS, "").split()[1:] or arguments
    return next((word for word in arguments if word in COMMANDS), None)


def build(wanted: str | None) -> typer.Typer:
    """The application with the one command that is needed; all others are their names and one line each.

    Args:
        wanted: a name of the table, or None.
    """
    application = typer.Typer(
        name="fakescan", help=_HELP, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False
    )
    application.callback()(_options)
    for name, command in COMMANDS.items():
        if name != wanted:
            application.command(name, help=command.help)(_placeholder)
            continue
        module, _, attribute = command.target.partition(":")
        found: Any = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            application.add_typer(found, name=name)
        else:
            _add(application, name, found)
    return application


def _add(application: typer.Typer, name: str, function: Callable[..., object]) -> None:
    application.command(name)(function)


def _placeholder() -> None:
    """Stands in the list of commands for one that is not called."""


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fakescan {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    """Options of every command."""
