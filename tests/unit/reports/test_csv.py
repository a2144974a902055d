from __future__ import annotations

import csv
from dataclasses import replace
from io import StringIO

import pytest

from fakescan.core.checked import Claim, ClaimMark, Rescored
from fakescan.core.records import Label, Scan, Stage
from fakescan.reports.csv import COLUMNS, CsvRenderer, cell


def _text(scan: Scan) -> str:
    out = StringIO(newline="")
    CsvRenderer().render(scan, out)
    return out.getvalue()


def _rows(scan: Scan) -> list[dict[str, str]]:
    text = _text(scan)
    assert text.startswith("\ufeff")
    return list(csv.DictReader(StringIO(text[1:], newline="")))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=1+1", "'=1+1"),
        ("+SUM(1).jpg", "'+SUM(1).jpg"),
        ("-rf.jpg", "'-rf.jpg"),
        ("@cmd", "'@cmd"),
        ("  =1", "'  =1"),
        ("＝1", "'＝1"),
        ("\t=1", "\\t=1"),
        ("a=1", "a=1"),
        (-0.25, "-0.250000"),
        (True, "yes"),
        (False, "no"),
        (None, ""),
        (12, "12"),
    ],
)
def test_no_cell_is_a_formula(value: object, text: str) -> None:
    assert cell(value) == text


def test_a_row_a_file(press_scan: Scan) -> None:
    rows = _rows(press_scan)
    assert len(rows) == 22
    assert tuple(rows[0]) == COLUMNS
    by_path = {row["path"]: row for row in rows}
    market = by_path["stall/market.jpg"]
    assert (market["verdict"], market["p_fake"], market["conflict"], market["calibrated"]) == (
        "fake", "0.931000", "yes", "yes",
    )  # fmt: skip
    assert (market["p_fake_before_text"], market["p_fake_after_text"], market["score_used"]) == (
        "0.931000", "0.880000", "before",
    )  # fmt: skip
    half = by_path["incoming/half.jpg"]
    assert (half["status"], half["verdict"], half["p_fake"], half["error_code"]) == ("error", "error", "", "truncated")
    assert by_path["unknown.webp"]["p_fake"] == ""


def test_hostile_names_keep_their_row_and_do_nothing(hostile_scan: Scan) -> None:
    rows = _rows(hostile_scan)
    assert len(rows) == len(hostile_scan.results)
    paths = [row["path"] for row in rows]
    assert "new\\nline.jpg" in paths
    assert '\'=HYPERLINK("http://example.invalid","x").jpg' in paths
    assert not [text for row in rows for text in row.values() if text.startswith(("=", "+", "@"))]
    assert _text(hostile_scan).count("\r\n") == len(rows) + 1


def test_checks_have_columns(press_scan: Scan) -> None:
    stability = (Rescored("a", 0.91, Label.FAKE), Rescored("b", 0.5, Label.INCONCLUSIVE))
    claims = (Claim(Stage.REASONING, "x", ClaimMark.CONTRADICTED), Claim(Stage.REASONING, "y", ClaimMark.SUPPORTED))
    path = "stall/market.jpg"
    results = [
        replace(item, stability=stability, claims=claims) if item.record.file.path == path else item
        for item in press_scan.results
    ]
    rows = {row["path"]: row for row in _rows(replace(press_scan, results=tuple(results)))}
    names = ("tried", "other_label", "p_fake_low", "p_fake_high")
    assert [rows[path][f"encodings_{name}"] for name in names] == ["2", "1", "0.500000", "0.910000"]
    marks = ("supported", "unsupported", "contradicted", "not_checkable")
    assert [rows[path][f"claims_{mark}"] for mark in marks] == ["1", "0", "1", "0"]
    other = rows["bridge.jpg"]
    assert {other[f"encodings_{name}"] for name in names} | {other[f"claims_{mark}"] for mark in marks} == {""}
