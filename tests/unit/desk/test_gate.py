from __future__ import annotations

from pathlib import Path

import pytest

from fakescan.core.records import Evidence, EvidenceStatus, Label, Scan, Strength, Supports
from fakescan.desk import baseline as baselines
from fakescan.desk import gate as gates
from fakescan.desk.judge import judge
from fakescan.errors import ConfigError
from fakescan.reports.judgement import FindingKind
from tests.unit.reports.conftest import build_result, build_scan

SIGNED = Evidence("c2pa", "claim", "x", Supports.NONE, Strength.TRUSTED)
BROKEN = Evidence("c2pa", "broken signature", "x")
SILENT = Evidence("c2pa", "manifest", "", status=EvidenceStatus.SILENT)
NOT_RUN = Evidence("c2pa", "manifest", "", status=EvidenceStatus.NOT_RUN)
FAILED = Evidence("c2pa", "manifest", "", status=EvidenceStatus.FAILED)
MARK = Evidence("generators", "parameters", "x", Supports.FAKE, Strength.UNSIGNED)


def gate(tmp_path: Path, text: str, *, with_baseline: bool = False) -> gates.Gate:
    path = tmp_path / "gate.toml"
    path.write_text(text, encoding="utf-8")
    return gates.read(path, with_baseline=with_baseline)


def rule(words: str, paths: str = '["*"]') -> str:
    return f"[[rule]]\npaths = {paths}\nfail_on = {words}\n"


def test_the_first_rule_that_matches_decides(tmp_path: Path) -> None:
    rules = gate(tmp_path, rule("[]", '["fixtures/"]') + rule('["fake"]', '["*.png", "!keep.png"]'))
    decided = [rules.rule_for(path) for path in ("fixtures/a.png", "x/a.png", "keep.png", "a.jpg")]
    assert [item.number if item else None for item in decided] == [1, 2, None, None]


def test_what_fails_by_path(tmp_path: Path) -> None:
    scan = build_scan(
        [
            build_result("fixtures/a.jpg", Label.FAKE, 0.9),
            build_result("press/b.jpg", Label.INCONCLUSIVE, 0.5),
            build_result("press/c.jpg", None),
            build_result("other/d.jpg", Label.FAKE, 0.9),
            build_result("other/e.jpg", Label.INCONCLUSIVE, 0.5),
            build_result("other/f.jpg", None),
        ]
    )
    rules = rule("[]", '["fixtures/"]') + rule('["inconclusive", "error"]', '["press/"]')
    judgement = judge(scan, gate=gate(tmp_path, rules))
    failing = {result.record.file.path for result in scan.results if judgement.fails(result)}
    assert failing == {"press/b.jpg", "press/c.jpg", "other/d.jpg"}
    assert len(list(judgement)) == 6, "what does not fail is still said"


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ((SIGNED,), None),
        ((SILENT,), "carries no Content Credentials"),
        ((BROKEN,), "are not intact"),
        ((NOT_RUN,), "could not be found out"),
        ((FAILED,), "could not be found out"),
        ((), "could not be found out"),
    ],
)
def test_missing_content_credentials(tmp_path: Path, evidence: tuple[Evidence, ...], said: str | None) -> None:
    scan = build_scan([build_result("a.jpg", Label.REAL, 0.1, evidence=evidence)])
    judgement = judge(scan, gate=gate(tmp_path, rule('["missing-content-credentials"]')))
    assert judgement.failing == (said is not None)
    assert all(said is not None and said in finding.text for finding in judgement)
    assert not judge(scan, gate=gate(tmp_path, rule('["fake"]'))).failing


def test_lost_marks(tmp_path: Path) -> None:
    before = build_scan([build_result("a.jpg", Label.REAL, 0.1, evidence=(MARK, SIGNED))], options={"paths": ["."]})
    known = baselines.create(before)
    rules = gate(tmp_path, rule('["lost-marks"]'), with_baseline=True)
    assert not judge(before, gate=rules, baseline=known).failing
    after = build_scan([build_result("a.jpg", Label.REAL, 0.1, digest="e" * 64)], options={"paths": ["."]})
    (finding,) = judge(after, gate=rules, baseline=known)
    assert finding.kind is FindingKind.LOST_MARKS
    assert "the mark of an AI generator" in finding.text
    assert "its Content Credentials" in finding.text
    assert finding.fails


