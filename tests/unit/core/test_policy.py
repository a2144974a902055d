"""The verdict table of REPORT.md: every cell, the four policies, and what may be said."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from fakescan.core.model_view import ModelSide
from fakescan.core.policy import TABLE, Judge, Policy, look_up
from fakescan.core.provenance import BROKEN_SIGNATURE, SIGNER, Found, provenance_of
from fakescan.core.records import (
    Assessed,
    Calibration,
    Evidence,
    EvidenceStatus,
    ImageKind,
    Label,
    LogitPair,
    ModelIdentity,
    Prediction,
    ScoreKind,
    Stage,
    StageReasoning,
    Strength,
    Supports,
)
from fakescan.core.verdict_words import stages_introduction

FAKE, REAL, UNSURE = Label.FAKE, Label.REAL, Label.INCONCLUSIVE
MODEL = ModelIdentity("test", "none", None, "0" * 64, "1", "float32", "cpu", "test")
CALIBRATION = Calibration(1.0, 0.0, 0.5, (0.4, 0.6), "test", by_kind={"photo": {"n_real": 100}})
BY_SIDE = {ModelSide.FAKE: 2.0, ModelSide.REAL: -2.0, ModelSide.INCONCLUSIVE: 0.0, ModelSide.OUT_OF_SCOPE: 2.0}

TRUSTED_AI = Evidence("c2pa", "DigitalSourceType", "trainedAlgorithmicMedia", Supports.FAKE, Strength.TRUSTED)
TRUSTED_EDIT = Evidence("c2pa", "DigitalSourceType", "composite", Supports.EDITED, Strength.TRUSTED)
TRUSTED_CAPTURE = Evidence("c2pa", "Signer", "Leica \x1b[31mM11", Supports.REAL, Strength.TRUSTED)
UNKNOWN_SIGNER = Evidence("c2pa", "DigitalSourceType", "x", Supports.FAKE, Strength.UNSIGNED)
UNKNOWN_EDITOR = Evidence("c2pa", "DigitalSourceType", "x", Supports.EDITED, Strength.UNSIGNED)
MARKS = Evidence("png-text", "parameters", "a cat", Supports.FAKE, Strength.UNSIGNED)
EDIT_MARKS = Evidence("xmp", "DigitalSourceType", "x", Supports.EDITED, Strength.UNSIGNED)
CAMERA = Evidence("exif", "Make", "Canon", Supports.REAL, Strength.UNSIGNED)
WEAK = Evidence("exif", "Software", "Photo tool", Supports.FAKE, Strength.WEAK)
SIGNED = Evidence("c2pa", "Signer", "Somebody", Supports.NONE, Strength.TRUSTED)
SIGNER_ROW = Evidence("c2pa", SIGNER, "Leica Camera AG", Supports.NONE, Strength.TRUSTED)
UNKNOWN_CAPTURE = Evidence("c2pa", "DigitalSourceType", "digitalCapture", Supports.REAL, Strength.WEAK)
CONTEXT = Evidence("c2pa", "bytes intact", "yes")
BROKEN = Evidence("c2pa", BROKEN_SIGNATURE, "x", Supports.NONE, Strength.WEAK)

# REPORT.md section 1: provenance, then (label, basis, conflict) for fake, inconclusive, real, out of scope.
Expected = tuple[Label, tuple[str, ...], bool]
P, M, PM = ("provenance",), ("model",), ("provenance", "model")
NOTHING: list[Expected] = [(FAKE, M, False), (UNSURE, M, False), (REAL, M, False), (UNSURE, (), False)]
EDITED: list[Expected] = [(UNSURE, P, False)] * 4
CLAIMED: list[Expected] = [(FAKE, PM, False), (FAKE, P, False), (UNSURE, PM, True), (FAKE, P, False)]
ROWS: list[tuple[str, tuple[Evidence, ...], list[Expected]]] = [
    ("nothing", (), NOTHING),
    ("trusted ai", (TRUSTED_AI,), [(FAKE, PM, False), (FAKE, P, False), (FAKE, P, True), (FAKE, P, False)]),
    ("capture", (TRUSTED_CAPTURE,), [(UNSURE, PM, True), (REAL, P, False), (REAL, PM, False), (REAL, P, False)]),
    ("trusted edit", (TRUSTED_EDIT,), EDITED),
    ("marks", (MARKS,), CLAIMED),
    ("camera", (CAMERA,), [(FAKE, M, True), (UNSURE, M, False), (REAL, M, False), (UNSURE, (), False)]),
    ("unknown signer", (UNKNOWN_SIGNER,), CLAIMED),
    ("edit marks", (EDIT_MARKS,), EDITED),
    ("unknown editor", (UNKNOWN_EDITOR,), EDITED),
    ("weak", (WEAK,), NOTHING),
    ("capture by an unknown signer", (UNKNOWN_CAPTURE,), NOTHING),
    ("context", (CONTEXT,), NOTHING),
    ("signed, silent", (SIGNED,), NOTHING),
    ("broken signature", (BROKEN,), NOTHING),
]
SIDES = (ModelSide.FAKE, ModelSide.INCONCLUSIVE, ModelSide.REAL, ModelSide.OUT_OF_SCOPE)
CELLS = [
    pytest.param(evidence, side, expected, id=f"{name}-{side.value}")
    for name, evidence, row in ROWS
    for side, expected in zip(SIDES, row, strict=True)
]


def judge(policy: Policy = Policy.BALANCED, score: ScoreKind | None = None, threshold: float | None = None) -> Judge:
    return Judge(MODEL, {ScoreKind.BEFORE: CALIBRATION}, policy, score, threshold)


def assess(evidence: Sequence[Evidence], side: ModelSide, policy: Policy = Policy.BALANCED) -> Assessed:
    kind = ImageKind.SCREENSHOT if side is ModelSide.OUT_OF_SCOPE else ImageKind.PHOTO
    return judge(policy).assess(Prediction(LogitPair(0.0, BY_SIDE[side], 3), None), evidence, kind)


@pytest.mark.parametrize(("evidence", "side", "expected"), CELLS)
def test_every_cell(evidence: tuple[Evidence, ...], side: ModelSide, expected: Expected) -> None:
    verdict = assess(evidence, side).verdict
    label, basis, conflict = expected
    assert (verdict.label, verdict.basis) == (label, basis)
    assert verdict.reasons[0].conflict is conflict
    assert any(reason.conflict for reason in verdict.reasons) is conflict


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(Found)
    assert all(set(row) == set(ModelSide) for row in TABLE.values())


@pytest.mark.parametrize(("evidence", "side", "expected"), CELLS)
def test_the_number_is_the_models_alone(evidence: tuple[Evidence, ...], side: ModelSide, expected: Expected) -> None:
    assert assess(evidence, side).verdict.p_fake == assess((), side).verdict.p_fake


@pytest.mark.parametrize(("evidence", "side", "expected"), CELLS)
def test_policy_model_looks_at_the_model_alone(
    evidence: tuple[Evidence, ...], side: ModelSide, expected: Expected
) -> None:
    verdict = assess(evidence, side, Policy.MODEL).verdict
    assert (verdict.label, verdict.basis) == NOTHING[SIDES.index(side)][:2]


@pytest.mark.parametrize(("evidence", "side", "expected"), CELLS)
def test_policy_strict_makes_any_conflict_inconclusive(
    evidence: tuple[Evidence, ...], side: ModelSide, expected: Expected
) -> None:
    label, _, conflict = expected
    assert assess(evidence, side, Policy.STRICT).verdict.label is (UNSURE if conflict else label)


@pytest.mark.parametrize(("evidence", "side", "expected"), CELLS)
def test_policy_marks_counts_any_ai_mark(evidence: tuple[Evidence, ...], side: ModelSide, expected: Expected) -> None:
    marked = evidence and evidence[0] in (TRUSTED_AI, TRUSTED_EDIT, MARKS, UNKNOWN_SIGNER, EDIT_MARKS, UNKNOWN_EDITOR)
    verdict = assess(evidence, side, Policy.MARKS).verdict
    assert verdict.label is (FAKE if marked else expected[0])
    if marked:
        assert verdict.basis == (PM if side is ModelSide.FAKE else P)


ORDER = [TRUSTED_AI, TRUSTED_EDIT, TRUSTED_CAPTURE, MARKS, EDIT_MARKS, CAMERA]


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(ORDER, 2)))
def test_of_two_the_first_of_the_order_is_taken_and_the_other_listed(first: Evidence, second: Evidence) -> None:
    found = provenance_of((second, first))
    assert found.found == (*provenance_of((first,)).found, *provenance_of((second,)).found)
    assert found.row is provenance_of((first,)).row
    verdict = assess((second, first), ModelSide.INCONCLUSIVE).verdict
    texts = [reason.text for reason in verdict.reasons]
    for single in (first, second):
        [sentence] = [
            reason.text
            for reason in assess((single,), ModelSide.INCONCLUSIVE).verdict.reasons
            if reason.source in ("file", "signature")
        ]
        assert sentence in texts


@pytest.mark.parametrize(
    ("one", "other"), [(TRUSTED_AI, TRUSTED_CAPTURE), (TRUSTED_AI, CAMERA), (MARKS, TRUSTED_CAPTURE), (MARKS, CAMERA)]
)
def test_generated_beside_captured_is_a_conflict(one: Evidence, other: Evidence) -> None:
    verdict = assess((one, other), ModelSide.INCONCLUSIVE).verdict
    assert verdict.reasons[0].conflict
    assert assess((one, other), ModelSide.INCONCLUSIVE, Policy.STRICT).verdict.label is UNSURE


@pytest.mark.parametrize("side", SIDES)
def test_two_trusted_that_contradict_are_inconclusive(side: ModelSide) -> None:
    verdict = assess((TRUSTED_AI, TRUSTED_CAPTURE), side).verdict
    assert verdict.label is UNSURE
    assert verdict.headline == "Inconclusive: two trusted signatures contradict each other."


def test_an_edit_of_a_camera_picture_is_no_contradiction() -> None:
    assert provenance_of((CAMERA, EDIT_MARKS)).contradictions == ()


def test_only_what_fired_counts() -> None:
    silent = [
        Evidence("c2pa", "x", "", Supports.FAKE, Strength.TRUSTED, status)
        for status in EvidenceStatus
        if status is not EvidenceStatus.FIRED
    ]
    assert assess(silent, ModelSide.REAL).verdict.label is REAL


def test_a_failed_reader_is_said() -> None:
    failed = Evidence("exif", "EXIF", "", status=EvidenceStatus.FAILED)
    assert any("could not be read" in reason.text for reason in assess((failed,), ModelSide.REAL).verdict.reasons)


def test_the_signer_is_silent_only_when_nothing_trusted_speaks() -> None:
    assert provenance_of((SIGNER_ROW,)).silent_signer
    assert not provenance_of((SIGNER_ROW, TRUSTED_AI)).silent_signer
    assert not provenance_of((SIGNER_ROW, TRUSTED_CAPTURE)).silent_signer
    assert provenance_of((SIGNER_ROW, MARKS)).silent_signer


def test_the_headline_names_who_signed() -> None:
    capture = Evidence("c2pa", "DigitalSourceType", "digitalCapture", Supports.REAL, Strength.TRUSTED)
    verdict = assess((SIGNER_ROW, capture), ModelSide.REAL).verdict
    assert verdict.headline == "Signed by Leica Camera AG, unchanged since"
    assert provenance_of((SIGNER_ROW,)).captured_by == ""


def test_a_broken_signature_leads_the_reasons() -> None:
    assert "broken" in assess((BROKEN, WEAK), ModelSide.REAL).verdict.reasons[0].text


def test_signer_and_weak_marks_are_listed_last() -> None:
    assert "neither" in assess((SIGNED,), ModelSide.FAKE).verdict.reasons[-1].text
    assert "context only" in assess((WEAK,), ModelSide.FAKE).verdict.reasons[-1].text


def test_what_decides_speaks_first() -> None:
    assert assess((CAMERA,), ModelSide.REAL).verdict.reasons[0].source == "model"
    assert assess((MARKS,), ModelSide.FAKE).verdict.reasons[0].source == "file"
    assert assess((TRUSTED_AI,), ModelSide.FAKE).verdict.reasons[0].source == "signature"


@pytest.mark.parametrize(
    ("evidence", "words"), [(MARKS, "unsigned"), (UNKNOWN_SIGNER, "no trust list"), (UNKNOWN_EDITOR, "no trust list")]
)
def test_what_anyone_can_add_is_said_to_be_so(evidence: Evidence, words: str) -> None:
    assert any(words in reason.text for reason in assess((evidence,), ModelSide.FAKE).verdict.reasons)


@pytest.mark.parametrize("policy", [policy for policy in Policy if policy is not Policy.BALANCED])
def test_a_policy_that_changes_the_verdict_is_named(policy: Policy) -> None:
    for evidence, side in itertools.product(((), (TRUSTED_AI,), (MARKS,), (CAMERA,), (EDIT_MARKS,)), SIDES):
        changed = assess(evidence, side, policy).verdict
        same = changed.label is assess(evidence, side).verdict.label
        named = [reason for reason in changed.reasons if reason.source == "policy"]
        assert bool(named) is not same
        assert all(policy.value in reason.text for reason in named)


# ---------------------------------------------------------------- words


def test_headlines() -> None:
    sure = judge().assess(Prediction(LogitPair(0, 9, 0), None), (), ImageKind.PHOTO).verdict
    assert sure.headline == "Very likely AI-generated"
    assert assess((), ModelSide.FAKE).verdict.headline == "Likely AI-generated"
    assert assess((), ModelSide.REAL).verdict.headline == "No sign of AI generation found"
    assert assess((), ModelSide.OUT_OF_SCOPE).verdict.headline.endswith("outside what this model was measured on.")
    assert assess((TRUSTED_CAPTURE,), ModelSide.REAL).verdict.headline == "Signed by Leica [31mM11, unchanged since"


def test_marks_that_were_left_out_do_not_become_no_sign() -> None:
    verdict = assess((MARKS,), ModelSide.REAL, Policy.MODEL).verdict
    assert verdict.headline == "No sign of AI generation found by the model alone"


def test_an_uncalibrated_score_is_never_very_likely_and_says_so() -> None:
    bare = Judge(MODEL, {}).assess(Prediction(LogitPair(0, 900, 0), None), (), ImageKind.PHOTO).verdict
    assert bare.headline == "Likely AI-generated"
    assert "model score, not calibrated" in bare.reasons[0].text
    assert "almost certain" not in bare.reasons[0].text


def test_a_calibrated_score_carries_its_likelihood() -> None:
    assert "very likely" in assess((), ModelSide.FAKE).verdict.reasons[0].text


@pytest.mark.parametrize(("evidence", "side", "expected"), CELLS)
@pytest.mark.parametrize("policy", list(Policy))
def test_words_that_may_never_be_said(
    evidence: tuple[Evidence, ...], side: ModelSide, expected: Expected, policy: Policy
) -> None:
    verdict = assess(evidence, side, policy).verdict
    said = " ".join([verdict.headline, *(reason.text for reason in verdict.reasons)]).lower()
    for word in ("is fake", "proven", "deepfake", "probably real", "authentic", "genuine", "verified"):
        assert word not in said
    assert all(reason.text and reason.text[0].isupper() and reason.text.endswith(".") for reason in verdict.reasons)
    assert "\x1b" not in said
    if verdict.label is UNSURE:
        assert verdict.headline.startswith("Inconclusive: ")


# ---------------------------------------------------------------- which score decides


def both(
    before: float | None, after: float | None, *stages: StageReasoning, steered: Label | None = None
) -> Prediction:
    def pair(value: float | None) -> LogitPair | None:
        return None if value is None else LogitPair(0.0, value, 0)

    return Prediction(pair(before), pair(after), stages, steered)


@pytest.mark.parametrize(
    ("wanted", "before", "after", "used"),
    [
        (None, 2.0, -20.0, ScoreKind.BEFORE),
        (ScoreKind.BEFORE, 2.0, -20.0, ScoreKind.BEFORE),
        (ScoreKind.AFTER, 2.0, -20.0, ScoreKind.AFTER),
        (ScoreKind.AFTER, 2.0, None, ScoreKind.BEFORE),
        (ScoreKind.BEFORE, None, -20.0, ScoreKind.AFTER),
        (None, None, None, ScoreKind.BEFORE),
    ],
)
def test_which_score_decides(
    wanted: ScoreKind | None, before: float | None, after: float | None, used: ScoreKind
) -> None:
    outcome = judge(score=wanted).assess(both(before, after), (), ImageKind.PHOTO)
    assert outcome.scores.used is used
    by_kind = {ScoreKind.BEFORE: outcome.scores.before_reasoning, ScoreKind.AFTER: outcome.scores.after_reasoning}
    assert outcome.verdict.p_fake == by_kind[used]
    fell_back = wanted is not None and used is not wanted
    assert any("was not computed" in reason.text for reason in outcome.verdict.reasons) is fell_back


def test_each_score_is_scaled_by_its_own_record() -> None:
    scores = judge().assess(both(1.0, 1.0), (), None).scores
    assert scores.before_reasoning == 0.731059
    assert scores.after_reasoning == 0.524979


def test_no_score_is_inconclusive_without_a_number_and_rests_on_nothing() -> None:
    verdict = judge().assess(both(None, None), (), ImageKind.PHOTO).verdict
    assert (verdict.label, verdict.p_fake, verdict.basis) == (UNSURE, None, ())
    assert verdict.headline == "Inconclusive: the model gave no score."


def test_the_threshold_of_the_user_is_used_and_reported() -> None:
    strict = judge(threshold=0.99).assess(both(2.0, None), (), ImageKind.PHOTO).verdict
    assert (strict.label, strict.threshold) == (UNSURE, 0.99)
    lax = judge(threshold=0.3).assess(both(0.0, None), (), ImageKind.PHOTO).verdict
    assert (lax.label, lax.threshold) == (FAKE, 0.3)


def conclusion(label: str) -> StageReasoning:
    return StageReasoning(Stage.CONCLUSION, f"Based on the analysis above, this image is {label}.", complete=True)


def test_free_text_that_concludes_the_other_side_is_inconclusive() -> None:
    verdict = judge().assess(both(2.0, -2.0, conclusion("real")), (), ImageKind.PHOTO).verdict
    assert verdict.label is UNSURE
    assert "text concludes the other side" in verdict.headline
    assert any("text concludes the other side" in reason.text for reason in verdict.reasons)


@pytest.mark.parametrize(
    "prediction",
    [
        both(2.0, 2.0, conclusion("fake")),
        both(2.0, -2.0, conclusion("real"), steered=Label.FAKE),
        both(2.0, -2.0, StageReasoning(Stage.CONCLUSION, "", complete=False)),
    ],
    ids=["agrees", "steered", "no side"],
)
def test_text_that_agrees_was_steered_or_takes_no_side_changes_nothing(prediction: Prediction) -> None:
    assert judge().assess(prediction, (), ImageKind.PHOTO).verdict.label is FAKE


def test_reasoning_speaks_where_the_conclusion_is_missing() -> None:
    reasoning = StageReasoning(Stage.REASONING, "Therefore, this image is real.", complete=True)
    assert judge().assess(both(2.0, None, reasoning), (), ImageKind.PHOTO).verdict.label is UNSURE


# ---------------------------------------------------------------- scope


@pytest.mark.parametrize(
    ("kind", "measured", "inside"),
    [
        (ImageKind.PHOTO, True, True),
        (ImageKind.ART, True, False),
        (ImageKind.TINY, True, False),
        (None, True, True),
        (ImageKind.ART, False, True),
        (ImageKind.TINY, False, False),
    ],
)
def test_scope_is_what_was_measured(kind: ImageKind | None, measured: bool, inside: bool) -> None:
    records = {ScoreKind.BEFORE: CALIBRATION} if measured else {}
    view = Judge(MODEL, records).view(both(2.0, None), kind)
    assert (view.side is ModelSide.FAKE) is inside


# ---------------------------------------------------------------- introduction of the text


def test_steered_text_is_introduced_as_such() -> None:
    steered = both(2.0, None, conclusion("fake"), steered=Label.FAKE)
    assert "asked to explain why it leans to “AI-generated”" in stages_introduction(steered)
    other = both(2.0, None, conclusion("real"), steered=Label.REAL)
    assert "“not AI-generated”" in stages_introduction(other)


def test_free_text_is_introduced_as_free_and_no_text_not_at_all() -> None:
    assert "freely" in stages_introduction(both(2.0, None, conclusion("fake")))
    assert stages_introduction(both(2.0, None)) == ""


def test_look_up_needs_no_prediction() -> None:
    assert look_up(Policy.BALANCED, provenance_of(()), ModelSide.REAL).label is REAL
