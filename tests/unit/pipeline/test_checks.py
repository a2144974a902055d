"""A scan with the checks: other encodings and the audit, through the whole line."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import fakescan
from fakescan.core.checked import ClaimMark
from fakescan.core.records import Assessed, ImageResult, Label
from fakescan.core.result_schema import result_from_dict, result_to_dict
from fakescan.core.schema import scan_from_json, scan_to_json
from fakescan.errors import ConfigError
from fakescan.protocols import RgbImage
from tests.support.looking import LookingEngine, ReadingEngine, ViewingEngine, checkerboard


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(5):
        out = BytesIO()
        checkerboard(size_px=400 + 20 * number).save(out, "PNG")
        (folder / f"p{number}.png").write_bytes(out.getvalue())
    (folder / "p3 copy.png").write_bytes((folder / "p3.png").read_bytes())
    return folder


def scanned(pictures: Path, engine: LookingEngine, **settings: Any) -> list[ImageResult]:
    return sorted(
        fakescan.scan(pictures, engine=engine, policy="model", **settings), key=lambda result: result.record.file.path
    )


@pytest.mark.parametrize("engine", [LookingEngine, ViewingEngine])
@pytest.mark.parametrize("reasoning", ["all", "flagged", "none"])
def test_every_picture_is_scored_again(pictures: Path, engine: type[LookingEngine], reasoning: str) -> None:
    asked = engine()
    results = scanned(pictures, asked, stability=3, reasoning=reasoning)
    assert [len(result.stability) for result in results] == [3] * 6
    assert sum(asked.batches) == (5 + 15 if reasoning != "flagged" else 5 + 15 + 5)
    assert all(result.claims == () for result in results)
    copy, original = results[3], results[4]
    assert copy.stability == original.stability
    assert ("stability" in original.timings_s) + ("stability" in copy.timings_s) == 1
    for result in results:
        assert isinstance(result.outcome, Assessed)
        assert abs(result.stability[0].p_fake - (result.outcome.scores.before_reasoning or 0)) < 0.3


def test_without_the_option_nothing_is_scored_again(pictures: Path) -> None:
    engine = ViewingEngine()
    assert all(result.stability == () for result in scanned(pictures, engine))
    assert sum(engine.batches) == 5


def test_a_score_that_lives_in_fine_detail_does_not_hold(pictures: Path) -> None:
    class Brittle(LookingEngine):
        """Fake as long as the picture has its three colours and no other, which no lossy format keeps."""

        def score(self, image: RgbImage) -> float:
            assert isinstance(image.image, Image.Image)
            return 3.0 if len(image.image.getcolors(9) or ()) == 3 else -3.0

    for result in scanned(pictures, Brittle(), stability=7, reasoning="none"):
        assert isinstance(result.outcome, Assessed)
        assert result.outcome.verdict.label is Label.INCONCLUSIVE
        assert "does not hold" in result.outcome.verdict.headline
        assert [item.label for item in result.stability].count(Label.REAL) == 6
        assert result.stability[5].label is Label.FAKE  # cropped


def test_claims_are_checked_and_survive_the_report(pictures: Path, tmp_path: Path) -> None:
    engine = ReadingEngine()
    scan = fakescan.run_scan(pictures, engine=engine, audit=True, stability=2, run_dir=tmp_path / "run", policy="model")
    for result in scan.results:
        assert result.claims[0].mark is ClaimMark.SUPPORTED
        assert len(result.claims) == 4
        assert result_from_dict(result_to_dict(result)).claims == result.claims
    assert scan_from_json(scan_to_json(scan)).results[0].stability == scan.results[0].stability


def test_a_run_that_goes_on_keeps_its_checks(pictures: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"audit": True, "stability": 2, "run_dir": tmp_path / "run", "policy": "model"}
    first = fakescan.run_scan(pictures, engine=ReadingEngine(), **options)
    again = ReadingEngine()
    second = fakescan.run_scan(pictures, engine=again, resume=True, threshold=0.999, **options)
    assert again.batches == []
    assert [result.claims for result in second.results] == [result.claims for result in first.results]
    assert {item.label for result in first.results for item in result.stability} == {Label.FAKE}
    assert {item.label for result in second.results for item in result.stability} == {Label.INCONCLUSIVE}
    plain = ReadingEngine()
    options.update(audit=False, stability=0)
    third = fakescan.run_scan(pictures, engine=plain, resume=True, **options)
    assert sum(plain.batches) == 5
    assert all((result.claims, result.stability) == ((), ()) for result in third.results)


def test_an_explanation_against_the_verdict_leads_the_reasons(pictures: Path) -> None:
    engine = ReadingEngine(reasoning="The light is natural. The skin is realistic.")
    for result in scanned(pictures, engine, audit=True):
        assert isinstance(result.outcome, Assessed)
        assert result.outcome.verdict.reasons[0].conflict
        assert "2 of 2 sentences" in result.outcome.verdict.reasons[0].text


def test_an_audit_without_text_is_refused(pictures: Path) -> None:
    with pytest.raises(ConfigError, match="audit and reasoning none"):
        fakescan.scan(pictures, audit=True, reasoning="none")


@pytest.mark.parametrize(("given", "told"), [(8, "from 0 to 7"), (-1, "from 0 to 7"), ("some", "from 0 to 7")])
def test_a_wrong_number_of_encodings_is_refused(given: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        fakescan.scan("x", stability=given)
