"""The flags of ``fakescan scan``, typed. Every one is text or absent, so that all wrong values are told at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

_WHAT, _HOW, _OUT, _RUN = "What to scan", "How to judge", "What to write", "How to run"


def _words(*words: str) -> Callable[[], list[str]]:
    return lambda: list(words)


Paths = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH", help="Files and folders (with everything below); - reads a list from stdin."),
]
FilesFrom = Annotated[
    list[str] | None,
    typer.Option("--files-from", metavar="FILE", help="Read paths from a file, one a line.", rich_help_panel=_WHAT),
]
FilesFrom0 = Annotated[
    list[str] | None,
    typer.Option("--files-from0", metavar="FILE", help="The same, separated by NUL.", rich_help_panel=_WHAT),
]
Include = Annotated[
    list[str] | None,
    typer.Option("--include", metavar="GLOB", help="Only files like this; repeatable.", rich_help_panel=_WHAT),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="GLOB", help="No files like this; repeatable.", rich_help_panel=_WHAT),
]
FollowLinks = Annotated[
    bool | None,
    typer.Option(
        "--follow-links/--no-follow-links",
        help="Follow links to files outside of the scanned folders.",
        rich_help_panel=_WHAT,
        show_default=False,
    ),
]
Limit = Annotated[
    str | None, typer.Option("--limit", metavar="N", help="Examine at most N files.", rich_help_panel=_WHAT)
]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME|DIR", help="Another model than the embedded one.", rich_help_panel=_HOW),
]
ReasoningFlag = Annotated[
    str | None,
    typer.Option(
        "--reasoning",
        metavar="all|flagged|none",
        help="Which images get text: all, only those that are not clean, or none (triage, the quickest).",
        autocompletion=_words("all", "flagged", "none"),
        rich_help_panel=_HOW,
    ),
]
ScoreFlag = Annotated[
    str | None,
    typer.Option(
        "--score",
        metavar="auto|before|after",
        help="Which probability decides: before or after the model's text; auto: the one measured better.",
        autocompletion=_words("auto", "before", "after"),
        rich_help_panel=_HOW,
    ),
]
DecodeFlag = Annotated[
    str | None,
    typer.Option(
        "--decode",
        metavar="greedy|free",
        help="greedy: deterministic; free: drawn at temperature 0.2, as in the paper.",
        autocompletion=_words("greedy", "free"),
        rich_help_panel=_HOW,
    ),
]
PolicyFlag = Annotated[
    str | None,
    typer.Option(
        "--policy",
        metavar="balanced|marks|model|strict",
        help="balanced: model and file; marks: any AI mark counts as fake; model: the model alone; "
        "strict: any conflict is inconclusive.",
        autocompletion=_words("balanced", "marks", "model", "strict"),
        rich_help_panel=_HOW,
    ),
]
Threshold = Annotated[
    str | None,
    typer.Option("--threshold", metavar="P", help="Call fake from this probability on.", rich_help_panel=_HOW),
]
Seed = Annotated[str | None, typer.Option("--seed", metavar="N", help="Seed for --decode free.", rich_help_panel=_HOW)]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="[FORMAT:]PATH",
        help="Write a report: .html .json .jsonl .csv .md; repeatable.",
        rich_help_panel=_OUT,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the JSON report to stdout.", rich_help_panel=_OUT)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the paths of findings.", rich_help_panel=_OUT)]
Templates = Annotated[
    str | None,
    typer.Option("--templates", metavar="DIR", help="Page templates of your own.", rich_help_panel=_OUT),
]
FailOnFlag = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        metavar="fake|inconclusive|never",
        help="From which verdict on the exit code is 1.",
        autocompletion=_words("fake", "inconclusive", "never"),
        rich_help_panel=_OUT,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda[:N]|mps",
        help="Where the model runs.",
        autocompletion=_words("auto", "cpu", "cuda", "mps"),
        rich_help_panel=_RUN,
    ),
]
DTypeFlag = Annotated[
    str | None,
    typer.Option(
        "--dtype",
        metavar="auto|float32|bfloat16|float16|int8",
        help="Number format; int8 is quicker on a CPU.",
        autocompletion=_words("auto", "float32", "bfloat16", "float16", "int8"),
        rich_help_panel=_RUN,
    ),
]
Engine = Annotated[
    str | None, typer.Option("--engine", metavar="NAME", help="What runs the model.", rich_help_panel=_RUN)
]
BatchSize = Annotated[
    str | None, typer.Option("--batch-size", metavar="auto|N", help="Images at once.", rich_help_panel=_RUN)
]
Workers = Annotated[
    str | None, typer.Option("--workers", metavar="auto|N", help="Files decoded at once.", rich_help_panel=_RUN)
]
MaxFileBytes = Annotated[
    str | None,
    typer.Option("--max-file-bytes", metavar="N", help="Refuse larger files.", rich_help_panel=_RUN),
]
MaxPixels = Annotated[
    str | None, typer.Option("--max-pixels", metavar="N", help="Refuse larger pictures.", rich_help_panel=_RUN)
]
FileTimeout = Annotated[
    str | None,
    typer.Option("--file-timeout-s", metavar="S", help="Give a file up after this time.", rich_help_panel=_RUN),
]
RunDirFlag = Annotated[
    str | None,
    typer.Option("--run-dir", metavar="DIR", help="Folder for journal and JSON report.", rich_help_panel=_RUN),
]
Resume = Annotated[
    bool | None,
    typer.Option("--resume/--no-resume", help="Go on with an interrupted run.", rich_help_panel=_RUN),
]
Config = Annotated[
    str | None,
    typer.Option("--config", metavar="FILE", help="Settings that go before all other files.", rich_help_panel=_RUN),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.", rich_help_panel=_RUN)]
