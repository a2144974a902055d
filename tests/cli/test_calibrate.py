"""``fakescan calibrate`` and ``fakescan scan --calibration``: what is promised, written, applied and refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakescan.core.calibration import probability
from fakescan.core.calibration_file import read_own
from fakescan.core.records import LogitPair
from tests.cli.conftest import Cli
from tests.support.pictures import png, score
from tests.support.weightless import MEASURED, WeightlessEngine

OWN = "fakescan-calibration.json"
PHOTOS = 30
RISK = ("--risk", "0.1", "--confidence", "0.9")
"""22 photographs are needed for this."""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Thirty different pictures; the engine finds some of them fake."""
    place = tmp_path / "photos"
    place.mkdir()
    for seed in range(PHOTOS):
        (place / f"{seed:02}.png").write_bytes(png(seed))
    return place


def report(cli: Cli, *arguments: str | Path) -> dict[str, Any]:
    done = cli("scan", *arguments, "--reasoning", "none", "--policy", "model", "--json")
    assert done.code in (0, 1), done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_what_is_promised_is_written_said_and_used(cli: Cli, photos: Path) -> None:
    done = cli("calibrate", photos, *RISK)
    assert done.code == 0, done.err
    own = read_own(Path(OWN))
    bound = "with 90 % confidence, at most 10 % of real photographs like these reach the threshold"
    shown = f"{bound} {own.record.threshold:.6f}"
    assert f"Calibrated on {own.promise.photographs} of your own photographs: {shown}." in done.out
    assert "--calibration" in done.out
    scores = [probability(LogitPair(0.0, score(png(seed)), 4), own.record) or 0.0 for seed in range(PHOTOS)]
    assert own.record.threshold == pytest.approx(max(scores) + 1e-6, abs=1e-9)
    assert own.promise.called_fake == 0

    plain, strict = report(cli, photos), report(cli, photos, "--calibration", OWN)
    assert plain["summary"]["fake"] > 0
    assert strict["summary"]["fake"] == 0
    assert shown in strict["calibration"]["before"]["fitted_on"]
    assert strict["calibration"]["after"] == plain["calibration"]["after"]
    assert {row["verdict"]["threshold"] for row in strict["results"]} == {own.record.threshold}


def test_reports_for_people_carry_the_promise(cli: Cli, photos: Path) -> None:
    cli("calibrate", photos, *RISK)
    done = cli("scan", photos, "--calibration", OWN, "--reasoning", "none", "-o", "r.html", "-o", "r.md")
    for text in (done.err, Path("r.html").read_text("utf-8"), Path("r.md").read_text("utf-8")):
        assert "of your own photographs" in " ".join(text.split())


def test_settings_may_name_it(cli: Cli, photos: Path) -> None:
    cli("calibrate", photos, *RISK, "-q")
    Path("fakescan.toml").write_text(f'calibration = "{OWN}"', "utf-8")
    assert report(cli, photos)["summary"]["fake"] == 0


def test_too_few_photographs_end_with_2_and_the_number_needed(cli: Cli, photos: Path) -> None:
    done = cli("calibrate", photos)
    assert done.code == 2
    assert "are too few to promise at most 5 % with 95 % confidence: 59 are needed" in done.err
    assert not Path(OWN).exists()


def test_near_duplicates_count_once(cli: Cli, photos: Path) -> None:
    for seed in range(PHOTOS):
        (photos / f"copy{seed}.png").write_bytes(png(seed))
    done = cli("calibrate", photos)
    assert done.code == 2
    assert "59 are needed" in done.err
    cli("calibrate", photos, *RISK)
    own = read_own(Path(OWN))
    assert own.promise.copies >= PHOTOS
    assert own.promise.photographs + own.promise.copies == 2 * PHOTOS


def test_what_could_not_be_read_is_said_and_ends_with_3(cli: Cli, photos: Path) -> None:
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    done = cli("calibrate", photos, *RISK)
    assert done.code == 3
    assert "1 file could not be assessed, left out: broken.png." in done.out


