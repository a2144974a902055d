from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace

import pytest

from fakescan.core.records import (
    Assessed,
    Evidence,
    EvidenceStatus,
    ImageKind,
    ImageResult,
    Label,
    Reason,
    Scan,
    ScoreKind,
    Stage,
    Strength,
    Supports,
)
from fakescan.reports.order import by_attention, needs_attention
from fakescan.reports.view import MAX_CARDS, build_page
from fakescan.reports.view_checks import own_label
from fakescan.reports.view_image import anchor, image_view
from tests.support.builders import CALIBRATION

MakeResult = Callable[..., ImageResult]
MakeScan = Callable[..., Scan]


def test_look_here_first_puts_conflicts_then_findings_then_inconclusive(press_scan: Scan) -> None:
    page = build_page(press_scan)
    assert [view.path for view in page.first] == [
        "stall/market.jpg",
        "stall/crowd at dawn.jpg",
        "portraits/portrait_07.png",
        "bridge.jpg",
        "screens/chat.png",
        "unknown.webp",
    ]
    assert page.first_left == 0


def test_a_conflict_comes_first_whatever_its_label(make_result: MakeResult) -> None:
    results = [
        make_result("a.jpg", Label.FAKE, 0.99),
        make_result("b.jpg", Label.REAL, 0.01, conflict="A signature and the model contradict each other."),
    ]
    assert [result.record.file.path for result in by_attention(results)] == ["b.jpg", "a.jpg"]
    assert needs_attention(results[1])


def test_at_most_twelve_cards_and_the_rest_counted(make_result: MakeResult, make_scan: MakeScan) -> None:
    page = build_page(make_scan([make_result(f"{index}.jpg", Label.FAKE, 0.9) for index in range(30)]))
    assert (len(page.first), page.first_left, len(page.images)) == (MAX_CARDS, 18, 30)


def test_errors_stand_before_the_clean_ones_and_in_their_own_list(press_scan: Scan) -> None:
    page = build_page(press_scan)
    keys = [view.key for view in page.images]
    assert keys.index("error") < keys.index("real")
    assert [view.path for view in page.errors] == ["incoming/half.jpg", "incoming/notes.jpg"]
    assert page.header.errors == "2 files could not be examined and may be anything."
    assert [(item.key, item.number) for item in page.header.counts] == [
        ("fake", 3), ("inconclusive", 3), ("real", 14), ("error", 2),
    ]  # fmt: skip


def test_nothing_but_errors_says_that_it_says_nothing(make_result: MakeResult, make_scan: MakeScan) -> None:
    page = build_page(make_scan([make_result("a.jpg", None), make_result("b.jpg", None)], model=None, calibration={}))
    assert page.header.errors.startswith("Not one file could be examined")
    assert page.custody.model == ()


def test_warnings_name_interruption_and_missing_calibration(make_result: MakeResult, make_scan: MakeScan) -> None:
    page = build_page(make_scan([make_result()], interrupted=True, calibration={}))
    assert any("stopped before its end" in text for text in page.header.warnings)
    assert any("no calibration" in text for text in page.header.warnings)


def test_title_names_the_folder_on_any_system(make_result: MakeResult, make_scan: MakeScan) -> None:
    one = make_scan([make_result()], root="C:\\cases\\market\\")
    assert build_page(one).header.title == "1 image in “market”"
    assert build_page(make_scan([], root="/")).header.title == "No images in /"


def test_folders_are_counted_those_with_findings_first(press_scan: Scan) -> None:
    folders = build_page(press_scan).folders
    assert [folder.name for folder in folders[:2]] == ["stall", "portraits"]
    assert (folders[0].images, folders[0].counts, folders[0].highest) == (2, (2, 0, 0, 0), "0.99")
    assert sum(folder.images for folder in folders) == len(press_scan.results)
    incoming = next(folder for folder in folders if folder.name == "incoming")
    assert (incoming.counts, incoming.highest) == ((0, 0, 0, 2), "—")


def test_one_folder_needs_no_table(make_result: MakeResult, make_scan: MakeScan) -> None:
    assert build_page(make_scan([make_result("a.jpg"), make_result("b.jpg")])).folders == ()


def test_files_of_the_same_bytes_name_each_other(make_result: MakeResult, make_scan: MakeScan) -> None:
    twins = [make_result(name, digest="ab" * 32) for name in ("a.jpg", "b/c.jpg")]
    page = build_page(make_scan([*twins, make_result("other.jpg")]))
    same = {view.path: view.same for view in page.images}
    assert same == {
        "a.jpg": ((anchor("b/c.jpg"), "b/c.jpg"),),
        "b/c.jpg": ((anchor("a.jpg"), "a.jpg"),),
        "other.jpg": (),
    }


