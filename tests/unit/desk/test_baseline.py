from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakescan.core.options import Redact
from fakescan.core.records import Evidence, EvidenceStatus, ImageResult, Label, Scan, ScoreKind, Strength, Supports
from fakescan.desk import baseline as baselines
from fakescan.desk.baseline import Accepted, Baseline, Marked, judge_of
from fakescan.desk.marks import CREDENTIALS, marks_of
from fakescan.desk.redact import redact
from fakescan.errors import InputError
from tests.unit.reports.conftest import CALIBRATION, build_result, build_scan

GENERATOR = Evidence("generators", "parameters", "x", Supports.FAKE, Strength.UNSIGNED)
SIGNED = Evidence("c2pa", "claim", "x", Supports.FAKE, Strength.TRUSTED)
BROKEN = Evidence("c2pa", "broken signature", "x")


HERE = {"policy": "balanced", "paths": ["."]}
"""Options of a scan whose paths start at its root."""


def three() -> Scan:
    return build_scan(
        [
            build_result("a.jpg", Label.FAKE, 0.93, evidence=(GENERATOR,)),
            build_result("b.jpg", Label.INCONCLUSIVE, 0.5),
            build_result("c.jpg", Label.REAL, 0.1),
            build_result("d.jpg", None),
        ],
        options=HERE,
    )


def test_accepts_findings_and_no_errors() -> None:
    scan = three()
    made = baselines.create(scan)
    assert [(item.path, item.label) for item in made.accepted] == [
        ("a.jpg", Label.FAKE),
        ("b.jpg", Label.INCONCLUSIVE),
    ]
    assert [made.accepts(result, judge_of(scan)) for result in scan.results] == [True, True, False, False]
    assert [(item.path, item.marks) for item in made.marked] == [("a.jpg", ("claimed-ai",))]


def test_an_interrupted_scan_makes_none() -> None:
    stopped = replace(three(), interrupted=True)
    with pytest.raises(InputError, match="stopped before its end"):
        baselines.create(stopped)
    with pytest.raises(InputError, match="stopped before its end"):
        baselines.prune(Baseline(), stopped)


def changed(scan: Scan) -> dict[str, Scan]:
    assert scan.model is not None
    return {
        "weights": replace(scan, model=replace(scan.model, weights_sha256="f" * 64)),
        "prompt": replace(scan, model=replace(scan.model, prompt_version="9")),
        "calibration": replace(scan, calibration={ScoreKind.BEFORE: replace(CALIBRATION, bias=0.3)}),
        "threshold": replace(scan, options={**scan.options, "threshold": 0.4}),
        "policy": replace(scan, options={**scan.options, "policy": "strict"}),
    }


@pytest.mark.parametrize("what", ["weights", "prompt", "calibration", "threshold", "policy"])
def test_another_model_or_calibration_reopens(what: str) -> None:
    scan = three()
    made = baselines.create(scan)
    other = changed(scan)[what]
    finding = other.results[0]
    assert not made.accepts(finding, judge_of(other))
    assert made.reopens(finding, judge_of(other))
    assert not made.reopens(other.results[2], judge_of(other)), "what was never accepted cannot be reopened"
    again = baselines.update(made, other)
    assert again.accepts(finding, judge_of(other))


def test_device_and_number_format_do_not_reopen() -> None:
    scan = three()
    assert scan.model is not None
    elsewhere = replace(scan, model=replace(scan.model, device="cuda:0", dtype="float16"))
    assert judge_of(elsewhere) == judge_of(scan)


def test_other_bytes_or_another_verdict_are_not_accepted() -> None:
    scan = three()
    made = baselines.create(scan)
    edited = build_result("a.jpg", Label.FAKE, 0.93, digest="e" * 64)
    worse = build_result("b.jpg", Label.FAKE, 0.9)
    copy = build_result("copy.jpg", Label.FAKE, 0.93, digest=scan.results[0].record.file.sha256)
    assert [made.accepts(item, judge_of(scan)) for item in (edited, worse, copy)] == [False, False, True]


def test_update_replaces_and_adds_prune_only_takes_out() -> None:
    made = baselines.create(three())
    later = build_scan(
        [
            build_result("a.jpg", Label.REAL, 0.2),
            build_result("b.jpg", Label.INCONCLUSIVE, 0.5),
            build_result("new.jpg", Label.FAKE, 0.9, evidence=(GENERATOR,)),
        ],
        options=HERE,
    )
    updated = baselines.update(made, later)
    assert [item.path for item in updated.accepted] == ["b.jpg", "new.jpg"]
    assert [item.path for item in updated.marked] == ["new.jpg"]
    pruned = baselines.prune(made, later)
    assert [item.path for item in pruned.accepted] == ["b.jpg"]
    assert [item.path for item in pruned.marked] == ["a.jpg"], "the file is there, and its marks are missed"
    part = build_scan([build_result("new.jpg", Label.FAKE, 0.9)], options=HERE)
    assert [item.path for item in baselines.update(made, part).accepted] == ["a.jpg", "b.jpg", "new.jpg"]


