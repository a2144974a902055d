"""Workflow commands, read back as the runner reads them."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

from fakescan.core.records import Label, Scan
from fakescan.reports.github import MAX_SHOWN, GithubRenderer
from fakescan.reports.judgement import Finding, FindingKind, Judgement
from tests.unit.reports.conftest import build_result, build_scan

COMMAND = re.compile(r"::(?P<level>error|warning|notice) (?P<properties>[^:]*)::(?P<data>.*)")


def decode(text: str, *more: tuple[str, str]) -> str:
    for code, char in (*more, ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, char)
    return text


def commands(scan: Scan, **given: Any) -> list[dict[str, str]]:
    out = StringIO()
    GithubRenderer(**given).render(scan, out)
    found = []
    for line in out.getvalue().split("\n")[:-1]:
        match = COMMAND.fullmatch(line)
        assert match, line
        pairs = dict(item.split("=", 1) for item in match["properties"].split(","))
        values = {name: decode(value, ("%3A", ":"), ("%2C", ",")) for name, value in pairs.items()}
        found.append({"level": match["level"], "text": decode(match["data"]), **values})
    return found


def test_annotations_of_a_scan(press_scan: Scan) -> None:
    found = commands(press_scan)
    assert [item["level"] for item in found] == ["error"] * 5 + ["warning"] * 3 + ["notice"]
    assert found[0]["file"] == "stall/market.jpg"
    assert found[0]["title"] == "Likely AI-generated"
    assert found[3]["title"] == "Could not be examined"
    assert "22 images: 3 likely AI-generated" in found[-1]["text"]


def test_no_file_name_gives_the_runner_a_command() -> None:
    names = ["a,line=9,title=x.png", "b::warning::c%0A::error::d.png", "e\n::set-output name=x::1.png", "100%25.png"]
    found = commands(build_scan([build_result(name, Label.FAKE, 0.9) for name in names]))
    assert len(found) == 5
    shown = {name.replace("\n", "\\n") for name in names}
    assert {item["file"] for item in found[:-1]} == shown
    assert {item["line"] for item in found[:-1]} == {"1"}


def test_only_as_many_as_a_step_can_show() -> None:
    found = commands(build_scan([build_result(f"{index:02}.png", Label.FAKE, 0.9) for index in range(25)]))
    assert [item["level"] for item in found] == ["error"] * MAX_SHOWN + ["notice"]
    assert found[-1]["text"].endswith("15 more are in the report.")


def test_accepted_findings_are_only_counted(press_scan: Scan) -> None:
    accepted = Judgement({"bridge.jpg": (Finding(FindingKind.FAKE, "Fake.", False, "Known."),)})
    (notice,) = commands(press_scan, judgement=accepted)
    assert "1 finding is accepted in the baseline." in notice["text"]


def test_a_stopped_scan_says_so(press_scan: Scan) -> None:
    levels = [item["text"] for item in commands(build_scan(press_scan.results[:1], interrupted=True))]
    assert "The scan was stopped before its end." in levels