def test_files_that_could_not_be_read_are_no_twins(make_result: MakeResult, make_scan: MakeScan) -> None:
    unread = [make_result(name, None) for name in ("a.jpg", "b.jpg")]
    blank = [replace(item, record=replace(item.record, file=replace(item.record.file, sha256=""))) for item in unread]
    assert [view.same for view in build_page(make_scan(blank)).images] == [(), ()]


def test_the_prompt_is_told_apart_from_its_settings(make_result: MakeResult) -> None:
    def prompt(name: str, value: str, supports: Supports = Supports.FAKE) -> str:
        return image_view(make_result(evidence=(Evidence("generators", name, value, supports),)), {}).prompt

    assert prompt("generation parameters", "a cat\\nNegative prompt: dog\\nSteps: 20") == "a cat"
    assert prompt("generation parameters", "two\\nlines\\nSteps: 20") == "two\nlines"
    assert prompt("generation settings", '{"prompt": "a cat"}') == ""
    assert prompt("Software", "a cat") == ""
    assert prompt("generation parameters", "a cat", Supports.NONE) == ""


@pytest.mark.parametrize("used", ScoreKind)
@pytest.mark.parametrize(("threshold", "label"), [(0.2, Label.FAKE), (None, Label.REAL)])
def test_other_encodings_are_held_against_the_users_threshold_whichever_score_decides(
    make_result: MakeResult, used: ScoreKind, threshold: float | None, label: Label
) -> None:
    result = make_result("a.jpg", Label.FAKE, 0.9)
    assert isinstance(result.outcome, Assessed)
    scores = replace(result.outcome.scores, before_reasoning=0.3, after_reasoning=0.9, used=used)
    verdict = replace(result.outcome.verdict, threshold=CALIBRATION.threshold if threshold is None else threshold)
    result = replace(result, outcome=replace(result.outcome, scores=scores, verdict=verdict))
    assert own_label(result, dict.fromkeys(ScoreKind, CALIBRATION)) is label


@pytest.mark.parametrize("mark", ["workflow", "generation settings"])
def test_a_prompt_out_of_a_graph_or_of_settings_is_shown(make_result: MakeResult, mark: str) -> None:
    whole = Evidence("generators", mark, '{"6": {"inputs": {"text": "a cat"}}}', Supports.FAKE)
    made_out = Evidence("generators", "Prompt", "a cat\\nin a hat")
    assert image_view(make_result(evidence=(whole, made_out)), {}).prompt == "a cat\nin a hat"
    unread = replace(made_out, status=EvidenceStatus.FAILED)
    assert image_view(make_result(evidence=(whole, unread)), {}).prompt == ""


def test_custody_holds_what_a_repetition_needs(press_scan: Scan) -> None:
    custody = build_page(press_scan).custody
    assert dict(custody.run)["Command"] == press_scan.command
    assert dict(custody.model)["Weights, SHA-256"] == "9b1d" * 16
    assert dict(custody.options) == {
        "policy": "balanced", "score": "auto", "reasoning": "all", "exclude": '["*.tmp"]', "limit": "not set",
    }  # fmt: skip
    assert dict(custody.environment)["torch"] == "2.13.0"


def test_reasons_keep_their_order_behind_conflicts(make_result: MakeResult) -> None:
    reasons = (Reason("policy", "One."), Reason("model", "Two."), Reason("file", "Three.", True))
    view = image_view(make_result(reasons=reasons), {})
    assert [reason.text for reason in view.reasons] == ["Three.", "One.", "Two."]
    assert (view.lead, view.conflict) == ("Three.", True)


def test_evidence_puts_failures_before_context_and_says_how_it_is_forged(make_result: MakeResult) -> None:
    evidence = (
        Evidence("exif", "Software", "Editor"),
        Evidence("c2pa", "claim", "AI", Supports.FAKE, Strength.TRUSTED),
        Evidence("xmp", "packet", "", status=EvidenceStatus.FAILED),
        Evidence("png", "text", "", status=EvidenceStatus.SILENT),
        Evidence("png", "text", "", status=EvidenceStatus.SILENT),
        Evidence("watermark", "dwtDct", "", status=EvidenceStatus.NOT_RUN),
    )
    view = image_view(make_result(evidence=evidence), {})
    assert [(row.reader, row.status, row.supports) for row in view.evidence] == [
        ("c2pa", "found", "AI generation"),
        ("xmp", "could not be read", "—"),
        ("exif", "found", "neither"),
    ]
    assert "trust list" in view.evidence[0].forgery
    assert (view.silent, view.not_run, view.speaks) == ("png: text", "watermark: dwtDct", True)