def test_marks_are_those_of_intact_signatures_and_generators() -> None:
    silent = replace(SIGNED, status=EvidenceStatus.SILENT)
    assert marks_of([GENERATOR, SIGNED]) == ("claimed-ai", CREDENTIALS, "trusted-ai")
    assert marks_of([silent]) == ()
    assert marks_of([BROKEN]) == ()


def test_lost_marks_are_told_by_path() -> None:
    made = baselines.create(three())
    stripped = build_result("a.jpg", Label.FAKE, 0.9, digest="e" * 64)
    assert made.lost(stripped, "") == ("claimed-ai",)
    assert made.lost(three().results[0], "") == ()
    assert made.lost(build_result("elsewhere.jpg"), "") == ()
    assert made.lost(stripped, "in/") == (), "another file of that name"


def below(folder: str, *results: ImageResult, start: str = "/w") -> Scan:
    """A scan of one folder below the one where all of them are started."""
    return build_scan(results, root=f"{start}/{folder}", options={"paths": [folder]})


def test_scans_of_other_folders_speak_of_the_same_files() -> None:
    one = build_result("new/x.jpg", Label.FAKE, 0.9, evidence=(GENERATOR,))
    two = build_result("y.jpg", Label.FAKE, 0.9, evidence=(GENERATOR,))
    made = baselines.create(below("in", one, two))
    assert [item.path for item in made.marked] == ["in/new/x.jpg", "in/y.jpg"]
    assert [item.path for item in made.accepted] == ["in/new/x.jpg", "in/y.jpg"]
    stripped = build_result("x.jpg", Label.FAKE, 0.9, digest="e" * 64)
    part = below("in/new", stripped)
    assert made.lost(stripped, "in/new/") == ("claimed-ai",)
    updated = baselines.update(made, part)
    assert [item.path for item in updated.marked] == ["in/y.jpg"], "the scan of a part has seen x without its mark"
    other = below("in/new", build_result("y.jpg", Label.FAKE, 0.9, digest="d" * 64))
    assert baselines.update(made, other).marked == made.marked, "in/new/y.jpg is not in/y.jpg"
    assert baselines.prune(made, below("in", one)).marked == made.marked[:1]
    everything = build_scan([replace_path(one, "in/new/x.jpg")], root="/w", options={"paths": ["."]})
    assert baselines.prune(made, everything).marked == made.marked[:1]


def replace_path(result: ImageResult, path: str) -> ImageResult:
    record = result.record
    return replace(result, record=replace(record, file=replace(record.file, path=path)))


@pytest.mark.parametrize(
    ("options", "base", "path"),
    [
        ({"paths": ["/w/in"]}, "/w", "in/a.jpg"),
        ({"paths": ["/w/in"], "relative_to": "/w"}, None, "in/a.jpg"),
        ({"paths": ["in"], "relative_to": ".."}, None, "w/in/a.jpg"),
        ({"paths": ["/w/in"], "relative_to": "/w"}, "/", "w/in/a.jpg"),
        ({"paths": ["in"], "relative_to": "/"}, "/w", "in/a.jpg"),
    ],
)
def test_paths_start_where_somebody_says(options: dict[str, object], base: str | None, path: str) -> None:
    scan = build_scan([build_result("a.jpg", evidence=(GENERATOR,))], root="/w/in", options=options)
    made = baselines.create(scan, base)
    assert [item.path for item in made.marked] == [path]
    assert baselines.prune(made, scan, base) == made
    assert baselines.update(Baseline(), scan, base) == made


