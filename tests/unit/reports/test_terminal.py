from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from rich.cells import cell_len

from fakescan.core.records import ImageResult, Label, Scan
from fakescan.reports.terminal import exit_meaning, print_paths, print_summary

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def _table(scan: Scan, width: int = 110, height: int = 40, **more: object) -> str:
    out = StringIO()
    print_summary(scan, out, width=width, height=height, colour=True, **more)  # type: ignore[arg-type]
    return out.getvalue()


def _plain(scan: Scan, **more: object) -> str:
    out = StringIO()
    print_summary(scan, out, **more)  # type: ignore[arg-type]
    return out.getvalue()


def test_worst_first_then_counts_then_places(press_scan: Scan) -> None:
    lines = _plain(press_scan, reports=[Path("out.html")], exit_code=1).splitlines()
    assert lines[0].startswith("▲ Likely AI-generated\t0.93\tstall/market.jpg\tContradiction: ")
    assert lines[5].split("\t")[:3] == ["◆ Inconclusive", "—", "unknown.webp"]
    assert lines[6].split("\t")[2] == "incoming/half.jpg"
    assert lines[8:] == [
        "22 images: ▲ 3 likely AI-generated, ◆ 3 inconclusive, ○ 14 with no sign of AI generation found, "
        "✕ 2 could not be examined; 2 skipped",
        "Report: out.html",
        "Exit code 1: finished, with findings at or above the limit set by --fail-on.",
    ]


def test_a_pipe_gets_neither_colour_nor_a_cut(
    make_scan: Callable[..., Scan], make_result: Callable[..., ImageResult]
) -> None:
    text = _plain(make_scan([make_result(f"{index}.jpg", Label.FAKE, 0.9) for index in range(200)]))
    assert "\x1b" not in text
    assert len(text.splitlines()) == 201


def test_a_window_cuts_the_table_and_says_so(
    make_scan: Callable[..., Scan], make_result: Callable[..., ImageResult]
) -> None:
    scan = make_scan([make_result(f"{index}.jpg", Label.FAKE, 0.9) for index in range(200)])
    text = ANSI.sub("", _table(scan, height=30))
    assert text.count("Likely AI-generated") == 16
    assert "… and 184 more; the reports list all of them." in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_of_the_table_is_wider_than_the_window(press_scan: Scan, hostile_scan: Scan, width: int) -> None:
    for scan in (press_scan, hostile_scan):
        rows = [line for line in ANSI.sub("", _table(scan, width)).splitlines() if line[:1] in "▲◆○✕"]
        assert len(rows) >= 6
        assert max(cell_len(row) for row in rows) <= width


def test_the_end_of_a_long_path_is_kept(
    make_scan: Callable[..., Scan], make_result: Callable[..., ImageResult]
) -> None:
    text = ANSI.sub("", _table(make_scan([make_result("x" * 300 + "/name.jpg", Label.FAKE, 0.9)]), 80))
    assert "/name.jpg" in text
    assert "…xx" in text


def test_hostile_text_steers_no_terminal(hostile_scan: Scan) -> None:
    for text in (_plain(hostile_scan), ANSI.sub("", _table(hostile_scan, 300))):
        assert all(char.isprintable() or char in "\n\t" for char in text)
        assert "rtl\\u202egpj.exe.jpg" in text
        assert "[bold red]rich[/]" in text


def test_a_code_page_without_the_shapes_gets_letters(press_scan: Scan, hostile_scan: Scan) -> None:
    for encoding in ("cp437", "ascii"):
        for colour in (True, False):
            raw = BytesIO()
            out = TextIOWrapper(raw, encoding=encoding)
            print_summary(press_scan, out, colour=colour, width=80, height=40)
            print_summary(hostile_scan, out, colour=colour, width=80, height=40)
            print_paths(hostile_scan, out)
            out.flush()
            assert "! Likely AI-generated" in raw.getvalue().decode(encoding)


def test_paths_only(press_scan: Scan) -> None:
    out = StringIO()
    print_paths(press_scan, out)
    assert out.getvalue() == "stall/market.jpg\nstall/crowd at dawn.jpg\nportraits/portrait_07.png\n"


@pytest.mark.parametrize(("fail_on", "lines"), [("inconclusive", 6), ("never", 0), ("fake", 3), (None, 3), (7, 3)])
def test_paths_follow_the_limit_of_the_scan(
    make_scan: Callable[..., Scan], press_scan: Scan, fail_on: object, lines: int
) -> None:
    out = StringIO()
    print_paths(make_scan(press_scan.results, options={"fail_on": fail_on}), out)
    assert len(out.getvalue().splitlines()) == lines


def test_paths_of_hostile_names_stay_on_their_lines(hostile_scan: Scan, make_scan: Callable[..., Scan]) -> None:
    out = StringIO()
    print_paths(make_scan(hostile_scan.results, options={"fail_on": "inconclusive"}), out)
    assert len(out.getvalue().splitlines()) == 8
    assert "new\\nline.jpg" in out.getvalue()


def test_nothing_found_and_nothing_wrong(
    make_scan: Callable[..., Scan], make_result: Callable[..., ImageResult]
) -> None:
    assert _plain(make_scan([])) == "0 images: nothing was examined\n"
    clean = _plain(make_scan([make_result("a.jpg", Label.REAL, 0.1)]))
    assert clean == "1 image: ○ 1 with no sign of AI generation found\n"


def test_what_must_be_said_is_said(make_scan: Callable[..., Scan], make_result: Callable[..., ImageResult]) -> None:
    text = _plain(make_scan([make_result("a.jpg", None)], calibration={}, interrupted=True), exit_code=130)
    assert "stopped before its end" in text
    assert "not calibrated" in text
    assert "Exit code 130: interrupted" in text
    assert "✕ Could not be examined\t—\ta.jpg\tthe file ends after" in text


def test_every_exit_code_has_its_meaning() -> None:
    assert len({exit_meaning(code) for code in (0, 1, 2, 3, 130, 99)}) == 6
