"""Whole runs over real files: complete, the same twice, resumable, and flat whatever is in the folder."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fakescan.core.duplicates import compared
from fakescan.core.options import ScanOptions, Setting, options_from
from fakescan.core.records import Assessed, Failure, ImageResult, Label, ModelIdentity, Scan
from fakescan.core.schema import scan_to_dict
from fakescan.core.views import Views
from fakescan.errors import InputError, ModelError, ReportError
from fakescan.intake.decode import DRAFTED
from fakescan.intake.discover import Found
from fakescan.intake.examine import Examined
from fakescan.observer import Observer
from fakescan.pipeline import FinishedRun, results, run_scan
from fakescan.pipeline.shards import is_in_shard
from fakescan.store.run_dir import load_scan
from tests.support.looking import LookingEngine, ViewingEngine
from tests.support.pictures import folder, png, png_that_is
from tests.support.weightless import WeightlessEngine


def options(*paths: Path, **values: Any) -> ScanOptions:
    given = {"paths": [str(path) for path in paths], **values}
    return options_from({name: Setting(value, "test") for name, value in given.items()})


def many(place: Path, count: int = 10) -> Path:
    place.mkdir(parents=True)
    for number in range(count):
        (place / f"{number:02d}.png").write_bytes(png(number))
    return place


def run(options: ScanOptions, engine: WeightlessEngine | None = None, observer: Observer | None = None) -> FinishedRun:
    chosen = engine or WeightlessEngine()
    return run_scan(options, lambda: chosen, observer or Observer(), command="fakescan scan x")


def rows(scan: Scan) -> str:
    """The results as bytes, apart from timings."""
    found = scan_to_dict(scan)["results"]
    for row in found:
        row.pop("timings_s")
    return json.dumps(found)


def never() -> WeightlessEngine:
    raise AssertionError("no picture, no model")


def test_a_run_is_complete_and_ordered(tmp_path: Path) -> None:
    pictures = folder(tmp_path / "in", b=Label.FAKE, a=Label.REAL, c=Label.INCONCLUSIVE)
    (pictures / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    (pictures / "notes.txt").write_text("no picture")
    finished = run(options(pictures, run_dir=str(tmp_path / "run")))
    scan = finished.scan
    assert [result.record.file.path for result in scan.results] == ["a.png", "b.png", "broken.png", "c.png"]
    assert scan.summary == {"images": 4, "fake": 1, "real": 1, "inconclusive": 1, "error": 1, "skipped": 1}
    assert scan.model == WeightlessEngine().identity
    assert scan.calibration == WeightlessEngine().calibration
    assert not scan.interrupted
    assert load_scan(tmp_path / "run") == load_scan(finished.run_dir.report)
    assert rows(load_scan(tmp_path / "run")) == rows(scan)


def test_near_duplicates_with_opposite_verdicts_are_flagged(tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    original = Image.open(BytesIO(png(4)))
    answers = set[Label]()
    for size in range(330, 420, 6):  # other bytes, another answer of the weightless engine
        original.resize((size, size * 3 // 4)).save(place / f"{size}.png")
    (place / "other.png").write_bytes(png(9))
    finished = run(options(place, run_dir=str(tmp_path / "run")))
    for result in finished.scan.results:
        assert isinstance(result.outcome, Assessed)
        sources = {reason.source for reason in result.outcome.verdict.reasons if reason.conflict}
        assert ("scan" in sources) == (result.record.file.path != "other.png")
        answers.add(result.outcome.verdict.label)
    assert {Label.FAKE, Label.REAL} <= answers
    (cluster,) = scan_to_dict(load_scan(tmp_path / "run"))["clusters"]
    assert len(cluster["files"]) == 15
    assert cluster["verdicts_differ"]


def test_two_runs_are_byte_identical_apart_from_timings(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in")
    assert rows(run(options(pictures)).scan) == rows(run(options(pictures)).scan)


@pytest.mark.parametrize("reasoning", ["all", "flagged", "none"])
def test_the_batch_size_changes_nothing(tmp_path: Path, reasoning: str) -> None:
    pictures = many(tmp_path / "in")
    asked = options(pictures, reasoning=reasoning)
    assert rows(run(asked, WeightlessEngine(1)).scan) == rows(run(asked, WeightlessEngine(3)).scan)


def test_copies_are_reported_each_and_inferred_once(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 2)
    (pictures / "sub").mkdir()
    (pictures / "sub" / "copy.png").write_bytes(png(0))
    engine = WeightlessEngine()
    scan = run(options(pictures), engine).scan
    assert len(scan.results) == 3
    assert sum(len(digests) for digests, _ in engine.batches) == 2


def test_the_api_yields_the_same_results(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in")
    asked = options(pictures)
    found = sorted(results(asked, WeightlessEngine), key=lambda result: result.record.file.path)
    scan = run(asked).scan
    # What others of the scan say about a picture is only known at its end.
    assert rows(replace(scan, results=compared(found))) == rows(scan)


def test_an_abandoned_iterator_ends_quietly(tmp_path: Path) -> None:
    stream = results(options(many(tmp_path / "in")), WeightlessEngine)
    next(iter(stream))
    stream.close()  # type: ignore[attr-defined]


def stop_at(batch: int) -> WeightlessEngine:
    def stop(number: int) -> None:
        if number == batch:
            raise KeyboardInterrupt

    return WeightlessEngine(3, before_batch=stop)


@pytest.mark.parametrize("reasoning", ["all", "flagged"])
def test_interrupted_and_resumed_is_uninterrupted(tmp_path: Path, reasoning: str) -> None:
    pictures = many(tmp_path / "in", 12)
    (pictures / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    asked = options(pictures, run_dir=str(tmp_path / "run"), reasoning=reasoning)
    half = run(asked, stop_at(2)).scan
    assert half.interrupted
    assert 1 <= len(half.results) < 13
    assert {item.reason for item in half.skipped} == {"not reached: the scan was interrupted"}
    assert len(half.results) + len(half.skipped) == 13
    on = WeightlessEngine()
    whole = run(replace(asked, resume=True), on).scan
    assert not whole.interrupted
    assert (whole.scan_id, whole.started_at) == (half.scan_id, half.started_at)
    assert rows(whole) == rows(run(options(pictures, reasoning=reasoning)).scan)
    again = WeightlessEngine()
    run(replace(asked, resume=True), again)
    assert again.batches == []


def test_a_killed_run_is_read_from_its_journal_and_resumed(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 9)

    def die(number: int) -> None:
        if number == 2:
            raise RuntimeError("power cut")

    asked = options(pictures, run_dir=str(tmp_path / "run"))
    with pytest.raises(RuntimeError):
        run(asked, WeightlessEngine(3, before_batch=die))
    left = load_scan(tmp_path / "run")
    assert left.interrupted
    assert len(left.results) == 6
    assert left.model == WeightlessEngine().identity
    on = WeightlessEngine()
    assert len(run(replace(asked, resume=True), on).scan.results) == 9
    assert sum(len(digests) for digests, _ in on.batches) == 3


def test_stopped_again_before_the_model_is_there_keeps_everything(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 9)
    asked = options(pictures, run_dir=str(tmp_path / "run"))
    run(asked, stop_at(2))

    def stopped() -> WeightlessEngine:
        raise KeyboardInterrupt

    second = run_scan(replace(asked, resume=True), stopped).scan
    assert len(second.results) == 6
    assert second.model == WeightlessEngine().identity
    assert len(load_scan(tmp_path / "run").results) == 6


def test_resume_without_a_folder_finds_the_run_of_the_same_paths(tmp_path: Path) -> None:
    pictures, others = many(tmp_path / "in", 6), many(tmp_path / "other", 2)
    first = run(options(pictures), stop_at(1))
    run(options(others))
    on = run(options(pictures, resume=True))
    assert on.run_dir == first.run_dir
    assert on.scan.scan_id == first.scan.scan_id


def test_resume_of_nothing_starts_anew_and_says_so(tmp_path: Path) -> None:
    class Heard(Observer):
        def __init__(self) -> None:
            self.warnings: list[str] = []

        def warned(self, text: str) -> None:
            self.warnings.append(text)

    heard = Heard()
    run(options(many(tmp_path / "in", 1), resume=True), observer=heard)
    assert any("starting anew" in text for text in heard.warnings)


def test_another_model_does_not_reuse_the_answers(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 4)
    asked = options(pictures, run_dir=str(tmp_path / "run"))
    run(asked)
    other = WeightlessEngine(identity=ModelIdentity("b", "b", None, "1" * 64, "1", "float32", "cpu", "weightless"))
    scan = run(replace(asked, resume=True), other).scan
    assert sum(len(digests) for digests, _ in other.batches) == 4
    assert scan.model == other.identity


def test_a_changed_file_is_assessed_anew(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 3)
    asked = options(pictures, run_dir=str(tmp_path / "run"))
    run(asked)
    (pictures / "01.png").write_bytes(png(77))
    on = WeightlessEngine()
    scan = run(replace(asked, resume=True), on).scan
    assert sum(len(digests) for digests, _ in on.batches) == 1
    assert rows(scan) == rows(run(options(pictures)).scan)


def test_a_folder_with_a_run_is_not_written_over(tmp_path: Path) -> None:
    asked = options(many(tmp_path / "in", 1), run_dir=str(tmp_path / "run"))
    first = run(asked).run_dir.report.read_bytes()
    with pytest.raises(ReportError, match="already holds a run"):
        run(asked)
    assert (tmp_path / "run" / "scan.json").read_bytes() == first


def test_nothing_but_broken_files_needs_no_model(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"")
    scan = run_scan(options(tmp_path / "in"), never).scan
    [result] = scan.results
    assert isinstance(result.outcome, Failure)
    assert (scan.model, scan.calibration) == (None, {})


def test_an_empty_folder_is_an_input_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match="no images found"):
        run_scan(options(tmp_path / "in", run_dir=str(tmp_path / "run")), never)
    assert not (tmp_path / "run").exists()


def test_a_missing_model_ends_the_run(tmp_path: Path) -> None:
    def missing() -> WeightlessEngine:
        raise ModelError("no model named 'x'", "use nano")

    with pytest.raises(ModelError):
        run_scan(options(many(tmp_path / "in", 2)), missing)


def test_what_the_limit_leaves_out_is_listed(tmp_path: Path) -> None:
    scan = run(options(many(tmp_path / "in", 5), limit=2)).scan
    assert [result.record.file.path for result in scan.results] == ["00.png", "01.png"]
    assert [(item.path, "--limit" in item.reason) for item in scan.skipped] == [
        ("02.png", True),
        ("03.png", True),
        ("04.png", True),
    ]


def test_include_and_exclude(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 4)
    scan = run(options(pictures, include=["0[0-2].png"], exclude=["01*"])).scan
    assert [result.record.file.path for result in scan.results] == ["00.png", "02.png"]


def test_a_policy_reaches_the_verdicts(tmp_path: Path) -> None:
    pictures = folder(tmp_path / "in", a=Label.FAKE)
    [result] = run(options(pictures, threshold=1.0)).scan.results
    assert isinstance(result.outcome, Assessed)
    assert result.outcome.verdict.label is Label.INCONCLUSIVE
    assert result.outcome.verdict.threshold == 1.0


def test_the_observer_hears_everything_in_order(tmp_path: Path) -> None:
    heard: list[str] = []

    class Listening(Observer):
        def discovered(self, files: int, skipped: int) -> None:
            heard.append(f"discovered {files} {skipped}")

        def loading_model(self, name: str) -> None:
            heard.append(f"loading {name}")

        def model_ready(self, model: ModelIdentity) -> None:
            heard.append(f"ready {model.name}")

        def result(self, result: ImageResult, done: int, total: int) -> None:
            heard.append(f"result {done}/{total}")

        def finished(self, scan: Scan) -> None:
            heard.append("finished")

    run(options(many(tmp_path / "in", 2)), observer=Listening())
    assert heard == [
        "discovered 2 0",
        "loading the embedded model",
        "ready weightless",
        "result 1/2",
        "result 2/2",
        "finished",
    ]


def test_an_unwritable_report_keeps_the_journal(tmp_path: Path) -> None:
    (tmp_path / "run" / "scan.json").mkdir(parents=True)
    with pytest.raises(ReportError, match="cannot write"):
        run(options(many(tmp_path / "in", 2), run_dir=str(tmp_path / "run")))
    (tmp_path / "run" / "scan.json").rmdir()
    assert len(load_scan(tmp_path / "run").results) == 2


def test_pictures_beyond_the_limits_are_errors(tmp_path: Path) -> None:
    pictures = tmp_path / "in"
    pictures.mkdir()
    (pictures / "a.png").write_bytes(png_that_is(Label.FAKE))
    for asked in (options(pictures, max_pixels=100), options(pictures, max_file_bytes=10)):
        [result] = run_scan(asked, never).scan.results
        assert isinstance(result.outcome, Failure)


def test_a_fault_of_ours_over_one_file_costs_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fakescan.intake.pool import DecodePool

    def examine(self: DecodePool, found: Found) -> Examined:
        if found.path == "01.png":
            raise ZeroDivisionError
        return whole(self, found)

    whole = DecodePool.examine
    monkeypatch.setattr(DecodePool, "examine", examine)
    scan = run(options(many(tmp_path / "in", 3))).scan
    assert scan.summary["error"] == 1
    outcome = scan.results[1].outcome
    assert isinstance(outcome, Failure)
    assert "ZeroDivisionError" in outcome.message


def test_processes_decode_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = options(many(tmp_path / "in", 3), workers=1)
    here = rows(run(asked).scan)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert rows(run(asked).scan) == here


def large_jpegs(place: Path, count: int) -> Path:
    place.mkdir()
    for number in range(count):
        with Image.open(BytesIO(png(number))) as small:
            small.resize((640, 480)).save(place / f"{number}.jpg")
    return place


def notes(scan: Scan) -> list[set[str]]:
    return [{item.note for item in result.evidence if item.reader == "decode"} for result in scan.results]


def test_a_draft_holds_from_the_first_picture_on_and_is_told(tmp_path: Path) -> None:
    pictures = large_jpegs(tmp_path / "in", 3)
    asked = options(pictures, draft=True, reasoning="none", run_dir=str(tmp_path / "run"))
    engine = ViewingEngine(views=Views(("square",), 100, (0, 0, 0)))
    first = run_scan(asked, lambda: engine)
    assert [DRAFTED in said for said in notes(first.scan)] == [True] * 3
    assert first.scan.options["draft"] is True
    assert rows(load_scan(tmp_path / "run")) == rows(first.scan)
    whole = run_scan(replace(asked, draft=False, resume=True), lambda: engine).scan
    assert [DRAFTED in said for said in notes(whole)] == [False] * 3
    # Other pixels, so another answer: none was taken over from the drafted pictures.
    assert sum(engine.batches) == 6


@pytest.mark.parametrize("engine", [LookingEngine(), ViewingEngine()], ids=["whole pictures", "a native view"])
def test_a_draft_is_refused_where_the_model_needs_all_pixels(tmp_path: Path, engine: LookingEngine) -> None:
    asked = options(large_jpegs(tmp_path / "in", 1), draft=True, run_dir=str(tmp_path / "run"))
    with pytest.raises(ModelError, match="full size"):
        run_scan(asked, lambda: engine)


def test_a_draft_of_an_empty_part_needs_no_model(tmp_path: Path) -> None:
    pictures = large_jpegs(tmp_path / "in", 1)
    for shard in ("1/2", "2/2"):
        asked = options(pictures, draft=True, reasoning="none", shard=shard)
        if is_in_shard("0.jpg", shard):
            with pytest.raises(AssertionError, match="no model"):
                run_scan(asked, never)
        else:
            empty = run_scan(asked, never).scan
            assert (empty.results, empty.model) == ((), None)


def test_watchers_are_told_when_a_batch_was_told_whole(tmp_path: Path) -> None:
    class Counting(Observer):
        def __init__(self) -> None:
            self.seen: list[int] = []

        def caught_up(self, done: int, total: int) -> None:
            self.seen.append(done)

    counting = Counting()
    run(options(many(tmp_path / "in", 7), workers=1), WeightlessEngine(batch_size=3), counting)
    assert counting.seen == [3, 6, 7]