def test_evidence_against_the_verdict_comes_first(make_result: MakeResult) -> None:
    camera = Evidence("exif", "Make", "Canon", Supports.REAL, Strength.UNSIGNED)
    marks = Evidence("png", "parameters", "a cat", Supports.FAKE, Strength.UNSIGNED)
    fake = image_view(make_result(label=Label.FAKE, evidence=(marks, camera)), {}).evidence
    assert [(row.name, row.contradicts) for row in fake] == [("Make", True), ("parameters", False)]
    real = image_view(make_result(label=Label.REAL, evidence=(camera, marks)), {}).evidence
    assert [(row.name, row.contradicts) for row in real] == [("parameters", True), ("Make", False)]
    unsure = image_view(make_result(label=Label.INCONCLUSIVE, evidence=(camera, marks)), {}).evidence
    assert not any(row.contradicts for row in unsure)


def test_steered_text_is_introduced_as_that(make_result: MakeResult) -> None:
    steered = image_view(make_result(steered_to=Label.FAKE), {})
    free = image_view(make_result(steered_to=None), {})
    assert "was asked to explain why it leans to “AI-generated”" in steered.stages_intro
    assert "wrote this freely" in free.stages_intro
    assert [stage.title for stage in free.stages] == ["Summary", "What the picture shows", "Reasoning", "Conclusion"]


def test_stages_keep_their_completeness(make_result: MakeResult) -> None:
    view = image_view(make_result(incomplete=(Stage.CONCLUSION,)), {})
    assert [stage.complete for stage in view.stages] == [True, True, True, False]
    triage = image_view(make_result(texts=None), {})
    assert (triage.stages, triage.stages_intro) == ((), "")


def test_a_failure_has_no_number_and_no_reason(make_result: MakeResult) -> None:
    view = image_view(make_result("half.jpg", None), {})
    assert view.failure is not None
    assert (view.number, view.bar, view.reasons, view.key) == (None, None, (), "error")
    assert view.headline == "Could not be examined"
    assert view.lead == view.failure.message


def test_facts_mention_only_what_is_known(make_result: MakeResult) -> None:
    result = make_result()
    animated = replace(
        result, record=replace(result.record, frame_count=12, kind=ImageKind.ART, orientation=1), timings_s={}
    )
    facts = dict(image_view(animated, {}).facts)
    assert facts["Frames"] == "12, only the first was examined"
    assert facts["Kind (estimated)"] == "drawing or artwork"
    assert {"Orientation in EXIF", "Perceptual hash", "Time spent"} & set(facts) == set()
    hashed = replace(animated.record, phash="0f" * 16)
    known = dict(image_view(replace(animated, record=hashed, timings_s={"read": 0.0021, "model": 1.5}), {}).facts)
    assert known["Perceptual hash"].startswith("0f" * 16)
    assert known["Time spent"] == "read 0.0021 s, model 1.5 s"
    assert "Picture" not in dict(image_view(make_result("half.jpg", None), {}).facts)


def test_anchors_are_safe_stable_and_distinct(hostile_scan: Scan) -> None:
    anchors = [anchor(result.record.file.path) for result in hostile_scan.results]
    assert len(set(anchors)) == len(anchors)
    assert all(name.startswith("img-") and name[4:].isalnum() for name in anchors)
    assert anchor("bad\udcff.jpg") == anchor("bad\udcff.jpg")


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, tuple):
        return [text for item in value for text in _texts(item)]
    if is_dataclass(value):
        return [text for field in fields(value) for text in _texts(getattr(value, field.name))]
    return []


def test_no_text_of_a_hostile_scan_steers_anything(hostile_scan: Scan) -> None:
    texts = _texts(build_page(hostile_scan))
    assert len(texts) > 500
    for text in texts:
        text.encode("utf-8")
        assert all(char.isprintable() or char in "\n\t" for char in text), text


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object])
def test_odd_options_do_not_break_the_page(make_scan: MakeScan, value: object) -> None:
    assert dict(build_page(make_scan([], options={"odd": value})).custody.options)["odd"]


def test_a_number_that_the_verdict_does_not_rest_on_says_whose_it_is(make_result: MakeResult) -> None:
    def view(label: Label, basis: tuple[str, ...]) -> tuple[str, str]:
        result = make_result(label=label, p_fake=0.2)
        assert isinstance(result.outcome, Assessed)
        outcome = replace(result.outcome, verdict=replace(result.outcome.verdict, basis=basis))
        shown = image_view(replace(result, outcome=outcome), {ScoreKind.BEFORE: CALIBRATION})
        assert shown.number is not None
        return shown.small, shown.number.caption

    assert view(Label.FAKE, ("provenance",)) == (
        "model: 0.20", "P(AI-generated) by the model alone: the verdict rests on the file",
    )  # fmt: skip
    for label, basis in ((Label.FAKE, ("provenance", "model")), (Label.FAKE, ("model",)), (Label.INCONCLUSIVE, ())):
        assert view(label, basis) == ("0.20", "P(AI-generated)")
    assert image_view(make_result("half.jpg", None), {}).small == ""
