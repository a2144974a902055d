"""Marks of people: agreement against the published example, what is drawn, taken and refused, means and tables."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fakescan.errors import DataError
from fakescan.reports.desk_page import DeskPage, page_files
from fakescan_trainer.data.facts import Reencoder
from fakescan_trainer.data.review import ReviewServer
from fakescan_trainer.evaluate.agreement import ordinal_alpha
from fakescan_trainer.evaluate.human import Mark, RatingDesk, digest_of, drawn, figures, read_marks
from fakescan_trainer.evaluate.samples import Answer, Sample
from tests.support.chromium import barriers, chromium

HOSTILE = "<img src=x onerror=document.title='run'>"


def test_alpha_is_that_of_the_published_example() -> None:
    """Krippendorff 2011, part C: four observers, twelve units, missing values; ordinal alpha 0.815."""
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    units = [{str(who): row[at] for who, row in enumerate(observers) if row[at]} for at in range(12)]
    assert ordinal_alpha(units, (1, 2, 3, 4, 5)) == pytest.approx(0.815, abs=5e-4)  # type: ignore[arg-type]


def test_alpha_at_its_ends() -> None:
    assert ordinal_alpha([{"a": 1, "b": 1}, {"a": 5, "b": 5}], (1, 2, 3, 4, 5)) == 1
    assert ordinal_alpha([{"a": 3, "b": 3}], (1, 2, 3, 4, 5)) is None  # one mark only: nothing to agree about
    assert ordinal_alpha([{"a": 3}, {"b": 4}], (1, 2, 3, 4, 5)) is None
    low = ordinal_alpha([{"a": 1, "b": 5}, {"a": 5, "b": 1}], (1, 2, 3, 4, 5))
    assert low is not None
    assert low < 0


@pytest.fixture
def answers(tmp_path: Path) -> list[Answer]:
    found = []
    for number in range(6):
        path = f"{'ab'[number % 2]}/1_fake/{number}.png"
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (number * 40, 0, 0)).save(tmp_path / path)
        text = f"Odd hands {number}. {HOSTILE}" if number else ""
        sample = Sample(path, tmp_path / path, True, "ab"[number % 2])
        found.append(Answer(sample, 0.9, 0.5, None, stages={"reasoning": text}))
    return found


def test_texts_are_drawn_by_set(answers: list[Answer]) -> None:
    chosen = drawn(answers, 2, 0)
    assert Counter(answer.sample.group for answer in chosen) == {"a": 2, "b": 2}
    assert [a.sample.path for a in chosen] == [a.sample.path for a in drawn(answers, 2, 0)]
    assert all(answer.stages["reasoning"] for answer in drawn(answers, 9, 0))
    with pytest.raises(DataError, match="no answer has a reasoning"):
        drawn(answers[:1], 2, 0)


def test_marks_are_taken_refused_and_kept_by_rater(answers: list[Answer], tmp_path: Path) -> None:
    path = tmp_path / "marks.jsonl"
    with Reencoder(tmp_path, 64) as pictures:
        desk = RatingDesk(answers[1:3], path, "  A.  Rater ", pictures)
        shown = desk.shown(0)
        assert shown["sentences"] == ["Odd hands 1.", HOSTILE]
        assert not {"label", "verdict", "image"} & shown.keys()
        good = {"at": 0, "of": shown["of"], "marks": [4, 5]}
        for wrong in ({"marks": [4]}, {"marks": [0, 5]}, {"marks": [True, 5]}, {"marks": "45"}, {"of": "x"}, {"at": 7}):
            with pytest.raises(ValueError, match=r"\w"):
                desk.decide(good | wrong)
        assert not path.exists()
        assert desk.decide(good) == 1
        assert desk.decide(good | {"marks": [2, 2]}) == 1
        other = RatingDesk(answers[1:3], path, "B", pictures)
        assert other.counts() == {"marked": 0, "open": 2}
        assert other.shown(0)["marks"] == []
        again = RatingDesk(answers[1:3], path, "A. Rater", pictures)
        assert again.shown(0)["marks"] == [2, 2]
        assert again.next_open(-1) == 1
        with pytest.raises(DataError, match="nobody"):
            RatingDesk(answers, path, " ", pictures)
    path.write_text(path.read_text() + '{"marks": [9]}\n')
    with pytest.raises(DataError, match="damaged"):
        read_marks(path)


def test_figures_by_hand() -> None:
    def mark(image: str, rater: str, *marks: int) -> Mark:
        return Mark(image, digest_of(image, "t"), marks, rater, "2026-01-01T00:00:00Z")

    marks = [
        mark("a/1", "x", 1, 1),
        mark("a/1", "x", 4, 2),
        mark("a/1", "y", 5, 2),
        mark("b/1", "x", 3),
        mark("c", "x", 1),
    ]
    found = figures(marks, {"a/1": "a", "b/1": "b"})
    assert found["groups"] == {"a": {"sentences": 2, "mean": 3.25}, "b": {"sentences": 1, "mean": 3.0}}
    assert found["mean"] == pytest.approx((4.5 + 2 + 3) / 3)
    assert found["raters"]["x"] == {"sentences": 3, "mean": 3.0}
    assert (found["by_several"], found["left_out"]) == (2, 1)
    assert found["alpha"] == ordinal_alpha([{"x": 4, "y": 5}, {"x": 2, "y": 2}], (1, 2, 3, 4, 5))
    with pytest.raises(DataError, match="no mark"):
        figures(marks, {})


@pytest.fixture
def page(answers: list[Answer], tmp_path: Path) -> Iterator[Any]:
    with Reencoder(tmp_path, 200) as pictures:
        desk = RatingDesk(answers[1:3], tmp_path / "marks.jsonl", "J. Doe", pictures)
        with ReviewServer(desk, page_files(DeskPage.RATING)) as server, chromium() as browser:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            tab = browser.new_page()
            tab.set_default_timeout(120_000)
            tab.complaints = []
            tab.on("console", lambda message: tab.complaints.append(message.text))
            tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
            tab.goto(server.url)
            tab.wait_for_selector("#sentences fieldset")
            yield tab
            server.shutdown()
            thread.join()


def test_a_rater_marks_all_texts_in_the_browser(page: Any, tmp_path: Path) -> None:
    assert page.locator("legend").all_text_contents() == ["Odd hands 1.", HOSTILE]
    assert page.locator("main img").count() == 1
    assert barriers(page) == []
    page.click("#save")
    page.locator("#fault", has_text="Each sentence needs a mark.").wait_for()
    page.keyboard.press("4")
    page.keyboard.press("5")
    page.keyboard.press("Enter")
    page.locator("#progress", has_text="1 of 2 marked").wait_for()
    page.locator("legend", has_text="Odd hands 2.").wait_for()
    page.keyboard.press("1")
    page.keyboard.press("2")
    page.click("#save")
    page.locator("#state", has_text="All are marked").wait_for()
    marks = read_marks(tmp_path / "marks.jsonl")
    assert [(mark.marks, mark.rater) for mark in marks] == [((4, 5), "J. Doe"), ((1, 2), "J. Doe")]
    assert page.title() == "Marking of reasoning"
    assert page.complaints == []
    assert json.loads((tmp_path / "marks.jsonl").read_text().splitlines()[0])["image"] == "b/1_fake/1.png"