@pytest.mark.parametrize(
    ("root", "options"),
    [
        ("/w/in", {"paths": ["/w/in"]}),
        ("/w/in", {"paths": ["/w/in"], "relative_to": ".."}),
        ("/w/in", {"paths": ["/w/in"], "relative_to": "/elsewhere"}),
        ("/w/in", {}),
    ],
)
def test_marks_are_not_kept_by_paths_that_start_nobody_knows_where(root: str, options: dict[str, object]) -> None:
    marked = build_scan([build_result("a.jpg", evidence=(GENERATOR,))], root=root, options=options)
    plain = build_scan([build_result("b.jpg", Label.FAKE, 0.9)], root=root, options=options)
    known = Baseline(marked=(Marked("in/a.jpg", ("claimed-ai",)),))
    attempts: tuple[Callable[[], Baseline], ...] = (
        lambda: baselines.create(marked),
        lambda: baselines.update(Baseline(), marked),
        lambda: baselines.update(known, plain),
        lambda: baselines.prune(known, plain),
    )
    for asked in attempts:
        with pytest.raises(InputError, match="where the scan was started cannot be told") as caught:
            asked()
        assert "--relative-to" in caught.value.hint
    assert [item.path for item in baselines.create(marked, "/w").marked] == ["in/a.jpg"]
    assert len(baselines.create(plain).accepted) == 1, "findings are accepted by their bytes"
    assert baselines.prune(baselines.create(plain), plain).accepted == baselines.create(plain).accepted


def test_a_report_without_paths_makes_no_baseline() -> None:
    scan = redact(three(), [Redact.PATHS])
    attempts: tuple[Callable[[], Baseline], ...] = (
        lambda: baselines.create(scan),
        lambda: baselines.update(Baseline(), scan),
        lambda: baselines.prune(Baseline(), scan),
    )
    for asked in attempts:
        with pytest.raises(InputError, match="leaves out where files lie"):
            asked()


def test_files_on_other_machines_keep_their_paths() -> None:
    scan = build_scan(
        [build_result("a.jpg", evidence=(GENERATOR,))], root="s3://bucket", options={"paths": ["s3://bucket"]}
    )
    assert [item.path for item in baselines.create(scan).marked] == ["a.jpg"]


def test_marks_whose_place_is_not_known_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    marked = '{"path": "a.jpg", "marks": ["claimed-ai"]}'
    path.write_text(f'{{"fakescan_baseline": 1, "accepted": [], "marked": [{marked}]}}')
    with pytest.raises(InputError, match="made by an earlier version") as caught:
        baselines.read(path)
    assert "baseline create RUN -o FILE --force" in caught.value.hint
    path.write_text(f'{{"fakescan_baseline": 2, "accepted": [], "marked": [{marked}]}}')
    assert baselines.read(path).marked == (Marked("a.jpg", ("claimed-ai",)),)


def test_a_large_baseline_is_not_read_through_for_every_file() -> None:
    class Counted(tuple[Accepted | Marked, ...]):
        """Entries that count how often they were gone through."""

        times = 0

        def __iter__(self) -> Iterator[Accepted | Marked]:
            Counted.times += 1
            return super().__iter__()

    scan = three()
    made = baselines.create(scan)
    large = Baseline(Counted(made.accepted), Counted(made.marked))  # type: ignore[arg-type]  # tuples that count
    for result in [*scan.results] * 50:
        assert large.accepts(result, judge_of(scan)) is made.accepts(result, judge_of(scan))
        assert large.reopens(result, "another") is made.reopens(result, "another")
        assert large.lost(result, "") == made.lost(result, "")
    assert Counted.times <= 2


def test_is_written_one_line_an_entry_and_read_back(tmp_path: Path, hostile_scan: Scan) -> None:
    for scan in (three(), replace(hostile_scan, options=HERE), build_scan([])):
        made = baselines.create(scan)
        path = tmp_path / "b.json"
        baselines.write(made, path)
        assert baselines.read(path) == made
        text = path.read_text(encoding="ascii")
        assert text.count('"sha256"') == len(made.accepted)
        assert len(text.splitlines()) >= len(made.accepted) + len(made.marked)
        baselines.write(baselines.read(path), path)
        assert path.read_text(encoding="ascii") == text


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"fakescan_baseline": 3, "accepted": [], "marked": []}',
        '{"fakescan_baseline": 1, "accepted": [{"path": "a"}]}',
        '{"fakescan_baseline": 1, "accepted": [{"path": "a", "sha256": "x", "label": "fine", "judge": "y"}]}',
        "\udcff",
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match="is no baseline") as caught:
        baselines.read(path)
    assert "baseline create" in caught.value.hint
    with pytest.raises(InputError, match="cannot read the baseline"):
        baselines.read(tmp_path / "none.json")


def test_entries_from_a_newer_minor_form_are_still_read(tmp_path: Path) -> None:
    entry = {"path": "a", "sha256": "x", "label": "fake", "judge": "y", "note": "later versions may say more"}
    path = tmp_path / "b.json"
    path.write_text(json.dumps({"fakescan_baseline": 1, "accepted": [entry], "marked": []}))
    assert baselines.read(path).accepted == (Accepted("x", "a", Label.FAKE, None, "y"),)
