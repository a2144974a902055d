"""JUnit XML as junitparser reads it."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase

from fakescan.core.records import Scan
from fakescan.reports.judgement import Finding, FindingKind, Judgement
from fakescan.reports.junit import JunitRenderer
from tests.unit.reports.conftest import build_scan


def text_of(scan: Scan, **given: Any) -> str:
    out = StringIO()
    JunitRenderer(**given).render(scan, out)
    return out.getvalue()


def cases_of(scan: Scan, **given: Any) -> dict[str, Any]:
    return {
        f"{case.classname}/{case.name}": case
        for suite in JUnitXml.fromstring(text_of(scan, **given).encode())
        for case in suite
    }


def outcome(case: Any) -> Any:
    return type(case.result[0]) if case.result else None


def test_each_file_is_a_case_with_its_outcome(press_scan: Scan) -> None:
    cases = cases_of(press_scan)
    assert len(cases) == 22
    kinds = [outcome(case) for case in cases.values()]
    assert [kinds.count(kind) for kind in (Failure, Error, Skipped, None)] == [3, 2, 3, 14]
    assert outcome(cases["stall/market.jpg"]) is Failure
    assert cases["stall/market.jpg"].result[0].type == "fake"
    assert "generator's settings" in cases["stall/market.jpg"].result[0].message
    assert outcome(cases["./bridge.jpg"]) is Skipped
    assert "P(AI-generated): 0.931000, threshold 0.5" in cases["stall/market.jpg"].system_out


def test_what_fails_follows_fail_on(press_scan: Scan) -> None:
    cases = cases_of(build_scan(press_scan.results, options={"fail_on": "never"}))
    assert [outcome(case) for case in cases.values()].count(Failure) == 0
    assert outcome(cases["stall/market.jpg"]) is Skipped, "a finding never passes"


@pytest.mark.parametrize("which", ["press", "hostile", "empty", "stopped"])
def test_round_trips_through_junitparser(which: str, tmp_path: Path, press_scan: Scan, hostile_scan: Scan) -> None:
    scan = {
        "press": press_scan,
        "hostile": hostile_scan,
        "empty": build_scan([]),
        "stopped": build_scan(press_scan.results, interrupted=True),
    }[which]
    first = JUnitXml.fromstring(text_of(scan).encode())
    stated = (first.tests, first.failures, first.errors, first.skipped)
    first.write(str(tmp_path / "again.xml"))
    again = JUnitXml.fromfile(str(tmp_path / "again.xml"))
    again.update_statistics()  # type: ignore[no-untyped-call]
    assert (again.tests, again.failures, again.errors, again.skipped) == stated
    names = [[case.name for case in suite] for suite in first]
    assert [[case.name for case in suite] for suite in again] == names
    for before, after in zip(first, again, strict=True):
        assert (before.tests, before.failures, before.errors) == (after.tests, after.failures, after.errors)


@pytest.mark.parametrize(("results", "interrupted"), [((), False), ((), True)])
def test_a_run_without_images_does_not_pass(results: Any, interrupted: bool) -> None:
    (case,) = cases_of(build_scan(results, interrupted=interrupted)).values()
    assert isinstance(case, TestCase)
    assert outcome(case) is Error


def test_gate_and_baseline(press_scan: Scan) -> None:
    judgement = Judgement(
        {
            "bridge.jpg": (Finding(FindingKind.LOST_MARKS, "Lost.", True), Finding(FindingKind.FAKE, "Fake.", True)),
            "stall/market.jpg": (Finding(FindingKind.FAKE, "Fake.", False, "Accepted."),),
            "incoming/half.jpg": (Finding(FindingKind.ERROR, "Broken.", True),),
        }
    )
    cases = cases_of(press_scan, judgement=judgement)
    assert cases["./bridge.jpg"].result[0].text == "Lost.\nFake."
    assert outcome(cases["stall/market.jpg"]) is Skipped
    assert cases["stall/market.jpg"].result[0].message == "Fake. Accepted."
    assert outcome(cases["incoming/half.jpg"]) is Error
