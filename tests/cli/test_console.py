"""What is seen while a scan runs."""

from __future__ import annotations

import io
from typing import Any

import pytest

from fakescan.cli.console import Watch, duration
from fakescan.core.options import Setting, options_from
from tests.support.builders import MODEL, assessed, failed, scan


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def watch(stream: io.StringIO, clock: Clock | None = None, *, quiet: bool = False, **values: Any) -> Watch:
    options = options_from({name: Setting(value, "test") for name, value in values.items()})
    return Watch(options, quiet=quiet, stream=stream, clock=clock or Clock())


def test_a_pipe_gets_a_few_plain_lines() -> None:
    out, clock = io.StringIO(), Clock()
    with watch(out, clock) as seen:
        seen.discovered(100, 2)
        seen.model_ready(MODEL)
        for done in range(1, 101):
            clock.now += 1
            seen.result(assessed(f"{done}.jpg", text=False), done, 100)
            seen.caught_up(done, 100)
        seen.finished(scan())
    lines = out.getvalue().splitlines()
    assert lines[:2] == ["100 files to examine, 2 skipped", "model: weightless on cpu in float32"]
    assert len(lines) == 2 + 3
    assert lines[2] == "30 of 100, 1.0 images/s, 70 s left: 30 likely AI-generated"
    assert "\x1b" not in out.getvalue()


def test_a_slow_batch_is_counted_whole_before_its_pace_is_told() -> None:
    out, clock = io.StringIO(), Clock()
    with watch(out, clock, reasoning="none") as seen:
        seen.discovered(24, 0)
        seen.model_ready(MODEL)
        clock.now += 80  # eight pictures take 80 s and come all at once
        for done in range(1, 9):
            seen.result(assessed(f"{done}.jpg", text=False), done, 24)
        seen.caught_up(8, 24)
    assert out.getvalue().splitlines()[-1].startswith("8 of 24, 10.0 s an image, 3 min left")


def test_a_terminal_gets_a_bar_and_it_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    with watch(out) as seen:
        seen.discovered(2, 0)
        seen.loading_model("nano")
        seen.model_ready(MODEL)
        seen.result(assessed("a"), 1, 2)
        seen.result(failed("b"), 2, 2)
        seen.caught_up(2, 2)
    text = out.getvalue()
    assert "2/2" in text
    assert "1 likely AI-generated, 1 failed" in text


def test_the_bar_goes_away_on_a_fault_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()

    def interrupted() -> None:
        with watch(out) as seen:
            seen.discovered(2, 0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    shown_cursor = "\x1b[?25h"
    assert shown_cursor in out.getvalue()


def test_quiet_shows_warnings_only() -> None:
    out = io.StringIO()
    with watch(out, quiet=True) as seen:
        seen.discovered(2, 0)
        seen.model_ready(MODEL)
        seen.result(assessed("a"), 1, 2)
        seen.warned("odd")
    assert out.getvalue() == "warning: odd\n"


def test_names_are_shown_escaped() -> None:
    out = io.StringIO()
    with watch(out) as seen:
        seen.warned("file \x1b[31m[bold]\n")
    assert out.getvalue() == "warning: file \\x1b[31m[bold]\\n\n"


@pytest.mark.parametrize(
    ("files", "reasoning", "told"), [(2000, "all", True), (10, "all", False), (2000, "none", False)]
)
def test_slow_texts_are_announced_with_the_quicker_way(files: int, reasoning: str, told: bool) -> None:
    out = io.StringIO()
    with watch(out, reasoning=reasoning) as seen:
        seen.discovered(files, 0)
        for done in range(1, 4):
            seen.result(assessed("a", text=reasoning == "all"), done, files)
    assert out.getvalue().count("--reasoning flagged") == int(told)
    if told:
        assert "about 8 min more" in out.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "1 h 00 min"), (7500, "2 h 05 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
