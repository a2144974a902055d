from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakescan.core.records import Evidence, Label, Scan, ScoreKind, Strength, Supports
from fakescan.desk.diff import Change, Difference, Kind, compare
from tests.unit.reports.conftest import CALIBRATION, build_result, build_scan


def only(found: Difference) -> Change:
    (change,) = found.changes
    return change


def one(name: str = "a.jpg", label: Label | None = Label.REAL, p_fake: float | None = 0.1, **more: Any) -> Scan:
    return build_scan([build_result(name, label, p_fake, **more)])


def test_the_same_scan_has_no_changes(press_scan: Scan, hostile_scan: Scan) -> None:
    for scan in (press_scan, hostile_scan):
        found = compare(scan, scan)
        assert (found.changes, found.circumstances, found.compared) == ((), (), len(scan.results))
        assert found.largest_move == 0


def test_a_changed_verdict_says_what_changed_around_it() -> None:
    before = one()
    assert before.model is not None
    after = replace(
        one(label=Label.FAKE, p_fake=0.91),
        model=replace(before.model, weights_sha256="f" * 64, name="nano-2"),
        calibration={ScoreKind.BEFORE: replace(CALIBRATION, bias=1)},
        options={**before.options, "policy": "strict", "trust_list": "ours.pem"},
        tool_version="0.2.0",
    )
    change = only(compare(before, after))
    assert (change.kind, change.before, change.after, change.flipped) == (Kind.VERDICT, "real", "fake", True)
    reasons = "\n".join(change.reasons)
    for part in (
        "P(AI-generated) went from 0.100000 to 0.910000",
        "model: fakescan-nano-1 (9b1d9b1d9b1d) became nano-2 (ffffffffffff)",
        "the calibration changed",
        "option policy: balanced became strict",
        "option trust_list: None became ours.pem",
        "fakescan: 0.1.0 became 0.2.0",
    ):
        assert part in reasons
    assert compare(before, after).largest_move == pytest.approx(0.81)


def test_evidence_that_came_or_went_is_a_reason() -> None:
    mark = Evidence("generators", "parameters", "secret prompt", Supports.FAKE, Strength.UNSIGNED)
    change = only(compare(one(), one(label=Label.INCONCLUSIVE, evidence=(mark,))))
    assert "newly found in the file: generators parameters (unsigned, speaks for fake)" in change.reasons
    assert "secret prompt" not in "".join(change.reasons)
    assert not change.flipped
    back = only(compare(one(label=Label.INCONCLUSIVE, evidence=(mark,)), one()))
    assert any(reason.startswith("no longer found in the file") for reason in back.reasons)


def test_errors_that_come_and_go() -> None:
    gone = only(compare(one(), one(label=None)))
    assert (gone.before, gone.after) == ("real", "error")
    assert gone.reasons[0].startswith("it cannot be examined any more: the file ends")
    back = only(compare(one(label=None), one()))
    assert back.reasons[0].startswith("it could not be examined before")


def test_files_that_changed_moved_came_or_went() -> None:
    digest = "e" * 64
    assert only(compare(one(), one(digest=digest))).kind is Kind.CONTENT
    moved = only(compare(one(digest=digest), one("b.jpg", digest=digest)))
    assert (moved.kind, moved.path, moved.reasons) == (Kind.MOVED, "b.jpg", ("from a.jpg",))
    judged = only(compare(one(digest=digest), one("b.jpg", Label.FAKE, 0.9, digest=digest)))
    assert judged.kind is Kind.VERDICT
    assert [(c.kind, c.path) for c in compare(one(), one("b.jpg")).changes] == [
        (Kind.ADDED, "b.jpg"),
        (Kind.REMOVED, "a.jpg"),
    ]


def test_copies_are_paired_once() -> None:
    digest = "e" * 64
    before = build_scan([build_result(name, Label.REAL, 0.1, digest=digest) for name in ("a", "b")])
    after = build_scan([build_result(name, Label.REAL, 0.1, digest=digest) for name in ("c", "d", "e")])
    found = compare(before, after)
    assert [change.kind for change in found.changes] == [Kind.MOVED, Kind.MOVED, Kind.ADDED]


def test_as_plain_values(hostile_scan: Scan) -> None:
    found = compare(hostile_scan, build_scan([])).as_dict()
    assert found["verdicts_changed"] == 0
    assert {change["kind"] for change in found["changes"]} == {"removed"}
    assert any("path_b64" in change for change in found["changes"])
