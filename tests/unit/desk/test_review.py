from __future__ import annotations

import json
from pathlib import Path

import pytest

from fakescan.core.records import Label, Scan
from fakescan.desk import chain
from fakescan.desk import review as reviews
from fakescan.desk.review import Decision, Precision
from fakescan.errors import InputError
from tests.unit.reports.conftest import build_result, build_scan


def three() -> Scan:
    return build_scan(
        [
            build_result("a.jpg", Label.FAKE, 0.93),
            build_result("b.jpg", Label.FAKE, 0.9),
            build_result("c.jpg", Label.REAL, 0.1),
        ]
    )


def test_decisions_are_added_and_the_last_one_counts(tmp_path: Path) -> None:
    place, scan = tmp_path / "r.jsonl", three()
    assert reviews.read(place)[0] == []
    for path, decision in (("a.jpg", Decision.REAL), ("b.jpg", Decision.FAKE), ("a.jpg", Decision.FAKE)):
        before = place.read_bytes() if place.exists() else b""
        made = reviews.add(place, reviews.find(scan, path), decision, " J. Doe ", "looked\nat it")
        assert place.read_bytes().startswith(before)
        assert (made.examiner, made.machine) == ("J. Doe", "fake")
    found, last = reviews.read(place)
    assert len(found) == 3
    assert len(last) == 64
    assert [(item.path, item.decision) for item in reviews.latest(found)] == [
        ("a.jpg", Decision.FAKE),
        ("b.jpg", Decision.FAKE),
    ]
    assert len(place.read_bytes().splitlines()) == 3


def test_hostile_names_come_back_as_they_were(tmp_path: Path, hostile_scan: Scan) -> None:
    place = tmp_path / "r.jsonl"
    for result in hostile_scan.results:
        reviews.add(place, result, Decision.UNDECIDED, result.record.file.path.encode("utf-8", "replace").decode())
    found, _ = reviews.read(place)
    assert [item.path for item in found] == [result.record.file.path for result in hostile_scan.results]


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_changed_or_lost_line_stops_everything(tmp_path: Path, line: int) -> None:
    place, scan = tmp_path / "r.jsonl", three()
    for result in scan.results:
        reviews.add(place, result, Decision.FAKE, "x")
    lines = place.read_bytes().splitlines(keepends=True)
    edited = [*lines[:line], lines[line].replace(b'"decision": "fake"', b'"decision": "real"'), *lines[line + 1 :]]
    for content in (edited, [*lines[:line], *lines[line + 1 :]] if line < 2 else edited):
        place.write_bytes(b"".join(content))
        with pytest.raises(InputError, match=f"line {line + 1} of"):
            reviews.read(place)
        with pytest.raises(InputError):
            reviews.add(place, scan.results[0], Decision.REAL, "x")
        assert place.read_bytes() == b"".join(content)


@pytest.mark.parametrize("content", [b"\xff", b"[]\n", b"{\n", b'{"a": 1}\n'])
def test_what_is_no_review_file_is_told(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "r.jsonl"
    place.write_bytes(content)
    with pytest.raises(InputError):
        reviews.read(place)


def test_a_whole_chain_of_something_else_is_damaged(tmp_path: Path) -> None:
    (line,), _ = chain.chained([{"path": "a", "sha256": "x", "decision": "maybe"}])
    (tmp_path / "r.jsonl").write_text(line)
    with pytest.raises(InputError, match=r"is damaged: line 1\.decision"):
        reviews.read(tmp_path / "r.jsonl")


def test_nobody_signs_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nobody signs"):
        reviews.add(tmp_path / "r.jsonl", three().results[0], Decision.FAKE, "  ")
    assert not (tmp_path / "r.jsonl").exists()
    with pytest.raises(InputError, match="no file"):
        reviews.find(three(), "z.jpg")


def test_precision_with_its_interval(tmp_path: Path) -> None:
    place, scan = tmp_path / "r.jsonl", three()
    for path, decision in (("a.jpg", Decision.FAKE), ("b.jpg", Decision.REAL), ("c.jpg", Decision.UNDECIDED)):
        reviews.add(place, reviews.find(scan, path), decision, "x")
    fake, real = reviews.precision(reviews.latest(reviews.read(place)[0]))
    assert (fake, real) == (Precision("fake", 1, 2), Precision("real", 0, 0))
    assert real.interval == (0.0, 1.0)
    # Wilson's interval for 8 of 10, as in Brown, Cai and DasGupta (2001).
    assert Precision("fake", 8, 10).interval == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_where_reviews_lie(tmp_path: Path) -> None:
    assert reviews.place_of(tmp_path) == tmp_path / "reviews.jsonl"
    assert reviews.place_of(tmp_path / "r.json") == tmp_path / "r.json.reviews.jsonl"


def test_lines_are_json_that_anybody_can_read(tmp_path: Path) -> None:
    reviews.add(tmp_path / "r.jsonl", three().results[0], Decision.FAKE, "x", "ü")
    entry = json.loads((tmp_path / "r.jsonl").read_text(encoding="ascii"))
    assert (entry["note"], entry["machine"], entry["p_fake"], entry["at"][-1]) == ("ü", "fake", 0.93, "Z")
