"""The flags of ``fakescan scan``, typed. Every one is text or absent, so that all wrong values are told at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from fakescan.core.options import Redact

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
ChangedSince = Annotated[
    str | None,
    typer.Option(
        "--changed-since",
        metavar="REV",
        help="Only files that changed in git since this revision, new ones included.",
        rich_help_panel=_WHAT,
    ),
]
AllowEmpty = Annotated[
    bool | None,
    typer.Option(
        "--allow-empty/--no-allow-empty", help="Having nothing to scan is no fault: exit code 0.", rich_help_panel=_WHAT
    ),
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
TrustList = Annotated[
    str | None,
    typer.Option(
        "--trust-list",
        metavar="FILE|DIR|none",
        help="Whose signatures are believed: PEM certificates; the list of `fakescan trust update` if left out.",
        rich_help_panel=_HOW,
    ),
]
Threshold = Annotated[
    str | None,
    typer.Option("--threshold", metavar="P", help="Call fake from this probability on.", rich_help_panel=_HOW),
]
Stability = Annotated[
    str | None,
    typer.Option(
        "--stability",
        metavar="N|all",
        help="Score each picture again in N other encodings (at most 7); a verdict that does not hold is inconclusive.",
        rich_help_panel=_HOW,
    ),
]
Audit = Annotated[
    bool | None,
    typer.Option(
        "--audit/--no-audit",
        help="Check the sentences of the model's text: against the pixels, and by hiding what they speak of (slow).",
        rich_help_panel=_HOW,
        show_default=False,
    ),
]
CalibrationFile = Annotated[
    str | None,
    typer.Option(
        "--calibration", metavar="FILE", help="Threshold of your own (`fakescan calibrate`).", rich_help_panel=_HOW
    ),
]
Seed = Annotated[str | None, typer.Option("--seed", metavar="N", help="Seed for --decode free.", rich_help_panel=_HOW)]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="[FORMAT:]PATH",
        help="Write a report: .html .pdf .json .jsonl .csv .md .sarif .xml (JUnit) .jsonld (CASE), or with its format "
        "named: gitlab:FILE. FORMAT:- prints it, e.g. github:-. Repeatable.",
        rich_help_panel=_OUT,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the JSON report to stdout.", rich_help_panel=_OUT)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the paths of findings.", rich_help_panel=_OUT)]
Silent = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no summary.", rich_help_panel=_OUT)]
"""Of commands that find nothing, and so have no paths to print."""
Templates = Annotated[
    str | None,
    typer.Option("--templates", metavar="DIR", help="Page templates of your own.", rich_help_panel=_OUT),
]
SingleFile = Annotated[
    bool | None,
    typer.Option(
        "--single-file/--no-single-file",
        help="HTML as one file even with more than 2,000 images (else a page and a folder).",
        rich_help_panel=_OUT,
    ),
]
RedactFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--redact",
        metavar="WHAT",
        help="Leave out of reports: gps,serial,paths,owner,host,thumbs.",
        autocompletion=_words(*Redact),
        rich_help_panel=_OUT,
    ),
]
Share = Annotated[bool, typer.Option("--share", help="Leave out everything that --redact knows.", rich_help_panel=_OUT)]
CaseId = Annotated[
    str | None, typer.Option("--case", metavar="ID", help="Case that the report belongs to.", rich_help_panel=_OUT)
]
Examiner = Annotated[str | None, typer.Option("--examiner", metavar="NAME", help="Who examines.", rich_help_panel=_OUT)]
Note = Annotated[
    str | None, typer.Option("--note", metavar="TEXT", help="A note for the report.", rich_help_panel=_OUT)
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
Gate = Annotated[
    str | None,
    typer.Option("--gate", metavar="FILE", help="Rules by path that say what fails.", rich_help_panel=_OUT),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        "--baseline", metavar="FILE", help="Findings that were accepted and fail no more.", rich_help_panel=_OUT
    ),
]
RelativeTo = Annotated[
    str | None,
    typer.Option(
        "--relative-to",
        metavar="DIR",
        help="Folder that paths start at in SARIF, JUnit, GitHub and GitLab reports, in the gate file and in the "
        "baseline; where the scan was started when left out.",
        rich_help_panel=_OUT,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda[:N|:all]|mps",
        help="Where the model runs; with several (cuda:all, or a list: cuda:0,cuda:1) a process for each.",
        autocompletion=_words("auto", "cpu", "cuda", "cuda:all", "mps"),
        rich_help_panel=_RUN,
    ),
]
DTypeFlag = Annotated[
    str | None,
    typer.Option(
        "--dtype",
        metavar="auto|float32|bfloat16|float16|int8|int4|fp8",
        help="Number format; int8 is quicker on a CPU; int8, fp8 and int4 take less of a graphics card's memory.",
        autocompletion=_words("auto", "float32", "bfloat16", "float16", "int8", "int4", "fp8"),
        rich_help_panel=_RUN,
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="What runs the model; openai: a server; ray: workers on a Ray cluster.",
        rich_help_panel=_RUN,
    ),
]
OneDevice = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda[:N]|mps",
        help="Where the model runs.",
        autocompletion=_words("auto", "cpu", "cuda", "mps"),
        rich_help_panel=_RUN,
    ),
]
"""Of commands that do not share the work out."""
RayWorkers = Annotated[
    str | None,
    typer.Option(
        "--ray-workers",
        metavar="auto|N",
        help="With --engine ray: how many; auto: one a GPU, or one a machine where there are none.",
        rich_help_panel=_RUN,
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        help="With --engine openai: the server that is asked (vLLM, SGLang, llama.cpp). Pictures are sent to it.",
        rich_help_panel=_RUN,
    ),
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
Draft = Annotated[
    bool | None,
    typer.Option(
        "--draft/--no-draft",
        help="Decode large JPEGs at a reduced size, at least twice what the model looks at: quicker, not what it was "
        "trained on.",
        rich_help_panel=_RUN,
        show_default=False,
    ),
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
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Examine only part I of N, told by the files' names; `fakescan merge` puts the parts together.",
        rich_help_panel=_RUN,
    ),
]
Cache = Annotated[
    bool | None,
    typer.Option(
        "--cache/--no-cache",
        help="Take the model's answers to the same bytes from earlier runs, and keep new ones (the default).",
        rich_help_panel=_RUN,
        show_default=False,
    ),
]
Config = Annotated[
    str | None,
    typer.Option("--config", metavar="FILE", help="Settings that go before all other files.", rich_help_panel=_RUN),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.", rich_help_panel=_RUN)]
