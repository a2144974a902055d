"""``fakescan bundle``, ``verify`` and ``replay``: exit codes and streams."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakescan.core.records import Label
from tests.cli.conftest import Cli
from tests.support.pictures import folder, png_that_is
from tests.support.weightless import WeightlessEngine

REAL, FAKE = Label.REAL, Label.FAKE


@pytest.fixture
def run(cli: Cli, tmp_path: Path) -> Path:
    folder(tmp_path / "in", a=FAKE, b=REAL)
    assert cli("scan", "in", "--run-dir", "run", "-o", "r.json", "-o", "r.csv").code == 1
    return tmp_path / "run"


@pytest.mark.parametrize("source", ["run", "r.json"])
def test_a_run_that_nobody_touched(cli: Cli, run: Path, source: str) -> None:
    done = cli("verify", source)
    assert (done.code, done.out) == (0, "2 scanned files: 2 as recorded\n")


def test_every_change_is_named(cli: Cli, run: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "a.png").write_bytes(png_that_is(REAL, number=7))
    done = cli("verify", "run")
    assert done.code == 1
    assert "CHANGED  a.png: changed since the scan" in done.out
    (tmp_path / "in" / "a.png").unlink()
    done = cli("verify", "run")
    assert done.code == 3
    assert "unknown  a.png: missing" in done.out
    (tmp_path / "r.csv").write_text("edited")
    done = cli("verify", "run")
    assert done.code == 1
    assert "CHANGED  r.csv: not the report that this scan gives" in done.out


def test_a_run_that_was_stopped(cli: Cli, tmp_path: Path, engine: WeightlessEngine) -> None:
    folder(tmp_path / "in", a=FAKE, b=REAL, c=REAL, d=REAL)

    def stop(number: int) -> None:
        if number:
            raise KeyboardInterrupt

    engine.before_batch = stop
    assert cli("scan", "in", "--run-dir", "run", "-o", "r.json").code == 130
    assert cli("verify", "run").code == 0
    assert cli("baseline", "create", "run", "-o", "b.json").code == 2


def test_pictures_that_were_moved_are_found_where_the_user_says(cli: Cli, run: Path, tmp_path: Path) -> None:
    (tmp_path / "in").rename(tmp_path / "moved")
    assert cli("verify", "run").code == 3
    assert cli("verify", "run", "--pictures", "moved").code == 0


def test_a_bundle_from_making_to_checking(cli: Cli, run: Path, tmp_path: Path) -> None:
    made = cli("bundle", "run", "-o", "case.zip")
    seal = made.out.strip()
    assert (made.code, len(seal)) == (0, 64)
    assert cli("verify", "case.zip", "--seal", seal).code == 0
    assert cli("verify", "case.zip", "--seal", f"{seal[:20]}...").code == 0
    wrong = cli("verify", "case.zip", "--seal", "0" * 64)
    assert wrong.code == 1
    assert "the seal is not the one that was noted" in wrong.out
    assert cli("verify", "case.zip", "--seal", seal[:6]).code == 2
    assert "was not compared" in cli("verify", "case.zip").out
    before = (tmp_path / "case.zip").read_bytes()
    assert cli("bundle", "run", "-o", "case.zip").code == 2
    assert (tmp_path / "case.zip").read_bytes() == before
    assert cli("bundle", "r.json", "-o", "case.zip", "--force").code == 0


def test_replay_finds_the_same(cli: Cli, run: Path, tmp_path: Path) -> None:
    before = sorted((path, path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file())
    done = cli("replay", "run", "-q")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("2 files compared, 0 differences, P(AI-generated) moved by at most 0.000000")
    after = sorted((path, path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file())
    assert after == before
    cli("bundle", "run", "-o", "case.zip")
    assert cli("replay", "case.zip", "-q").code == 0


@pytest.mark.parametrize(
    ("several", "one"),
    [
        ({"engine": "ray", "ray_workers": 2, "device": "auto"}, ("auto", "auto")),
        ({"device": "cpu,cpu"}, ("auto", "cpu")),
        ({"device": "cuda:all", "engine": "plain"}, ("plain", "cuda")),
    ],
)
def test_what_several_workers_found_is_replayed_by_one(
    cli: Cli,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    engine: WeightlessEngine,
    several: dict[str, Any],
    one: tuple[str, str],
) -> None:
    asked: list[tuple[str, str]] = []

    def load(name: str, *, device: str, **more: Any) -> WeightlessEngine:
        asked.append((name, device))
        return engine

    monkeypatch.setattr("fakescan.engines.load", load)
    document = json.loads((tmp_path / "r.json").read_text())
    document["scan"]["options"].update(several)
    (tmp_path / "x.json").write_text(json.dumps(document))
    assert cli("replay", "x.json", "-q").code == 0
    assert asked == [one]


def test_replay_names_what_differs(cli: Cli, run: Path, tmp_path: Path, engine: WeightlessEngine) -> None:
    document = json.loads((tmp_path / "r.json").read_text())
    document["results"][0]["verdict"]["p_fake"] -= 0.01
    document["results"][1]["stages"]["caption"] = "Something else."
    (tmp_path / "x.json").write_text(json.dumps(document))
    done = cli("replay", "x.json", "-q")
    assert done.code == 1
    assert "DIFFERS  a.png: P(AI-generated) moved by 0.010000" in done.out
    assert "DIFFERS  b.png: the model wrote another text" in done.out
    engine.identity = replace(engine.identity, weights_sha256="f" * 64)
    other = cli("replay", "r.json", "-q")
    assert other.code == 1
    assert "other weights" in other.out


def test_replay_says_which_files_could_not_take_part(cli: Cli, run: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "a.png").unlink()
    done = cli("replay", "run", "-q")
    assert done.code == 3
    assert "left out a.png: missing" in done.out
    (tmp_path / "in" / "b.png").unlink()
    assert cli("replay", "run").code == 2


def test_verify_and_bundle_need_no_torch(cli: Cli, run: Path, tmp_path: Path, repository: Path) -> None:
    commands = [["bundle", "r.json", "-o", "case.zip"], ["verify", "case.zip"], ["verify", "r.json"]]
    code = (
        f"import os, sys; sys.path.insert(0, {str(repository)!r}); from fakescan.cli.app import run\n"
        f"print([run(words) for words in {commands!r}], 'torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[0, 0, 0] False"


def test_reviews_stand_beside_the_verdict(cli: Cli, run: Path, tmp_path: Path) -> None:
    report = (tmp_path / "r.json").read_bytes()
    done = cli("review", "r.json", "a.png", "--decision", "real", "--examiner", "J. Doe", "--note", "seen\x1b[31m")
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "a.png: real (machine: fake), J. Doe, " in done.out
    listed = cli("review", "r.json").out
    assert "1 file reviewed of 2 images" in listed
    assert "called fake: 0 of 1 confirmed" in listed
    assert (tmp_path / "r.json").read_bytes() == report
    assert cli("review", "r.json", "a.png").code == 2
    assert cli("review", "r.json", "a.png", "--decision", "real").code == 2
    assert cli("review", "r.json", "--decision", "real").code == 2
    assert cli("review", "r.json", "z.png", "--decision", "real", "--examiner", "x").code == 2
    assert cli("review", "run", "a.png", "--decision", "fake", "--examiner", "x").code == 0
    assert (tmp_path / "run" / "reviews.jsonl").is_file()
