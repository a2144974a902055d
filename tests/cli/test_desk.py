"""``fakescan bundle``, ``verify`` and ``replay``: exit codes and streams."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from fakescan.core.records import Label
from fakescan.desk.timestamp import request_for
from tests.cli.conftest import Cli
from tests.support.authority import TimeAuthority, endless, served
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
    assert "CHANGED  r.csv: not the report that was written with this scan" in done.out


@pytest.mark.parametrize("left_out", [["--share"], ["--redact", "host"]])
def test_reports_that_leave_something_out_are_those_of_the_scan(cli: Cli, tmp_path: Path, left_out: list[str]) -> None:
    folder(tmp_path / "in", a=FAKE, b=REAL)
    outputs = ["-o", "r.json", "-o", "r.jsonl", "-o", "r.csv", "-o", "r.jsonld"]
    assert cli("scan", "in", "--run-dir", "run", *left_out, *outputs).code == 1
    done = cli("verify", "run")
    assert (done.code, done.out) == (0, "2 scanned files: 2 as recorded\n")
    (tmp_path / "r.csv").write_text("edited")
    assert "CHANGED  r.csv" in cli("verify", "run").out


EVERY = ["r.html", "r.sarif", "r.xml", "r.md", "gitlab:q.json", "r.json", "r.jsonl", "r.csv", "r.jsonld"]


@pytest.mark.parametrize("source", ["run", "r.json"])
def test_reports_of_every_format_are_compared(cli: Cli, tmp_path: Path, source: str) -> None:
    folder(tmp_path / "in", a=FAKE, b=REAL)
    assert cli("scan", "in", "--run-dir", "run", *(word for name in EVERY for word in ("-o", name))).code == 1
    untouched = cli("verify", source)
    assert (untouched.code, untouched.out) == (0, "2 scanned files: 2 as recorded\n")
    for name in [name.removeprefix("gitlab:") for name in EVERY if name != source] + ["run/scan.json"]:
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content + b" ")
        done = cli("verify", source)
        assert done.code == 1
        told = [line for line in done.out.splitlines() if line.startswith("CHANGED")]
        assert told == [f"CHANGED  {name}: not the report that was written with this scan"], name
        (tmp_path / name).write_bytes(content)


def test_what_was_not_compared_is_named(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE)
    odd = "r\x1b[31m.html"
    cli("scan", "in", "--run-dir", "run", "-o", odd, "-o", "r.xml", "-o", "r.json", "-o", "r.csv")
    (tmp_path / "run").rename(tmp_path / "moved")
    done = cli("verify", "r.json")
    assert done.code == 3
    assert "\x1b" not in done.out
    assert [line for line in done.out.splitlines() if "not compared" in line] == [
        f"unknown  {name}: not compared, what it was like is not recorded" for name in ("r\\x1b[31m.html", "r.xml")
    ]
    (tmp_path / "r.csv").write_text("edited")
    assert "CHANGED  r.csv: not the report that this scan gives" in cli("verify", "r.json").out
    assert cli("verify", "moved").code == 1
    (tmp_path / "moved" / "outputs.json").write_text('{"fakescan_outputs": 1, "outputs": 3}')
    done = cli("verify", "moved")
    assert "CHANGED  moved/outputs.json is damaged" in done.out
    assert "r.xml: not compared" in done.out
    (tmp_path / "moved" / "outputs.json").unlink()
    assert "r.xml: not compared" in cli("verify", "moved").out


def test_digests_of_another_scan_are_not_taken_for_these(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE)
    cli("scan", "in", "--run-dir", "run", "-o", "r.json", "-o", "r.xml")
    (tmp_path / "run").rename(tmp_path / "first")
    cli("scan", "in", "--run-dir", "run", "-o", "s.json", "-o", "r.xml")
    done = cli("verify", "r.json")
    assert done.code == 3
    assert "r.xml: not compared" in done.out


def test_the_folder_beside_a_page_is_compared(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakescan.reports.beside.SINGLE_FILE_IMAGES", 1)
    folder(tmp_path / "in", a=FAKE, b=REAL)
    cli("scan", "in", "--run-dir", "run", "-o", "r.html")
    assert cli("verify", "run").code == 0
    data = tmp_path / "r_files" / "data.js"
    content = data.read_bytes()
    data.write_bytes(content.replace(b"b.png", b"c.png"))
    done = cli("verify", "run")
    assert (done.code, "CHANGED  r_files/data.js: not the report that was written with this scan" in done.out) == (
        1,
        True,
    )
    data.unlink()
    done = cli("verify", "run")
    assert (done.code, "unknown  r_files/data.js: this part of the report is not there" in done.out) == (3, True)


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
    quiet = cli("bundle", "run", "-o", "quiet.zip", "-q")
    assert (quiet.code, quiet.err, len(quiet.out.strip())) == (0, "", 64)
    before = (tmp_path / "case.zip").read_bytes()
    assert cli("bundle", "run", "-o", "case.zip").code == 2
    assert (tmp_path / "case.zip").read_bytes() == before
    assert cli("bundle", "r.json", "-o", "case.zip", "--force").code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["run"], True), (["r.json"], False), (["r.json", "--pictures", "in"], True)],
)
def test_a_bundle_tells_what_files_are_now(
    cli: Cli, run: Path, tmp_path: Path, arguments: list[str], told: bool
) -> None:
    same, changed = (tmp_path / "in" / "b.png").read_bytes(), png_that_is(REAL, number=7)
    (tmp_path / "in" / "a.png").write_bytes(changed)
    assert cli("bundle", *arguments, "-o", "case.zip").code == 0
    with ZipFile(tmp_path / "case.zip") as archive:
        inputs = json.loads(archive.read("inputs.json"))
    digest = sha256(changed).hexdigest() if told else None
    assert inputs == [
        {"path": "a.png", "state": "changed", "sha256": digest, "size_bytes": len(changed)},
        {"path": "b.png", "state": "same", "sha256": sha256(same).hexdigest(), "size_bytes": len(same)},
    ]


def test_a_bundle_holds_what_was_decided(cli: Cli, run: Path, tmp_path: Path) -> None:
    for path, examiner in (("a.png", "J. Doe"), ("b.png", "R. Roe")):
        said = ("--decision", "real", "--examiner", examiner, "--note", f"seen {path}")
        assert cli("review", "r.json", path, *said).code == 0
    decisions = (tmp_path / "r.json.reviews.jsonl").read_bytes()
    for source in ("r.json", "run"):
        assert cli("bundle", source, "-o", "case.zip", "--force").code == 0
        with ZipFile(tmp_path / "case.zip") as archive:
            assert archive.read("reviews.jsonl") == decisions
            assert b'"reviews.jsonl"' in archive.read("chain.jsonl")
            page = archive.read("report.html").decode()
        assert all(text in page for text in ("J. Doe", "R. Roe", "seen a.png"))
    assert cli("verify", "case.zip").code == 0
    for attack, fault in ((b"", "reviews.jsonl was changed"), (None, "reviews.jsonl is missing")):
        with ZipFile(tmp_path / "case.zip") as old, ZipFile(tmp_path / "x.zip", "w") as new:
            for name in old.namelist():
                content = attack if name == "reviews.jsonl" else old.read(name)
                if content is not None:
                    new.writestr(name, content)
        done = cli("verify", "x.zip")
        assert done.code == 1
        assert f"CHANGED  {fault}" in done.out
    (tmp_path / "r.json.reviews.jsonl").write_bytes(decisions.replace(b"J. Doe", b"J. Poe"))
    done = cli("bundle", "r.json", "-o", "other.zip")
    assert done.code == 2
    assert "line 1 of r.json.reviews.jsonl is not as it was written" in done.err
    assert not (tmp_path / "other.zip").exists()


def test_a_timestamp_from_asking_to_checking(
    cli: Cli, run: Path, tmp_path: Path, time_authority: TimeAuthority, loopback: None
) -> None:
    with served(time_authority.answer) as url:
        made = cli("bundle", "run", "-o", "case.zip", "--timestamp-url", url)
    seal = made.out.strip()
    assert (made.code, len(seal)) == (0, 64), made.err
    assert f"sending to {url}: the seal {seal}, which is a hash, and a random number; nothing else" in made.err
    assert " UTC by Test Time, Testers: signature valid, signer not checked" in made.err
    with served(time_authority.answer) as url:
        quiet = cli("bundle", "run", "-o", "quiet.zip", "--timestamp-url", url, "-q")
    assert quiet.err.startswith(f"sending to {url}: "), "what leaves the machine is always told"
    assert len(quiet.err.splitlines()) == 1
    done = cli("verify", "case.zip", "--seal", seal)
    assert done.code == 0
    assert " UTC by Test Time, Testers: signature valid, signer not checked" in done.out
    time_authority.write_root(tmp_path / "root.pem")
    done = cli("verify", "case.zip", "--timestamp-trust", "root.pem")
    assert done.code == 0
    assert "signature valid, signer trusted" in done.out
    TimeAuthority().write_root(tmp_path / "stranger.pem")
    done = cli("verify", "case.zip", "--timestamp-trust", "stranger.pem")
    assert done.code == 1
    assert "CHANGED  timestamp.tsr: the timestamp was signed by somebody whom" in done.out
    assert cli("verify", "case.zip", "--timestamp-trust", "absent.pem").code == 2
    assert cli("verify", "run", "--timestamp-trust", "root.pem").code == 2


def test_timestamps_that_prove_nothing(
    cli: Cli, run: Path, tmp_path: Path, time_authority: TimeAuthority, loopback: None
) -> None:
    with served(time_authority.answer) as url:
        for name in ("a.zip", "b.zip"):
            assert cli("bundle", "run", "-o", name, "--timestamp-url", url, "--force").code == 0
    assert cli("bundle", "run", "-o", "none.zip").code == 0
    with ZipFile(tmp_path / "b.zip") as other:
        foreign = other.read("timestamp.tsr")
    cases = {
        foreign[:-1] + bytes([foreign[-1] ^ 1]): "the timestamp was changed after it was signed",
        time_authority.answer(request_for("0" * 64)): "the timestamp is about something else",
        b"garbage": "the timestamp cannot be read",
        None: "timestamp.tsr is missing",
    }
    for token, said in cases.items():
        with ZipFile(tmp_path / "b.zip") as old, ZipFile(tmp_path / "x.zip", "w") as new:
            for name in old.namelist():
                if name != "timestamp.tsr":
                    new.writestr(name, old.read(name))
                elif token is not None:
                    new.writestr(name, token)
        done = cli("verify", "x.zip")
        assert done.code == 1
        assert said in done.out
    with ZipFile(tmp_path / "none.zip", "a") as archive:
        archive.writestr("timestamp.tsr", foreign)
    done = cli("verify", "none.zip")
    assert done.code == 1
    assert "timestamp.tsr was added" in done.out
    time_authority.write_root(tmp_path / "root.pem")
    assert cli("bundle", "run", "-o", "none.zip", "--force").code == 0
    done = cli("verify", "none.zip", "--timestamp-trust", "root.pem")
    assert done.code == 3
    assert "unknown  the bundle has no timestamp" in done.out


def test_no_bundle_without_the_timestamp_that_was_asked_for(
    cli: Cli, run: Path, tmp_path: Path, time_authority: TimeAuthority, loopback: None
) -> None:
    def refused(_: bytes) -> bytes:
        return time_authority.refusal()

    def stale(_: bytes) -> bytes:
        return time_authority.answer(request_for("0" * 64))

    for reply, said in (
        (refused, "the timestamp was not granted (rejection: not today"),
        (stale, "the timestamp is about something else"),
        (lambda _: b"<html>", "the timestamp cannot be read"),
        (endless, "answered with more than 256 kB"),
    ):
        with served(reply) as url:
            done = cli("bundle", "run", "-o", "case.zip", "--timestamp-url", url)
        assert (done.code, done.out) == (2, "")
        assert said in done.err
        assert "\x1b" not in done.err
        assert not (tmp_path / "case.zip").exists()
    assert cli("bundle", "run", "-o", "case.zip", "--timestamp-url", "ftp://x/y").code == 2


def test_without_the_packages_a_timestamp_is_not_called_good(
    cli: Cli, run: Path, tmp_path: Path, time_authority: TimeAuthority, loopback: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(time_authority.answer) as url:
        assert cli("bundle", "run", "-o", "case.zip", "--timestamp-url", url).code == 0
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    done = cli("verify", "case.zip")
    assert done.code == 3
    assert "unknown  timestamp.tsr: timestamps need rfc3161_client, which is not installed: pip install" in done.out


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


@pytest.mark.parametrize(("named", "other"), [("r.json", "run"), ("run", "r.json")])
def test_a_run_and_its_report_have_their_decisions_in_common(
    cli: Cli, run: Path, tmp_path: Path, named: str, other: str
) -> None:
    place = {"r.json": "r.json.reviews.jsonl", "run": "run/reviews.jsonl"}[named]
    done = cli("review", named, "a.png", "--decision", "real", "--examiner", "J. Doe")
    assert (done.code, done.err) == (0, f"decisions: {place}\n")
    for name in (named, other):
        done = cli("review", name)
        assert "1 file reviewed of 2 images" in done.out
        assert done.err.rstrip().endswith(place)
    assert cli("report", other, "-o", "page.html", "-q").code == 0
    assert "J. Doe" in (tmp_path / "page.html").read_text()
    assert cli("review", other, "b.png", "--decision", "real", "--examiner", "x").code == 0
    assert "2 files reviewed of 2 images" in cli("review", named).out
    assert len((tmp_path / place).read_bytes().splitlines()) == 2, "one file, one chain"
