from __future__ import annotations

import json
from io import StringIO

from fakescan.core.records import Scan
from fakescan.core.schema import scan_from_json
from fakescan.reports.json import JsonRenderer
from fakescan.reports.jsonl import JsonlRenderer


def _lines(scan: Scan) -> list[dict[str, object]]:
    out = StringIO()
    JsonlRenderer().render(scan, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_json_can_be_read_back(press_scan: Scan) -> None:
    out = StringIO()
    JsonRenderer().render(press_scan, out)
    again = scan_from_json(out.getvalue())
    assert again.summary == press_scan.summary
    assert [result.record.file.path for result in again.results] == [
        result.record.file.path for result in press_scan.results
    ]


def test_json_keeps_hostile_names_exactly(hostile_scan: Scan) -> None:
    out = StringIO()
    JsonRenderer().render(hostile_scan, out)
    again = scan_from_json(out.getvalue())
    assert {result.record.file.path for result in again.results} == {
        result.record.file.path for result in hostile_scan.results
    }


def test_lines_hold_header_results_skipped_and_summary(press_scan: Scan) -> None:
    lines = _lines(press_scan)
    assert [line["type"] for line in lines] == ["scan", *["result"] * 22, *["skipped"] * 2, "summary"]
    assert lines[0]["schema_version"] == "1"
    assert lines[0]["model"]
    assert "results" not in lines[0]
    assert lines[-1]["lines_before"] == len(lines) - 1
    assert lines[-1]["images"] == 22
    whole = StringIO()
    JsonRenderer().render(press_scan, whole)
    assert [{**line, "type": None} for line in lines[1:23]] == [
        {**result, "type": None} for result in json.loads(whole.getvalue())["results"]
    ]


def test_a_name_with_a_newline_stays_on_its_line(hostile_scan: Scan) -> None:
    lines = _lines(hostile_scan)
    assert len(lines) == 1 + len(hostile_scan.results) + 1 + 1
    assert "new\nline.jpg" in [line.get("path") for line in lines]
