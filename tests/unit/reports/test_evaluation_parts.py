"""Tables of an evaluation: figures of one row are over the same images."""

from __future__ import annotations

from typing import Any

from fakescan.reports.evaluation.parts import detector_text_rows, text_rows


def document(*, written: int) -> dict[str, Any]:
    texts = {"bleu1": 0.3, "bleu2": 0.2, "rougeL": 0.25, "css": 0.5}
    return {
        "detector": {"name": "one"},
        "groups": {
            "a": {"n": 10, "accuracy": 0.9, "n_texts": 10, **texts},
            "b": {"n": 10, "accuracy": 0.7, "n_texts": 10, **texts},
            "c": {"n": 10, "accuracy": 0.2, "n_texts": 0},
        },
        "average": {"accuracy": 0.6, **texts},
        "overall": {"n": 30, "accuracy": 0.6},
        "reasoning": {"n": written, **texts},
    }


def test_the_accuracy_beside_texts_is_that_of_the_images_with_texts() -> None:
    rows = {row[0]: row for row in text_rows(document(written=20))}
    assert [rows[name][2] for name in ("a", "b", "average")] == ["90.0", "70.0", "80.0"]
    assert rows["all with a text"][1:3] == ["20", "–"]
    assert {row[0]: row[2] for row in text_rows(document(written=30))}["all with a text"] == "60.0"
    assert "c" not in rows


def test_no_other_average_stands_in_for_the_one_over_groups() -> None:
    older = document(written=20)
    older["average"] = {"accuracy": 0.6}
    assert detector_text_rows([older]) == []
    both = detector_text_rows([document(written=20), older])
    assert both[0][2] == "0.300"
    assert set(both[1][2:]) == {"–"}
