from __future__ import annotations

import pytest

from fakescan.core.records import Scan
from fakescan.reports.judgement import Finding, FindingKind, Judgement, fail_on_of, judge_plainly
from tests.unit.reports.conftest import build_result, build_scan


@pytest.mark.parametrize(
    ("fail_on", "failing"), [("fake", 3), ("inconclusive", 6), ("never", 0), (None, 3), ("nonsense", 3)]
)
def test_what_fails_follows_fail_on(press_scan: Scan, fail_on: str | None, failing: int) -> None:
    scan = build_scan(press_scan.results, options={"fail_on": fail_on})
    judgement = judge_plainly(scan)
    assert sum(judgement.fails(result) for result in scan.results) == failing
    assert judgement.failing == (failing > 0)
    kinds = [finding.kind for finding in judgement]
    assert [kinds.count(kind) for kind in FindingKind] == [3, 3, 0, 0, 2]
    assert not any(finding.fails for finding in judgement if finding.kind is FindingKind.ERROR)
    assert fail_on_of(scan).value == (fail_on if fail_on in ("inconclusive", "never") else "fake")


def test_sentences_say_what_and_why(press_scan: Scan) -> None:
    judgement = judge_plainly(press_scan)
    texts = {path: found[0].text for path, found in judgement.by_path.items()}
    assert texts["stall/market.jpg"].startswith("Likely AI-generated. The file carries a generator's settings")
    assert texts["incoming/half.jpg"] == (
        "Could not be examined: The file ends after 1,024 of 98,210 bytes. Ask for the file again."
    )
    assert not any("city/" in path for path in texts), "nothing is said against a picture without a finding"


def test_what_fails_comes_first() -> None:
    found = tuple(
        Finding(kind, kind.value, fails, accepted)
        for kind, fails, accepted in [
            (FindingKind.FAKE, False, "known"),
            (FindingKind.INCONCLUSIVE, False, ""),
            (FindingKind.LOST_MARKS, True, ""),
        ]
    )
    judgement = Judgement({"a.jpg": found})
    assert [item.text for item in judgement.of(build_result("a.jpg"))] == ["lost-marks", "inconclusive", "fake"]
    assert judgement.accepted == 1
