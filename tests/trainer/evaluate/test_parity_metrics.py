"""Parity with figures that the authors' own evaluation functions gave (reference data beside the checkout)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fakescan.core.answer import parse_answer
from fakescan_trainer.evaluate import official
from fakescan_trainer.evaluate.layouts import read_test_set
from fakescan_trainer.evaluate.reasoning import bleu, rouge_l


@pytest.fixture(scope="module")
def cases(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared / "parity/metrics/metric_cases.json").read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def outputs(shared: Path) -> list[dict[str, Any]]:
    document = json.loads((shared / "parity/metrics/output_parse_cases.json").read_text("utf-8"))
    found: list[dict[str, Any]] = document["cases"]
    return found


def test_parity_of_bleu_and_rouge(cases: dict[str, Any]) -> None:
    pytest.importorskip("nltk")
    pytest.importorskip("rouge_score")
    rouge = rouge_l()
    assert len(cases["bleu_rouge"]) >= 7
    for case in cases["bleu_rouge"]:
        assert bleu(case["hypothesis"], case["reference"], 1) == pytest.approx(case["bleu1"], abs=1e-12), case
        assert rouge(case["hypothesis"], case["reference"]) == pytest.approx(case["rougeL_f"], abs=1e-12), case


def test_parity_of_accuracies(cases: dict[str, Any]) -> None:
    for case in cases["accuracy"]:
        found = official.accuracies([y == 1 for y in case["y_true"]], [y == 1 for y in case["y_pred"]])
        assert found == pytest.approx((case["real_acc"], case["fake_acc"], case["acc"])), case


def test_parity_of_the_reference_texts(cases: dict[str, Any], tmp_path: Path) -> None:
    place = tmp_path / "evaluation_sets" / "gigagan_reasoning.json"
    for key in cases["dataset"]["annotation"]:
        image = tmp_path / "evaluation_sets" / key
        image.parent.mkdir(parents=True, exist_ok=True)
        image.touch()
    place.write_text(json.dumps(cases["dataset"]["annotation"]), "utf-8")
    expected = {
        (row["path"].removeprefix("evaluation_sets/"), row["reasoning"], row["label"] == 1)
        for row in cases["dataset"]["order_after_seed0_shuffle"]
    }
    for found in (read_test_set(place), read_test_set(tmp_path)):
        assert {(sample.path, sample.reference, sample.fake) for sample in found.samples} == expected


def test_parity_of_parsed_answers(outputs: list[dict[str, Any]]) -> None:
    assert len(outputs) >= 14
    for case in outputs:
        found = official.parse(case["output"])
        assert (found is None) == case["counted_as_failure"], case["name"]
        if found is not None:
            assert ("fake" if found.fake else "real", found.reasoning) == (case["prediction"], case["reasoning"])


def test_parity_survives_the_way_through_stages(outputs: list[dict[str, Any]]) -> None:
    # Reports keep stages, not raw answers: put together again they are counted alike.
    for case in outputs:
        stages = {stage.stage.value: stage.text for stage in parse_answer(case["output"]) if stage.complete}
        found = official.parse(official.whole_text(stages))
        assert (found is None) == case["counted_as_failure"], case["name"]
