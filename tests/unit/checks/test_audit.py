"""The audit: a planted part that alone moves the score is found, and what is false is called so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image

from fakescan.checks.audit import Auditor, contradiction, told_anew
from fakescan.checks.hiding import Frame
from fakescan.core.checked import Claim, ClaimMark, Region
from fakescan.core.policy import Judge
from fakescan.core.records import Label, Prediction, Stage, Verdict
from fakescan.intake.measures import measure
from tests.support.looking import LookingEngine, ReadingEngine, ViewingEngine, checkerboard, decoded, views_of


def judge_of(engine: LookingEngine) -> Judge:
    return Judge(engine.identity, engine.calibration)


def audited(
    engine: LookingEngine, image: Image.Image | None = None, *, measured: bool = False
) -> tuple[tuple[Claim, ...], Verdict]:
    picture = image or checkerboard()
    whole = views_of(picture) if isinstance(engine, ViewingEngine) else decoded(picture)
    prediction = engine.answer(whole, reasoning=True)
    judge = judge_of(engine)
    verdict = judge.assess(prediction, (), None).verdict
    frame = Frame(whole, picture.size)
    audit = Auditor(engine, judge).audit(frame, prediction, verdict, measure(picture) if measured else None)
    return audit.claims, verdict


@pytest.mark.parametrize(
    "engine", [LookingEngine(), ViewingEngine(), ReadingEngine()], ids=lambda one: type(one).__name__
)
def test_the_part_that_alone_moves_the_score_is_found(engine: LookingEngine) -> None:
    claims, verdict = audited(engine)
    assert verdict.label is Label.FAKE
    skin = claims[0]
    assert skin.text == "The skin of the figure has an unnatural texture."
    assert skin.attribute == "Anomalous Image Texture"
    assert skin.mark is ClaimMark.SUPPORTED
    [box] = skin.regions
    assert (box.left, box.top, box.width, box.height) == pytest.approx((0.6, 0.2, 0.2, 0.2))
    assert skin.change is not None
    assert skin.change < -0.3
    assert "drawn by lot" in skin.note


def test_a_sentence_that_depends_on_no_part_is_not_supported() -> None:
    claims, _ = audited(ReadingEngine())
    shadow = claims[1]
    assert shadow.attribute == "Inconsistent Lighting and Shadows"
    assert (shadow.mark, shadow.regions, shadow.change) == (ClaimMark.UNSUPPORTED, (), None)
    assert "No part of the picture" in shadow.note


def test_a_sentence_that_is_left_out_moves_the_score_after_the_text() -> None:
    engine = ReadingEngine()
    claims, _ = audited(engine)
    assert claims[0].text_change is not None
    assert claims[0].text_change < 0
    assert [claim.text_change for claim in claims[1:]] == [0.0, 0.0, 0.0]
    whole = engine.read[0]
    assert len(whole) == 4
    assert whole[:1] + whole[2:] in engine.read
    assert audited(ViewingEngine())[0][0].text_change is None


def test_a_score_that_goes_the_other_way_supports_nothing() -> None:
    claims, _ = audited(ReadingEngine(reasoning="The skin looks natural and consistent. The shadow is inconsistent."))
    assert claims[0].speaks_for is Label.REAL
    assert claims[0].mark is ClaimMark.UNSUPPORTED
    assert "the other way" in claims[0].note
    assert claims[0].regions


def test_what_can_be_measured_is_held_against_the_pixels() -> None:
    text = "The image is blurry overall. The picture has a low resolution. The image is oversaturated."
    claims, _ = audited(ReadingEngine(reasoning=text), checkerboard(Region(0, 0, 1, 1)), measured=True)
    assert [claim.mark for claim in claims] == [
        ClaimMark.CONTRADICTED,
        ClaimMark.SUPPORTED,
        ClaimMark.CONTRADICTED,
    ]
    assert "0.25 megapixels" in claims[1].note
    assert all(claim.change is None and claim.regions == () for claim in claims)


def test_a_verdict_in_the_text_that_is_another_one_is_contradicted_and_flagged() -> None:
    claims, verdict = audited(ReadingEngine(reasoning="The skin melts. Therefore, this image is real."))
    assert claims[1].mark is ClaimMark.CONTRADICTED
    reason = contradiction(claims, verdict)
    assert reason is not None
    assert reason.conflict
    own, verdict = audited(ReadingEngine())
    assert own[-1].mark is ClaimMark.NOT_CHECKABLE
    assert contradiction(own, verdict) is None


def test_an_explanation_that_argues_for_the_other_side_is_flagged() -> None:
    claims, verdict = audited(ReadingEngine(reasoning="The light is natural. The skin is realistic. The edges melt."))
    reason = contradiction(claims, verdict)
    assert reason is not None
    assert "2 of 3" in reason.text
    assert contradiction(claims, replace(verdict, label=Label.REAL)) is None
    assert contradiction(claims, replace(verdict, label=Label.INCONCLUSIVE)) is None
    assert contradiction(claims, replace(verdict, basis=("provenance",))) is None


def test_without_a_score_nothing_can_be_checked() -> None:
    class Silent(ViewingEngine):
        def answer(self, image: object, *, reasoning: bool) -> Prediction:
            given = super().answer(image, reasoning=reasoning)  # type: ignore[arg-type]
            return given if reasoning else Prediction(None, None)

    claims, _ = audited(Silent())
    assert {claim.mark for claim in claims} == {ClaimMark.NOT_CHECKABLE}


def test_batches_are_no_larger_than_the_engine_wants() -> None:
    engine = ReadingEngine(batch_size=3)  # the engine itself refuses more
    assert audited(engine)[0] == audited(ReadingEngine(batch_size=8))[0]


def test_no_text_no_claims() -> None:
    assert audited(ReadingEngine(reasoning=""))[0] == ()
    assert audited(ReadingEngine(reasoning=" ... !"))[0] == ()


def test_claims_stand_in_the_reasoning() -> None:
    claims, _ = audited(ReadingEngine())
    assert {claim.stage for claim in claims} == {Stage.REASONING}


def test_a_sentence_that_names_a_side_is_told_anew_beside_another_verdict() -> None:
    claims, verdict = audited(ReadingEngine())
    assert verdict.label is Label.FAKE
    other = told_anew(claims, replace(verdict, label=Label.REAL))
    assert (claims[3].mark, other[3].mark) == (ClaimMark.NOT_CHECKABLE, ClaimMark.CONTRADICTED)
    assert other[:3] == claims[:3]
    assert told_anew(other, verdict) == claims
