"""The line: batches, copies, what is flagged, what is reused, and what goes wrong."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from fakescan.core.options import ScanOptions, Setting, options_from
from fakescan.core.records import (
    Assessed,
    Evidence,
    Failure,
    ImageKind,
    ImageRecord,
    ImageResult,
    Label,
    LogitPair,
    Prediction,
    ScoreKind,
    SourceFile,
    Strength,
    Supports,
)
from fakescan.core.views import Views
from fakescan.errors import ModelError
from fakescan.intake.decode import DecodedImage
from fakescan.intake.examine import Examined
from fakescan.pipeline.keys import key_of, row_key_of
from fakescan.pipeline.line import Line
from fakescan.store.journal import Journal
from tests.support.weightless import WeightlessEngine, difference

MARKS = Evidence("png-text", "parameters", "x", Supports.FAKE, Strength.UNSIGNED)


def picture(name: str, content: str | None = None, *evidence: Evidence, size_px: int = 8) -> Examined:
    digest = hashlib.sha256((content or name).encode()).hexdigest()
    record = ImageRecord(SourceFile(name, 10, digest, "image/png"), size_px, size_px, 1, None, ImageKind.PHOTO)
    image = DecodedImage(Image.new("RGB", (8, 8)), digest, size_px, size_px, 1, None)
    return Examined(record, evidence, image, None, {"decode": 0.5})


def broken(name: str) -> Examined:
    failure = Failure("decode", "truncated", "the file ends too early", "copy it again")
    return Examined(ImageRecord(SourceFile(name, 0, "", None)), failure=failure)


def options(**values: Any) -> ScanOptions:
    return options_from({name: Setting(value, "test") for name, value in values.items()})


def run(
    files: Iterable[Examined], engine: WeightlessEngine, journal: Journal | None = None, **values: Any
) -> list[ImageResult]:
    with Journal(None) as own:
        line = Line(options(**values), lambda: engine, journal or own)
        batches = [batch for file in files for batch in line.feed(file)]
        batches += line.finish()
    return [result for batch in batches for result in batch]


def name_of(result: ImageResult) -> str:
    return result.record.file.path


def prediction_of(result: ImageResult) -> Prediction:
    assert isinstance(result.outcome, Assessed)
    return result.outcome.prediction


def test_every_file_has_one_result() -> None:
    files = [picture(f"p{number}") for number in range(10)] + [broken("b0"), picture("p1 copy", "p1")]
    engine = WeightlessEngine()
    results = run(files, engine)
    assert sorted(map(name_of, results)) == sorted(file.record.file.path for file in files)
    assert [len(digests) for digests, _ in engine.batches] == [3, 3, 3, 1]


def test_results_do_not_depend_on_the_batch_size() -> None:
    files = [picture(f"p{number}") for number in range(8)]

    def by_name(size: int) -> dict[str, object]:
        return {name_of(result): result.outcome for result in run(files, WeightlessEngine(size))}

    assert by_name(1) == by_name(3) == by_name(8)


def test_copies_are_assessed_once_and_reported_each() -> None:
    files = [picture("a", "same"), picture("b", "same"), picture("c"), picture("d"), picture("e", "same")]
    engine = WeightlessEngine(3)
    results = {name_of(result): result for result in run(files, engine)}
    assert len(results) == 5
    assert sum(len(digests) for digests, _ in engine.batches) == 3
    assert (
        prediction_of(results["a"]).before == prediction_of(results["b"]).before == prediction_of(results["e"]).before
    )
    assert [prediction_of(results[name]).elapsed_s for name in "abe"] == [0.02, 0.0, 0.0]
    assert results["a"].timings_s == {"decode": 0.5, "infer": 0.02}


def test_the_model_is_loaded_for_the_first_picture_only() -> None:
    def never() -> WeightlessEngine:
        raise AssertionError("nothing was decoded")

    with Journal(None) as journal:
        line = Line(options(), never, journal)
        [batch] = line.feed(broken("b"))
        assert [name_of(result) for result in batch] == ["b"]
        assert list(line.finish()) == []


def test_a_failure_of_the_engine_is_a_row() -> None:
    files = [picture("a"), picture("b"), picture("b2", "b")]
    bad = files[1].record.file.sha256
    results = {name_of(result): result.outcome for result in run(files, WeightlessEngine(fails_on=frozenset({bad})))}
    assert isinstance(results["a"], Assessed)
    assert isinstance(results["b"], Failure)
    assert results["b2"] == results["b"]


def test_a_score_that_is_no_number_is_a_failure() -> None:
    class Broken(WeightlessEngine):
        def answer(self, sha256: str, *, reasoning: bool) -> Prediction | Failure:
            return Prediction(LogitPair(0.0, float("nan"), 1), None)

    [result] = run([picture("a")], Broken())
    assert isinstance(result.outcome, Failure)
    assert result.outcome.code == "not-finite"


def test_an_engine_that_loses_answers_ends_the_run() -> None:
    class Losing(WeightlessEngine):
        def infer(self, images: Any, *, reasoning: bool = True) -> list[Prediction | Failure]:
            return super().infer(images, reasoning=reasoning)[:-1]

    with pytest.raises(ModelError, match="2 answers to 3 images"):
        run([picture(name) for name in "abc"], Losing())


def test_a_file_without_picture_or_failure_is_a_failure() -> None:
    odd = replace(broken("a"), failure=None)
    [result] = run([odd], WeightlessEngine())
    assert isinstance(result.outcome, Failure)


@pytest.mark.parametrize(("reasoning", "expected"), [("all", True), ("none", False)])
def test_text_for_all_or_none(reasoning: str, expected: bool) -> None:
    engine = WeightlessEngine()
    results = run([picture(name) for name in "abcd"], engine, reasoning=reasoning)
    assert {wanted for _, wanted in engine.batches} == {expected}
    assert all(bool(prediction_of(result).stages) is expected for result in results)


def test_flagged_means_text_for_what_is_not_clean() -> None:
    files = [picture(f"p{number}") for number in range(40)]
    engine = WeightlessEngine(4)
    results = run(files, engine, reasoning="flagged")
    assert len(results) == 40
    flagged = [result for result in results if prediction_of(result).stages]
    assert {name_of(result) for result in flagged} == {
        name_of(result)
        for result in results
        if isinstance(result.outcome, Assessed) and result.outcome.verdict.label is not Label.REAL
    }
    assert 0 < len(flagged) < 40
    assert prediction_of(flagged[0]).elapsed_s == pytest.approx(0.03)
    looked_at = [digest for digests, wanted in engine.batches if not wanted for digest in digests]
    assert sorted(looked_at) == sorted(file.record.file.sha256 for file in files)


def test_evidence_flags_too() -> None:
    clean = next(f"p{number}" for number in range(99) if difference(picture(f"p{number}").record.file.sha256) < -5)
    [plain] = run([picture(clean)], WeightlessEngine(), reasoning="flagged")
    [marked] = run([picture(clean, None, MARKS)], WeightlessEngine(), reasoning="flagged")
    assert not prediction_of(plain).stages
    assert prediction_of(marked).stages


def test_a_copy_of_a_flagged_picture_waits_for_its_text() -> None:
    fake = next(f"p{number}" for number in range(99) if difference(picture(f"p{number}").record.file.sha256) > 5)
    results = run([picture("a", fake), picture("b", fake)], WeightlessEngine(1), reasoning="flagged")
    assert all(prediction_of(result).stages for result in results)


def test_few_pictures_are_held() -> None:
    held: list[int] = []
    alive: set[int] = set()

    def files() -> Iterator[Examined]:
        for number in range(200):
            one = picture(f"p{number}")
            assert one.image is not None
            alive.add(number)
            weakref.finalize(one.image.image, alive.discard, number)
            yield one
            held.append(len(alive))

    assert len(run(files(), WeightlessEngine(4), reasoning="flagged")) == 200
    assert max(held) <= 3 * 4


def test_large_pictures_make_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakescan.pipeline.line._MAX_PIXELS", 150)  # a picture here has 64
    engine = WeightlessEngine(8)
    results = run([picture(f"p{number}") for number in range(8)], engine)
    assert len(results) == 8
    assert [len(digests) for digests, _ in engine.batches] == [3, 3, 2]


def test_only_what_the_model_looks_at_is_held() -> None:
    class Narrow(WeightlessEngine):
        views = Views(("square", "native"), 4, (0, 0, 0))

        def infer(self, images: Any, *, reasoning: bool = True) -> list[Prediction | Failure]:
            assert all(image.views == self.views and image.image.size == (4, 8) for image in images)
            return super().infer(images, reasoning=reasoning)

    assert len(run([picture(name) for name in "abcde"], Narrow(2))) == 5


def test_what_is_done_is_in_the_journal_before_it_is_given_out() -> None:
    with Journal(None) as journal:
        engine = WeightlessEngine(2)
        line = Line(options(), lambda: engine, journal)
        key = row_key_of(key_of(engine, options()), options(), {})
        for name in "abcde":
            for batch in line.feed(picture(name)):
                stored = list(journal.results(key))
                assert all(result in stored for result in batch)


def test_a_stop_in_a_later_batch_keeps_the_earlier_ones() -> None:
    def stop(number: int) -> None:
        if number == 2:
            raise KeyboardInterrupt

    with Journal(None) as journal:
        engine = WeightlessEngine(2, before_batch=stop)
        with pytest.raises(KeyboardInterrupt):
            run([picture(name) for name in "abcdefgh"], engine, journal)
        key = row_key_of(key_of(engine, options()), options(), {})
        assert [name_of(result) for result in journal.results(key)] == list("abcd")


def test_answers_of_before_are_reused_with_todays_verdict() -> None:
    files = [picture(name) for name in "abcdef"]
    with Journal(None) as journal:
        first = run(files, WeightlessEngine(), journal)
        again = WeightlessEngine()
        second = run(files, again, journal)
        assert again.batches == []
        assert [result.outcome for result in sorted(first, key=name_of)] == [
            replace(result.outcome, prediction=prediction_of(first_one))
            for result, first_one in zip(sorted(second, key=name_of), sorted(first, key=name_of), strict=True)
            if isinstance(result.outcome, Assessed)
        ]
        strict = run(files, again, journal, threshold=0.999)
        assert again.batches == []
        assert {result.outcome.verdict.threshold for result in strict if isinstance(result.outcome, Assessed)} == {
            0.999
        }


def test_failures_are_tried_again() -> None:
    file = picture("a")
    with Journal(None) as journal:
        run([file], WeightlessEngine(fails_on=frozenset({file.record.file.sha256})), journal)
        [result] = run([file], WeightlessEngine(), journal)
        assert isinstance(result.outcome, Assessed)


@pytest.mark.parametrize(
    ("changed", "values"),
    [
        ({"weights_sha256": "1" * 64}, {}),
        ({"prompt_version": "2"}, {}),
        ({"dtype": "int8"}, {}),
        ({"temperature": 3.0}, {}),
        ({}, {"reasoning": "none"}),
        ({}, {"reasoning": "flagged"}),
        ({}, {"score": "after"}),
        ({}, {"decode": "free"}),
        ({}, {"decode": "free", "seed": 1}),
        ({}, {"reasoning": "flagged", "policy": "marks"}),
        ({}, {"reasoning": "flagged", "threshold": 0.9}),
        ({}, {"draft": True}),
    ],
    ids=str,
)
def test_another_model_or_question_is_another_key(changed: dict[str, Any], values: dict[str, Any]) -> None:
    base = WeightlessEngine()
    other = WeightlessEngine(identity=replace(base.identity, **changed))
    assert key_of(base, options()) != key_of(other, options(**values))


def test_another_calibration_is_another_key() -> None:
    base = WeightlessEngine()
    bare = WeightlessEngine(calibration={})
    moved = replace(base.calibration[ScoreKind.BEFORE], threshold=0.55)
    keys = {key_of(WeightlessEngine(calibration={ScoreKind.BEFORE: moved}), options()), key_of(bare, options())}
    assert key_of(base, options()) not in keys
    assert len(keys) == 2


@pytest.mark.parametrize(
    "values", [{"policy": "strict"}, {"threshold": 0.9}, {"seed": 7}, {"batch_size": 1}, {"device": "cpu"}]
)
def test_what_no_answer_depends_on_keeps_the_key(values: dict[str, Any]) -> None:
    engine = WeightlessEngine()
    assert key_of(engine, options()) == key_of(engine, options(**values))
