"""``--gate``, ``--baseline``, ``--changed-since``, ``baseline`` and ``diff``: exit codes and streams."""

from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fakescan.core.records import Label
from tests.cli.conftest import Cli
from tests.support.pictures import folder, png, png_that_is

REAL, FAKE, UNSURE = Label.REAL, Label.FAKE, Label.INCONCLUSIVE
BROKEN = b"\x89PNG\r\n\x1a\n and nothing more"


def gate(place: Path, *rules: tuple[str, str]) -> None:
    text = "".join(f"[[rule]]\npaths = [{path!r}]\nfail_on = {words}\n" for path, words in rules)
    (place / "gate.toml").write_text(text, encoding="utf-8")


def test_the_gate_decides_by_path(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in" / "ok", a=FAKE)
    folder(tmp_path / "in" / "press", b=UNSURE)
    gate(tmp_path, ("in/ok/", "[]"), ("in/press/", '["inconclusive"]'))
    done = cli("scan", "in", "--gate", "gate.toml", "-q")
    assert (done.code, done.out) == (1, "press/b.png\n")
    gate(tmp_path, ("in/", "[]"))
    assert cli("scan", "in", "--gate", "gate.toml").code == 0


def test_an_error_is_3_or_1_but_never_0(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=REAL)
    (tmp_path / "in" / "b.png").write_bytes(BROKEN)
    gate(tmp_path, ("*", "[]"))
    assert cli("scan", "in", "--gate", "gate.toml").code == 3
    gate(tmp_path, ("*", '["error"]'))
    assert cli("scan", "in", "--gate", "gate.toml", "-o", "r.xml").code == 1


def test_faults_of_the_gate_file_are_told_before_the_scan(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=REAL)
    gate(tmp_path, ("*", '["fkae"]'), ("*", '["lost-marks"]'))
    done = cli("scan", "in", "--gate", "gate.toml", "--run-dir", "run")
    assert done.code == 2
    assert "did you mean fake?" in done.err
    assert "lost-marks needs --baseline" in done.err
    assert not (tmp_path / "run").exists()


def test_missing_credentials_are_told_and_never_pass_unseen(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=REAL)
    gate(tmp_path, ("*", '["missing-content-credentials"]'))
    done = cli("scan", "in", "--gate", "gate.toml", "-o", "github:-")
    assert done.code == 1
    assert "gate: a.png: " in done.err
    assert done.out.startswith("::error file=in/a.png,line=1,title=No Content Credentials::")


def test_a_baseline_from_the_first_scan_to_its_end(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE, b=REAL)
    assert cli("scan", "in", "-o", "r.json").code == 1
    assert cli("baseline", "create", "r.json", "-o", "b.json").code == 0
    done = cli("scan", "in", "--baseline", "b.json", "-o", "r.sarif", "-o", "r.json")
    assert done.code == 0
    assert "1 finding is accepted" in done.err
    (result,) = json.loads((tmp_path / "r.sarif").read_text())["runs"][0]["results"]
    assert result["suppressions"]
    reopened = cli("scan", "in", "--baseline", "b.json", "--threshold", "0.01")
    assert reopened.code == 1
    assert "open again" in reopened.err
    (tmp_path / "in" / "c.png").write_bytes(png_that_is(FAKE, number=1))
    assert cli("scan", "in", "--baseline", "b.json", "-o", "r.json").code == 1
    assert cli("baseline", "update", "b.json", "r.json").code == 0
    assert cli("scan", "in", "--baseline", "b.json").code == 0
    (tmp_path / "in" / "a.png").unlink()
    cli("scan", "in", "-o", "r.json")
    done = cli("baseline", "prune", "b.json", "r.json")
    assert "accepted findings: 1 (0 new or changed, 1 gone or changed)" in done.err


def marked_png(number: int) -> bytes:
    """A picture that says of itself that a generator made it."""
    words = PngInfo()
    words.add_text("parameters", "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 320x240, Model: x")
    out = BytesIO()
    Image.open(BytesIO(png(number))).save(out, "PNG", pnginfo=words)
    return out.getvalue()


def test_lost_marks_are_found_by_a_scan_of_a_part(cli: Cli, tmp_path: Path) -> None:
    place = tmp_path / "in" / "new"
    place.mkdir(parents=True)
    for number, name in enumerate(("x.png", "y.png")):
        (place / name).write_bytes(marked_png(number))
    gate(tmp_path, ("*", '["lost-marks"]'))
    checked = ("--gate", "gate.toml", "--baseline", "b.json")
    cli("scan", "in", "-o", "r.json")
    assert cli("baseline", "create", "r.json", "-o", "b.json").code == 0
    assert cli("scan", "in/new/x.png", *checked).code == 0
    (place / "x.png").write_bytes(png(0))
    done = cli("scan", "in/new/x.png", *checked)
    assert done.code == 1
    assert "gate: x.png: It has lost the mark of an AI generator" in done.err
    for paths in (["in/new"], ["in"], ["."], [tmp_path / "in" / "new", "--relative-to", "."]):
        assert cli("scan", *paths, *checked).code == 1, paths
    assert cli("scan", "in/new/y.png", *checked).code == 0
    untold = cli("scan", place / "x.png", *checked)
    assert "name that folder with --relative-to" in untold.err
    cli("scan", place / "x.png", "--relative-to", "in/..", "-o", "r.json")
    assert cli("baseline", "update", "b.json", "r.json").code == 0
    assert cli("scan", "in", *checked).code == 0, "what was accepted is missed no more"
    (place / "y.png").write_bytes(png(1))
    cli("scan", "in", "-o", "r.json")
    assert "files with marks: 1 (0 new or changed, 0 gone" in cli("baseline", "prune", "b.json", "r.json").err
    cli("scan", "in/new/x.png", "-o", "r.json")
    done = cli("baseline", "prune", "b.json", "r.json")
    assert "files with marks: 0 (0 new or changed, 1 gone" in done.err


def marked_run(cli: Cli, place: Path) -> tuple[str, ...]:
    """A run of one marked picture and its baseline; what checks for lost marks."""
    (place / "in").mkdir()
    (place / "in" / "x.png").write_bytes(marked_png(0))
    gate(place, ("*", '["lost-marks"]'))
    cli("scan", "in", "--run-dir", "run", "-o", "r.json")
    assert cli("baseline", "create", "r.json", "-o", "b.json").code == 0
    return "--gate", "gate.toml", "--baseline", "b.json"


def test_paths_cannot_start_at_a_folder_that_holds_no_scanned_file(cli: Cli, tmp_path: Path) -> None:
    checked = marked_run(cli, tmp_path)
    (tmp_path / "in" / "x.png").write_bytes(png(0))
    (tmp_path / "other").mkdir()
    elsewhere = ("--relative-to", "other")
    done = cli("scan", "in", *checked, *elsewhere, "--run-dir", "again")
    assert done.code == 2
    assert f"error: --relative-to {tmp_path / 'other'} does not hold the scanned folder {tmp_path / 'in'}" in done.err
    assert not (tmp_path / "again").exists(), "told before the scan"
    for words in (
        ["report", "run", *checked],
        ["baseline", "create", "run", "-o", "c.json"],
        ["baseline", "update", "b.json", "run"],
        ["baseline", "prune", "b.json", "run"],
    ):
        done = cli(*words, *elsewhere)
        assert (done.code, "does not hold the scanned folder" in done.err) == (2, True), words
    assert not (tmp_path / "c.json").exists()
    assert cli("scan", "in", *checked, "--relative-to", ".").code == 1
    assert cli("scan", "--allow-empty", "--files-from", "/dev/null", *elsewhere).code == 0, "there are no paths"


def test_a_folder_may_be_named_through_a_link(cli: Cli, tmp_path: Path) -> None:
    checked = marked_run(cli, tmp_path)
    (tmp_path / "in" / "x.png").write_bytes(png(0))
    (tmp_path.parent / f"{tmp_path.name}-link").symlink_to(tmp_path)
    link = tmp_path.parent / f"{tmp_path.name}-link"
    done = cli("scan", link / "in", *checked, "--relative-to", ".")
    assert (done.code, "It has lost the mark" in done.err) == (1, True)


@pytest.mark.parametrize("left_out", [[], ["--redact", "host"]])
def test_a_report_starts_paths_where_its_scan_did(
    cli: Cli, tmp_path: Path, left_out: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    start = tmp_path / "home" / "jane" / "work"
    start.mkdir(parents=True)
    monkeypatch.chdir(start)
    checked = marked_run(cli, start)
    (start / "in" / "x.png").write_bytes(png(0))
    place = start / "in"
    assert cli("scan", place, *checked, "--relative-to", ".", "--run-dir", "again").code == 1
    done = cli("report", "again", *checked, *left_out, "-o", "github:-")
    assert "gate: x.png: It has lost the mark" in done.err
    assert "file=in/x.png" in done.out


def test_a_folder_that_is_too_high_is_told(cli: Cli, tmp_path: Path) -> None:
    checked = marked_run(cli, tmp_path)
    (tmp_path / "in" / "x.png").write_bytes(png(0))
    done = cli("scan", "in", *checked, "--relative-to", "..", "--share", "-o", "r.md")
    assert (done.code, "--relative-to named: if its paths start elsewhere" in done.err) == (0, True)
    shared = (tmp_path / "r.md").read_text()
    assert "named: if its paths start elsewhere" in shared
    assert str(tmp_path.parent) not in shared
    (tmp_path / "in" / "x.png").unlink()
    folder(tmp_path / "in", new=REAL)
    assert "baseline remembers" not in cli("scan", "in", *checked, "--relative-to", ".").err, "a file that is new"


def test_a_baseline_is_not_replaced_by_accident(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE)
    cli("scan", "in", "-o", "r.json")
    assert cli("baseline", "create", "r.json", "-o", "b.json").code == 0
    before = (tmp_path / "b.json").read_bytes()
    done = cli("baseline", "create", "r.json", "-o", "b.json")
    assert (done.code, (tmp_path / "b.json").read_bytes()) == (2, before)
    assert cli("baseline", "create", "r.json", "-o", "b.json", "--force").code == 0
    assert cli("baseline", "update", "r.json", "r.json").code == 2, "a report is no baseline"
    assert cli("scan", "in", "--baseline", "none.json").code == 2


def git(place: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=place, check=True, capture_output=True)


def test_only_what_changed_and_everything_else_is_accounted_for(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", old=FAKE, same=REAL)
    for arguments in (["init", "-q", "-b", "main"], ["add", "in"], ["commit", "-qm", "1"]):
        git(tmp_path, *arguments)
    nothing = cli("scan", "in", "--changed-since", "main")
    assert nothing.code == 2
    assert "no image changed since main" in nothing.err
    done = cli("scan", "in", "--changed-since", "main", "--allow-empty", "-o", "r.json", "-o", "r.xml")
    assert done.code == 0
    assert 'failures="0" errors="0"' in (tmp_path / "r.xml").read_text()
    folder(tmp_path / "in", new=FAKE)
    done = cli("scan", "in", "--changed-since", "main", "-o", "r.json")
    assert done.code == 1
    document = json.loads((tmp_path / "r.json").read_text())
    assert [item["path"] for item in document["results"]] == ["new.png"]
    assert {item["path"]: item["reason"] for item in document["skipped"]} == dict.fromkeys(
        ["old.png", "same.png"], "not changed in git since main"
    )
    assert cli("scan", "in", "--changed-since", "nowhere").code == 2


def test_allow_empty_allows_nothing_else(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert cli("scan", "in", "--allow-empty").code == 0
    assert cli("scan", "--allow-empty").code == 2
    assert cli("scan", "none.png", "--allow-empty").code == 3
    (tmp_path / "list").write_text("")
    assert cli("scan", "--files-from", "list", "--allow-empty").code == 0
    assert cli("scan", "--files-from", "list").code == 2


def test_diff_says_what_changed_and_why(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE, b=REAL, c=UNSURE)
    cli("scan", "in", "-o", "a.json")
    same = cli("diff", "a.json", "a.json")
    assert same.code == 0
    assert same.out.startswith("3 files compared, 0 verdicts changed")
    cli("scan", "in", "-o", "b.json", "--threshold", "0.01")
    done = cli("diff", "a.json", "b.json")
    assert done.code == 1
    assert "option threshold: None became 0.01" in done.out
    assert done.err == ""
    assert cli("diff", "a.json", "b.json", "--fail-on", "never").code == 0
    as_json = json.loads(cli("diff", "a.json", "b.json", "--json").out)
    assert as_json["verdicts_changed"] == len([c for c in as_json["changes"] if c["kind"] == "verdict"]) > 0
    assert cli("diff", "a.json", "none.json").code == 2


@pytest.mark.parametrize("arguments", [("-o", "github:-", "--json"), ("-o", "github:-", "-o", "md:-")])
def test_only_one_report_is_printed(cli: Cli, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    folder(tmp_path / "in", a=REAL)
    done = cli("scan", "in", *arguments)
    assert (done.code, done.out) == (2, "")
    assert "two reports would be printed" in done.err


def test_none_of_it_needs_torch(cli: Cli, tmp_path: Path, repository: Path) -> None:
    folder(tmp_path / "in", a=FAKE)
    cli("scan", "in", "-o", "r.json")
    report = str(tmp_path / "r.json")
    outputs = [f"{fmt}:{tmp_path / fmt}" for fmt in ("json", "jsonl", "csv", "md", "sarif", "junit", "gitlab", "case")]
    commands = [
        ["report", report, "-q", *(word for output in outputs for word in ("-o", output))],
        ["baseline", "create", report, "-o", str(tmp_path / "b.json")],
        ["diff", report, report],
    ]
    code = (
        "import sys; from fakescan.cli.app import run\n"
        f"codes = [run(words) for words in {commands!r}]\n"
        "print(codes, sorted({'torch', 'transformers', 'numpy'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[0, 0, 0] []"
    assert all((tmp_path / output.partition(":")[0]).stat().st_size > 0 for output in outputs)
