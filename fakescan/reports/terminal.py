"""The end of a scan on a terminal: findings worst first, counts, where reports lie, what the exit code means.

A terminal gets a table in colour, cut to its window; anything else gets plain lines, all of them. Text from files is
shown with control, bidi and other invisible characters spelled out, and never read as markup.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from fakescan.core.records import Failure, ImageResult, Reason, Scan
from fakescan.core.verdict_words import NOT_HOLDING
from fakescan.reports import words
from fakescan.reports.escape import encodable, visible
from fakescan.reports.judgement import Judgement, judge_plainly
from fakescan.reports.measured import promises
from fakescan.reports.order import by_attention, needs_attention, strongest

_STYLES = {"fake": "bold red", "inconclusive": "yellow", "real": "cyan", "error": "bold magenta"}
_NUMBER_WIDTH = 5
_GAP = 2
_ROWS_AROUND = 14
"""Lines of a window that are kept for what stands around the table."""
_FEWEST_ROWS = 5
_REASON_CHARS = 160


@dataclass(frozen=True, slots=True)
class _Row:
    """A file with something to say."""

    key: str
    mark: str
    number: str
    path: str
    why: str


class _Pen:
    """Writes for a stream that may lack characters, as Windows code pages do: shapes and dots have plain stand-ins."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self.shapes = self._has("".join(mark.glyph for mark in words.MARKS.values()) + "—…")
        self.dots = "…" if self.shapes else "..."

    def text(self, text: str, limit_chars: int | None = None) -> str:
        """Text from anywhere, safe to print."""
        return encodable(visible(text, limit_chars=limit_chars), self._encoding)

    def shape(self, key: str) -> str:
        """The shape of a verdict."""
        mark = words.MARKS[key]
        return mark.glyph if self.shapes else mark.plain

    def number(self, p_fake: float | None) -> str:
        """A score, or a dash."""
        return words.probability(p_fake) if self.shapes or p_fake is not None else "-"

    def cut(self, text: str, columns: int, *, keep_end: bool = False) -> str:
        """Text that fits so many columns of a terminal, with dots where it was cut."""
        if cell_len(text) <= columns:
            return text
        kept, room = "", columns - cell_len(self.dots)
        for char in reversed(text) if keep_end else text:
            if cell_len(kept + char) > room:
                break
            kept = char + kept if keep_end else kept + char
        return self.dots + kept if keep_end else kept + self.dots

    def _has(self, text: str) -> bool:
        try:
            text.encode(self._encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True


def print_paths(scan: Scan, out: TextIO, judgement: Judgement | None = None) -> None:
    """Only the paths of findings, one a line: what ``-q`` prints.

    Invisible characters are spelled out; exact names are in the JSON reports.

    Args:
        scan: a finished scan.
        out: usually stdout.
        judgement: what counts as a finding; what the scan's ``fail_on`` option says when None.
    """
    judged = judgement or judge_plainly(scan)
    for result in by_attention(scan.results):
        if judged.fails(result):
            out.write(encodable(visible(result.record.file.path), _encoding(out)) + "\n")


def print_summary(
    scan: Scan,
    out: TextIO,
    *,
    reports: Sequence[Path] = (),
    exit_code: int = 0,
    width: int | None = None,
    height: int | None = None,
    colour: bool | None = None,
) -> None:
    """Print what a scan found.

    Args:
        scan: a finished or interrupted scan.
        out: stdout or stderr.
        reports: files that were written.
        exit_code: what the process will end with; its meaning is printed when it is not 0.
        width: columns of the window, None for what the terminal says.
        height: lines of the window, None for what the terminal says.
        colour: whether to draw a table in colour; None: where ``out`` is a terminal. ``NO_COLOR`` is respected.
    """
    interactive = out.isatty() if colour is None else colour
    pen = _Pen(_encoding(out))
    rows = [_row(result, pen) for result in by_attention(scan.results) if _is_listed(result)]
    ends = [*_counts(scan, pen), *_places(reports, pen), *_ending(scan, exit_code, pen)]
    if not interactive:
        lines = [*(f"{row.mark}\t{row.number}\t{row.path}\t{row.why}" for row in rows), *(text.plain for text in ends)]
        out.write("".join(f"{line}\n" for line in lines))
        return
    window = shutil.get_terminal_size()
    columns = max(40, width or window.columns)
    console = Console(file=out, width=columns, force_terminal=colour, highlight=False, emoji=False)
    kept = max(_FEWEST_ROWS, (height or window.lines) - _ROWS_AROUND)
    parts: list[RenderableType] = [_table(rows[:kept], columns, pen)] if rows else []
    if len(rows) > kept:
        parts.append(Text(f"{pen.dots} and {len(rows) - kept:,} more; the reports list all of them.", style="dim"))
    for part in (*parts, *ends):
        console.print(part, soft_wrap=isinstance(part, Text))


def exit_meaning(exit_code: int) -> str:
    """What an exit code means, in a sentence without its number.

    Args:
        exit_code: what the process ends with.
    """
    return words.EXIT_MEANINGS.get(exit_code, "ended by the system")


def _is_listed(result: ImageResult) -> bool:
    """Whether a row is worth its place: what needs attention, and every error."""
    return needs_attention(result) or isinstance(result.outcome, Failure)


def _row(result: ImageResult, pen: _Pen) -> _Row:
    """A result as text that may be printed."""
    key, outcome = words.label_key(result), result.outcome
    if isinstance(outcome, Failure):
        p_fake, why = None, f"{outcome.message}; {outcome.hint}" if outcome.hint else outcome.message
    else:
        p_fake, reasons = outcome.verdict.p_fake, strongest(outcome.verdict.reasons)
        why = reasons[0].text if reasons else ""
        why = f"Contradiction: {why}" if reasons and reasons[0].conflict else why
    return _Row(
        key,
        f"{pen.shape(key)} {pen.text(words.short_headline(result))}",
        pen.number(p_fake),
        pen.text(result.record.file.path),
        pen.text(why, _REASON_CHARS),
    )


def _table(rows: Sequence[_Row], width: int, pen: _Pen) -> Table:
    """The findings as a table that fits the window: verdict and number whole, the rest for path and reason."""
    verdict = min(max(cell_len(row.mark) for row in rows), max(16, width // 3))
    rest = max(20, width - verdict - _NUMBER_WIDTH - 3 * _GAP)
    longest_path = max(cell_len(row.path) for row in rows)
    longest_why = max(cell_len(row.why) for row in rows)
    path = min(longest_path, max(rest * 2 // 5, rest - longest_why))
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim", expand=False)
    for title, columns in (("Verdict", verdict), ("P(AI)", _NUMBER_WIDTH), ("File", path), ("Why", rest - path)):
        justify: Literal["left", "right"] = "right" if title == "P(AI)" else "left"
        table.add_column(title, width=columns, no_wrap=True, overflow="crop", justify=justify)
    for row in rows:
        mark = Text(pen.cut(row.mark, verdict), style=_STYLES[row.key])
        file = Text(pen.cut(row.path, path, keep_end=True))
        table.add_row(mark, Text(row.number), file, Text(pen.cut(row.why, rest - path), style="dim"))
    return table


def _counts(scan: Scan, pen: _Pen) -> list[Text]:
    """The counts as one line."""
    summary = scan.summary
    line = Text(f"{words.count(summary['images'], 'image')}: ")
    shown = [key for key in words.MARKS if summary[key]]
    if not shown:
        line.append("nothing was examined")
    for index, key in enumerate(shown):
        line.append(", " if index else "").append(
            f"{pen.shape(key)} {summary[key]:,} {words.COUNTED[key]}", style=_STYLES[key]
        )
    if summary["skipped"]:
        line.append(f"; {summary['skipped']:,} skipped")
    lines = [line]
    if scan.from_cache:
        cached = set(scan.from_cache)
        taken = sum(result.record.file.sha256 in cached for result in scan.results)
        lines.append(Text(f"{taken:,} of the answers are the same model's of earlier runs (--no-cache asks it again)."))
    if scan.interrupted:
        lines.append(Text("The scan was stopped before its end; files that are not counted were not examined."))
    return lines


def _places(reports: Sequence[Path], pen: _Pen) -> list[Text]:
    """Where reports lie."""
    return [Text(f"Report: {pen.text(str(path))}") for path in reports]


def _ending(scan: Scan, exit_code: int, pen: _Pen) -> list[Text]:
    """What else must be said last."""
    lines = []
    moved = sum(any(reason.text.startswith(NOT_HOLDING) for reason in _reasons(item)) for item in scan.results)
    if moved:
        lines.append(
            Text(f"{words.count(moved, 'verdict')} did not hold when the picture was encoded anew: inconclusive.")
        )
    if scan.model is not None and not scan.calibration:
        lines.append(Text("The model is not calibrated: its numbers are scores, not probabilities."))
    lines += [Text(pen.text(words)) for words in promises(scan.calibration)]
    if exit_code:
        lines.append(Text(f"Exit code {exit_code}: {exit_meaning(exit_code)}."))
    return lines


def _reasons(result: ImageResult) -> Sequence[Reason]:
    return () if isinstance(result.outcome, Failure) else result.outcome.verdict.reasons


def _encoding(out: TextIO) -> str:
    """Encoding of a stream; one without any (a string) takes everything."""
    return getattr(out, "encoding", None) or "utf-8"