def test_marks_that_cannot_be_looked_up_are_told(tmp_path: Path) -> None:
    def scan(path: str, given: str, root: str) -> Scan:
        return build_scan([build_result(path, Label.REAL, 0.1)], root=root, options={"paths": [given]})

    marked = build_scan(
        [build_result("a.jpg", Label.REAL, 0.1, evidence=(MARK,))], root="/w/in", options={"paths": ["in"]}
    )
    known = baselines.create(marked)
    rules = gate(tmp_path, rule('["lost-marks"]'), with_baseline=True)
    unknown = scan("a.jpg", "/w/in", "/w/in")
    (note,) = judge(unknown, gate=rules, baseline=known).notes
    assert "--relative-to" in note
    told = judge(unknown, gate=rules, baseline=known, base="/w")
    assert told.failing
    assert told.notes == ()
    assert judge(scan("b.jpg", "in", "/w/in"), gate=rules, baseline=known).notes == (), "a file that is new"


def test_accepted_findings_pass_the_gate_and_reopened_ones_are_told(tmp_path: Path) -> None:
    scan = build_scan([build_result("a.jpg", Label.FAKE, 0.9)])
    known = baselines.create(scan)
    judgement = judge(scan, gate=gate(tmp_path, rule('["fake"]')), baseline=known)
    assert not judgement.failing
    assert judgement.accepted == 1
    assert judgement.notes == ()
    newer = build_scan(scan.results, options={"threshold": 0.2})
    reopened = judge(newer, baseline=known)
    assert reopened.failing
    assert reopened.notes[0].startswith("1 accepted finding is open again")


def test_patterns_start_where_the_check_was_started(tmp_path: Path) -> None:
    scan = build_scan([build_result("a.jpg", Label.FAKE, 0.9)], root="/w/press", options={"paths": ["press"]})
    assert not judge(scan, gate=gate(tmp_path, rule("[]", '["/press/"]'))).failing
    assert judge(scan, gate=gate(tmp_path, rule("[]", '["/press/"]')), base="/w/press").failing


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = (
        'name = "x"\n[[rule]]\npath = ["a"]\nfail_on = ["fkae", "fake"]\n'
        '[[rule]]\npaths = "press/"\nfail_on = "fake"\n[[rule]]\npaths = ["a"]\nfail_on = ["lost-marks"]\n'
    )
    with pytest.raises(ConfigError) as caught:
        gate(tmp_path, text)
    said = "\n".join(caught.value.faults)
    for part in (
        "unknown word name",
        "rule 1: unknown word path (did you mean paths?)",
        "rule 1: paths is not a list",
        "rule 1: fail_on: unknown word fkae (did you mean fake?)",
        "rule 2: paths is not a list",
        "rule 2: fail_on is not a list",
        "lost-marks needs --baseline",
    ):
        assert part in said
    assert len(caught.value.faults) == 7


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "no [[rule]]"), (b"rule = 3", "written [[rule]]"), (b"= x", "not TOML"), (b"\xff\xfe", "not TOML")],
)
def test_what_is_no_gate_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "gate.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        gates.read(path, with_baseline=False)
    assert said in caught.value.faults[0]
    with pytest.raises(ConfigError):
        gates.read(tmp_path / "none.toml", with_baseline=False)


def test_a_range_that_cannot_be_is_a_fault_and_an_odd_bracket_is_none(tmp_path: Path) -> None:
    assert gate(tmp_path, rule('["fake"]', '["[[]"]')).rule_for("[") is not None
    with pytest.raises(ConfigError, match="paths"):
        gate(tmp_path, rule('["fake"]', '["[b-a]"]'))