def test_failed_files_are_named_a_few_of_many_and_escaped(cli: Cli, photos: Path) -> None:
    for number in range(7):
        (photos / f"broken{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    (photos / "a\x1b[2J.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    done = cli("calibrate", photos, *RISK, "--json")
    assert done.code == 3
    assert "8 files could not be assessed" in done.err
    assert "broken0.png" in done.err
    assert "and 3 more" in done.err
    assert "\x1b" not in done.err


@pytest.mark.parametrize("places", [("nothere",), ("photos", "nothere"), ("photos", "--fakes", "nothere")])
def test_a_place_that_is_not_there_is_told_before_the_model_is_loaded(
    cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch, places: tuple[str, ...]
) -> None:
    def load(*_: object, **__: object) -> None:
        pytest.fail("the model was loaded")

    monkeypatch.setattr("fakescan.engines.load", load)
    done = cli("calibrate", *places)
    assert done.code == 2
    assert "error: there is no nothere" in done.err


@pytest.mark.parametrize("content", [None, b"\x89PNG\r\n\x1a\n and nothing more"])
def test_fakes_without_a_usable_picture_are_refused(
    cli: Cli, photos: Path, tmp_path: Path, content: bytes | None
) -> None:
    (tmp_path / "ai").mkdir()
    if content is not None:
        (tmp_path / "ai" / "broken.png").write_bytes(content)
    done = cli("calibrate", photos, "--fakes", tmp_path / "ai", *RISK)
    assert done.code == 2
    assert "--fakes: no picture there can be used" in done.err
    assert ("broken.png" in done.err) is (content is not None)
    assert not Path(OWN).exists()


@pytest.fixture
def fakes(photos: Path, tmp_path: Path) -> Path:
    """Pictures that the engine mostly finds fake; the photographs are made such that it mostly finds them real."""
    (tmp_path / "ai").mkdir()
    wanted = [content for seed in range(1000, 1300) if score(content := png(seed)) > 2][:35]
    for number, content in enumerate(wanted):
        (tmp_path / "ai" / f"{number}.png").write_bytes(content)
    for place in sorted(photos.iterdir()):
        if score(place.read_bytes()) > 4:
            place.unlink()
    extra = [content for seed in range(2000, 2300) if score(content := png(seed)) < 4][:40]
    for number, content in enumerate(extra):
        (photos / f"more{number}.png").write_bytes(content)
    return tmp_path / "ai"


def test_fakes_say_what_is_found(cli: Cli, photos: Path, fakes: Path) -> None:
    done = cli("calibrate", photos, "--fakes", fakes, *RISK, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["promise"]["fakes"] >= 30
    assert 0 < found["calibration"]["before"]["metrics"]["fake_called_fake"] <= 1
    assert found["calibration"]["before"]["temperature"] != MEASURED["before"].temperature  # type: ignore[index]


def test_a_model_without_a_calibration_gets_one_from_both_labels(
    cli: Cli, photos: Path, fakes: Path, engine: WeightlessEngine
) -> None:
    engine.calibration = {}
    done = cli("calibrate", photos, *RISK)
    assert done.code == 2
    assert f"hint: fit one from AI-generated images too: fakescan calibrate {photos} --fakes DIR" in done.err
    assert "files to examine" not in done.err
    done = cli("calibrate", photos, "--fakes", fakes, *RISK)
    assert done.code == 0, done.err
    assert "The model has no calibration of its own" in done.out
    assert "The model's own threshold" not in done.out
    own = read_own(Path(OWN))
    assert own.record.temperature not in (1.0, 10.0)
    assert own.record.threshold >= 0.5
    assert 0 < own.record.inconclusive_band[0] <= own.record.threshold
    found = report(cli, fakes, "--calibration", OWN)
    assert found["summary"]["fake"] > 0
    assert "of your own photographs" in found["calibration"]["before"]["fitted_on"]


def test_it_is_refused_for_anything_else(cli: Cli, photos: Path, engine: WeightlessEngine) -> None:
    cli("calibrate", photos, *RISK)
    for changed, words in [
        ({"weights_sha256": "1" * 64}, "other weights"),
        ({"prompt_version": "2"}, "another prompt version"),
        ({"dtype": "bfloat16"}, "another number format"),
    ]:
        before = engine.identity
        engine.identity = replace(before, **changed)  # type: ignore[arg-type]
        done = cli("scan", photos, "--calibration", OWN)
        engine.identity = before
        assert done.code == 2
        assert words in done.err
    done = cli("scan", photos, "--calibration", OWN, "--score", "after")
    assert done.code == 2
    assert "another deciding score" in done.err
    text = Path(OWN).read_text("utf-8")
    document = json.loads(text)
    document["model"]["decoder"] = "0.1"
    Path(OWN).write_text(json.dumps(document), "utf-8")
    assert "another version of the decoder" in cli("scan", photos, "--calibration", OWN).err


def test_a_threshold_beside_it_is_a_contradiction(cli: Cli, photos: Path) -> None:
    cli("calibrate", photos, *RISK)
    done = cli("scan", photos, "--calibration", OWN, "--threshold", "0.4")
    assert done.code == 2
    assert "contradict each other" in done.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a JSON report"),
        ("{}", "not a calibration"),
        ('{"fakescan_calibration": "9"}', "is not '1'"),
    ],
)
def test_a_file_that_is_no_calibration_ends_with_2(cli: Cli, photos: Path, text: str, message: str) -> None:
    Path("own.json").write_text(text, "utf-8")
    done = cli("scan", photos, "--calibration", "own.json")
    assert done.code == 2
    assert message in done.err
    assert cli("scan", photos, "--calibration", "nothing.json").code == 2


def test_numbers_out_of_range_are_refused(cli: Cli, photos: Path) -> None:
    cli("calibrate", photos, *RISK)
    whole = json.loads(Path(OWN).read_text("utf-8"))
    for part, name, value in [
        ("calibration", "temperature", -1),
        ("calibration", "threshold", 2),
        ("promise", "risk", 0),
    ]:
        document = json.loads(json.dumps(whole))
        (document["calibration"]["before"] if part == "calibration" else document[part])[name] = value
        Path(OWN).write_text(json.dumps(document), "utf-8")
        done = cli("scan", photos, "--calibration", OWN)
        assert done.code == 2
        assert "out of range" in done.err


def test_nothing_is_replaced_unasked(cli: Cli, photos: Path) -> None:
    cli("calibrate", photos, *RISK)
    before = Path(OWN).read_text("utf-8")
    assert cli("calibrate", photos, *RISK).code == 2
    assert Path(OWN).read_text("utf-8") == before
    assert cli("calibrate", photos, *RISK, "--force").code == 0
    assert cli("calibrate", photos, "--risk", "2").code == 2


def test_an_evaluation_may_use_it(cli: Cli, photos: Path) -> None:
    cli("calibrate", photos, *RISK)
    (photos / "real").mkdir()
    for place in photos.glob("*.png"):
        place.rename(photos / "real" / place.name)
    done = cli("eval", photos, "--calibration", OWN, "--json", "--bootstrap", "0")
    assert done.code == 0, done.err
    assert json.loads(done.out)["overall"]["real_called_fake"] == 0
