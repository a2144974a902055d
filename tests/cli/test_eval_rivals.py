"""``fakescan eval`` with general models, rounds, people's marks and servers, from the command line."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fakescan.core.records import Label
from fakescan_trainer.evaluate.human import digest_of
from tests.cli.conftest import Cli
from tests.support.pictures import png_that_is
from tests.support.rivals import llava
from tests.support.weightless import WeightlessEngine

QUICK = ("--bootstrap", "0", "--json")


@pytest.fixture
def testset(tmp_path: Path) -> Path:
    """Two pictures of each side; the engine is right about all."""
    for folder, look in (("real", Label.REAL), ("fake", Label.FAKE)):
        (tmp_path / "set" / folder).mkdir(parents=True)
        for number in range(2):
            (tmp_path / "set" / folder / f"{number}.png").write_bytes(png_that_is(look, number=number))
    return tmp_path / "set"


def document(cli: Cli, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    done = cli("eval", *arguments, *QUICK)
    assert done.code == code, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


@pytest.mark.filterwarnings("ignore")
def test_a_general_model_is_judged_by_its_text(cli: Cli, testset: Path, tmp_path: Path) -> None:
    folder = llava(tmp_path / "general")
    done = cli("eval", testset, "--engine", "transformers", "--model", folder, "--limit", "1", *QUICK)
    # Random weights write no verdict: each picture is an answer that cannot be read, and wrong in the accuracy.
    assert done.code == 3, done.err
    found = json.loads(done.out)
    assert found["detector"]["name"] == "general"
    assert found["by_text"]["n"] == 2
    assert found["by_text"]["refused"] + found["by_text"]["unparsable"] == 2
    assert found["overall"]["accuracy"] == 0
    assert found["overall"]["auroc"] is None
    assert "Loading weights" not in done.err


def test_a_general_model_has_to_be_named(cli: Cli, testset: Path) -> None:
    done = cli("eval", testset, "--engine", "transformers")
    assert done.code == 2
    assert "needs --model" in done.err
    done = cli("eval", testset, "--engine", "transformers", "--model", testset)
    assert done.code == 2
    assert "is no general vision-language model" in done.err


def test_a_server_has_to_be_named_and_only_with_its_engine(cli: Cli, testset: Path) -> None:
    for words in (("--engine", "openai"), ("--base-url", "http://127.0.0.1:9/v1")):
        done = cli("eval", testset, *words)
        assert done.code == 2
        assert "base_url belong together" in done.err
    done = cli("eval", testset, "--report", "r.json", "--base-url", "http://127.0.0.1:9/v1")
    assert "--base-url is of no use with --report" in done.err


@dataclass
class DrawingEngine(WeightlessEngine):
    """At the second seed it answers nothing for the pictures that it looks at first."""

    drawn: list[tuple[int, float]] = field(default_factory=list)

    def draw(self, seed: int, temperature: float) -> None:
        self.drawn.append((seed, temperature))
        self.batch_size = 4
        self.fails_on = frozenset(self.batches[0][0][:1]) if seed % 2 and self.batches else frozenset()


def test_rounds_are_drawn_and_told(cli: Cli, testset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = DrawingEngine()
    monkeypatch.setattr("fakescan.engines.load", lambda *_, **__: engine)
    outputs = [word for suffix in ("md", "html", "tex", "csv") for word in ("-o", f"f.{suffix}")]
    words = ("--rounds", "2", "--temperature", "0.2", "--temperature", "1", *outputs)
    found = document(cli, testset, *words)
    assert engine.drawn == [(0, 0.2), (1, 0.2), (0, 1.0), (1, 1.0)]
    assert [row["temperature"] for row in found["consistency"]["temperatures"]] == [0.2, 1.0]
    for row in found["consistency"]["temperatures"]:
        assert [each["accuracy"] for each in row["rounds"]] == [1.0, 0.75]
        assert [each["flips"] for each in row["rounds"]] == [0, 1]
        assert row["flips"] == 0.25
    assert "| temperature | round |" in Path("f.md").read_text("utf-8")
    assert "luctuation" in Path("f.html").read_text("utf-8")
    assert r"0.2 & 1 & 75.00 & 25.00 & 1 of 4" in Path("f.tex").read_text("utf-8")
    assert "temperature 1, round 1,round,4" in Path("f.csv").read_text("utf-8").replace('"', "")


def test_rounds_that_were_interrupted_go_on(cli: Cli, testset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = DrawingEngine()
    monkeypatch.setattr("fakescan.engines.load", lambda *_, **__: engine)

    def stop(number: int) -> None:
        if number == 3:  # a batch each round
            raise KeyboardInterrupt

    command = ("eval", testset, "--rounds", "4", *QUICK)
    engine.before_batch = stop
    done = cli(*command)
    assert done.code == 130
    assert "start anew next time" in done.err
    engine.batches.clear()
    done = cli(*command, "--run-dir", "run")
    assert done.code == 130
    assert "--resume goes on from there" in done.err
    assert len(engine.batches) == 3
    engine.before_batch = lambda number: None
    done = cli(*command, "--run-dir", "run", "--resume")
    assert done.code == 0, done.err
    assert len(json.loads(done.out)["consistency"]["temperatures"][0]["rounds"]) == 4
    asked = [len(digests) for digests, _ in engine.batches[3:]]
    assert asked == [1, 4], "only the picture that had failed in the second round, and the last round"
    assert cli(*command, "--run-dir", "run").code == 2, "answers of another evaluation were taken unasked"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--rounds", "2"), "there is nothing to draw"),  # the engine that never draws
        (("--temperature", "0.2"), "--temperature without --rounds"),
        (("--rounds", "2", "--temperature", "0"), "--temperature 0 is not from"),
        (("--rounds", "2", "--report", "r.json"), "--rounds needs the pictures"),
    ],
)
def test_rounds_that_cannot_be_meant_end_with_2(cli: Cli, testset: Path, words: tuple[str, ...], message: str) -> None:
    done = cli("eval", testset, *words)
    assert done.code == 2
    assert message in done.err


def test_marks_of_people_are_in_the_tables(cli: Cli, testset: Path) -> None:
    marks = [("fake/0.png", "A", [4]), ("fake/0.png", "B", [5]), ("real/0.png", "A", [2])]
    rows = [
        {"image": image, "of": digest_of(image, "t"), "marks": given, "rater": rater, "at": "2026-01-01T00:00:00Z"}
        for image, rater, given in marks
    ]
    Path("m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    found = document(cli, testset, "--ratings", "m.jsonl", "-o", "m.tex", "-o", "m.csv")["human"]
    assert found["mean"] == pytest.approx((4.5 + 2) / 2)
    assert found["by_several"] == 1
    assert r"rater & B & 1 & 5.00 \\" in Path("m.tex").read_text("utf-8")
    with Path("m.csv").open(encoding="utf-8-sig", newline="") as lines:
        rated = {row["name"]: row["mean_mark"] for row in csv.DictReader(lines) if row["kind"] == "marks"}
    by_set = {name: f"{found['groups'][name]['mean']:.6f}" for name in found["groups"]}
    assert rated == {**by_set, "rater A": "3.000000", "rater B": "5.000000"}
    assert "raters" in cli("eval", testset, "--ratings", "m.jsonl", "--bootstrap", "0").out
    Path("m.jsonl").write_text("not marks\n", "utf-8")
    refused = cli("eval", testset, "--ratings", "m.jsonl")
    assert refused.code == 2
    assert "m.jsonl is damaged" in refused.err
    assert "files to examine" not in refused.err  # told before anything is scanned
