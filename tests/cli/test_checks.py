"""``--stability`` and ``--audit`` on the command line: reports that fit the schema, columns, and words."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from fakescan.core.schema import json_schema_text
from tests.cli.conftest import Cli
from tests.support.looking import ReadingEngine, checkerboard


class Brittle(ReadingEngine):
    """Fake only as long as nothing was lost of the picture: every other encoding is real."""

    def score(self, image: Any) -> float:
        return super().score(image) if image.width_px == 500 and len(self.batches) <= 1 else -3.0


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    checkerboard().save(folder / "a.png")
    return folder


def with_engine(monkeypatch: pytest.MonkeyPatch, engine: ReadingEngine) -> None:
    monkeypatch.setattr("fakescan.engines.load", lambda name="auto", **asked: engine)


def test_both_checks_are_in_every_report(cli: Cli, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_engine(monkeypatch, ReadingEngine())
    done = cli(
        "scan", "in", "--stability", "all", "--audit", "--policy", "model", "--json", "-o", "r.csv", "-o", "r.html"
    )
    assert done.code == 1
    report = json.loads(done.out)
    jsonschema.validate(report, json.loads(json_schema_text()))
    [result] = report["results"]
    assert [len(result["stability"]), len(result["claims"])] == [7, 4]
    assert result["claims"][0]["mark"] == "supported"
    assert result["claims"][0]["attribute"] == "Anomalous Image Texture"
    assert result["claims"][0]["regions"] == [pytest.approx([0.6, 0.2, 0.2, 0.2])]
    assert result["claims"][0]["text_change"] < 0
    assert {"stability", "audit"} <= set(result["timings_s"])
    [row] = csv.DictReader(Path("r.csv").read_text("utf-8-sig").splitlines())
    assert (row["encodings_tried"], row["claims_supported"], row["claims_unsupported"]) == ("7", "1", "2")
    assert "The skin of the figure" in Path("r.html").read_text("utf-8")


def test_replay_compares_both_checks(cli: Cli, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_engine(monkeypatch, ReadingEngine())
    assert cli("scan", "in", "--stability", "2", "--audit", "--policy", "model", "-o", "r.json").code == 1
    done = cli("replay", "r.json", "-q")
    assert (done.code, "0 differences" in done.out) == (0, True), done.out
    report = json.loads(Path("r.json").read_text())
    [result] = report["results"]
    result["stability"][1]["p_fake"] -= 0.01
    result["claims"][0]["mark"] = "contradicted"
    Path("r.json").write_text(json.dumps(report))
    done = cli("replay", "r.json", "-q")
    assert done.code == 1
    assert f"DIFFERS  a.png: P(AI-generated) as {result['stability'][1]['encoding']} moved by 0.010000" in done.out
    assert "sentence 1 of those that were checked: contradicted became supported" in done.out


def test_a_verdict_that_does_not_hold_is_told(cli: Cli, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_engine(monkeypatch, Brittle())
    done = cli("scan", "in", "--stability", "2", "--reasoning", "none", "--policy", "model")
    assert done.code == 0
    assert "1 verdict did not hold when the picture was encoded anew" in done.err
    assert "The verdict does not hold" in done.err


@pytest.mark.parametrize(
    ("flags", "told"),
    [(["--stability", "8"], "from 0 to 7"), (["--audit", "--reasoning", "none"], "contradict each other")],
)
def test_what_makes_no_sense_is_wrong_usage(cli: Cli, pictures: Path, flags: list[str], told: str) -> None:
    done = cli("scan", "in", *flags)
    assert done.code == 2
    assert told in done.err
