"""``fakescan scan``: exit codes, streams, reports, and what bad input gets."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import jsonschema  # type: ignore[import-untyped]
import pytest

from fakescan.core.records import Label
from fakescan.core.schema import json_schema_text
from fakescan.errors import ModelError
from tests.cli.conftest import Cli
from tests.support.pictures import folder, png
from tests.support.weightless import WeightlessEngine

REAL, FAKE, UNSURE = Label.REAL, Label.FAKE, Label.INCONCLUSIVE
BROKEN = b"\x89PNG\r\n\x1a\n and nothing more"


def broken(place: Path, *names: str) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for name in names:
        (place / name).write_bytes(BROKEN)


# ---------------------------------------------------------------- exit codes


def test_clean_is_0(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=REAL, b=UNSURE)
    assert cli("scan", "in").code == 0


def test_findings_are_1_whether_or_not_something_failed(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE, b=REAL)
    assert cli("scan", "in").code == 1
    broken(tmp_path / "in", "c.png")
    done = cli("scan", "in")
    assert done.code == 1
    assert "Exit code 1" in done.err


def test_failures_without_a_finding_are_3(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=REAL)
    broken(tmp_path / "in", "c.png")
    assert cli("scan", "in").code == 3


def test_an_all_broken_folder_is_3(cli: Cli, tmp_path: Path) -> None:
    broken(tmp_path / "in", "a.png", "b.jpg")
    done = cli("scan", "in")
    assert done.code == 3
    assert "Exit code 3" in done.err


def test_a_failure_of_the_engine_is_3(cli: Cli, tmp_path: Path, engine: WeightlessEngine) -> None:
    import hashlib

    place = folder(tmp_path / "in", a=REAL, b=FAKE) / "b.png"
    engine.fails_on = frozenset({hashlib.sha256(place.read_bytes()).hexdigest()})
    assert cli("scan", "in").code == 3


def test_nothing_to_scan_is_2(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    done = cli("scan", "in", "-o", "r.json")
    assert done.code == 2
    assert done.err.count("error: no images found") == 1
    assert "hint: " in done.err
    assert not (tmp_path / "r.json").exists()


@pytest.mark.parametrize(
    ("labels", "fail_on", "code"),
    [
        ({"a": FAKE}, "never", 0),
        ({"a": UNSURE}, "inconclusive", 1),
        ({"a": UNSURE}, "fake", 0),
        ({"a": FAKE}, "inconclusive", 1),
        ({"a": REAL}, "inconclusive", 0),
    ],
)
def test_fail_on(cli: Cli, tmp_path: Path, labels: dict[str, Label], fail_on: str, code: int) -> None:
    folder(tmp_path / "in", **labels)
    assert cli("scan", "in", "--fail-on", fail_on).code == code


def test_a_named_file_that_is_no_picture_is_3(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    assert cli("scan", "notes.txt").code == 3


def test_a_missing_model_is_2(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: Any, **__: Any) -> None:
        raise ModelError("no model named 'x'", "use nano")

    monkeypatch.setattr("fakescan.engines.load", load)
    folder(tmp_path / "in", a=REAL)
    done = cli("scan", "in", "-o", "r.html")
    assert done.code == 2
    assert "error: no model named 'x'\nhint: use nano\n" in done.err
    assert not (tmp_path / "r.html").exists()


def test_all_wrong_options_are_told_at_once(cli: Cli, tmp_path: Path) -> None:
    done = cli("scan", "in", "--dtype", "x", "--threshold", "2", "--limit", "0", "--policy", "y")
    assert done.code == 2
    assert done.err.count("error: ") == 4


def test_a_bug_is_2(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: WeightlessEngine) -> None:
    def explode(number: int) -> None:
        raise ZeroDivisionError("a bug")

    engine.before_batch = explode
    folder(tmp_path / "in", a=FAKE)
    done = cli("scan", "in")
    assert done.code == 2
    assert "internal error: ZeroDivisionError: a bug" in done.err


# ---------------------------------------------------------------- interruption


def test_ctrl_c_is_130_keeps_reports_and_resumes(cli: Cli, tmp_path: Path, engine: WeightlessEngine) -> None:
    pictures = tmp_path / "in"
    pictures.mkdir()
    for number in range(9):
        (pictures / f"{number}.png").write_bytes(png(number))

    def stop(number: int) -> None:
        if number == 2:
            raise KeyboardInterrupt

    engine.before_batch = stop
    done = cli("scan", "in", "-o", "r.json", "-o", "r.html")
    assert done.code == 130
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["scan"]["interrupted"] is True
    assert report["summary"]["images"] == 6
    assert (tmp_path / "r.html").stat().st_size > 0
    engine.before_batch = lambda number: None
    assert cli("scan", "in", "--resume", "-o", "r.json").code in (0, 1)
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["scan"]["interrupted"] is False
    assert report["summary"]["images"] == 9
    assert sum(len(digests) for digests, _ in engine.batches) == 9


_SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and pass that on
import fakescan.engines
from tests.support.weightless import WeightlessEngine

def slowly(number):
    print("batch", number, file=sys.stderr, flush=True)
    time.sleep(0.2)

engine = WeightlessEngine(1, before_batch=slowly)
fakescan.engines.load = lambda *_, **__: engine
from fakescan.cli.app import main
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_real_signal_ends_with_130_and_a_report(tmp_path: Path, repository: Path, number: signal.Signals) -> None:
    pictures = tmp_path / "in"
    pictures.mkdir()
    for seed in range(60):
        (pictures / f"{seed}.png").write_bytes(png(seed))
    command = [sys.executable, "-c", _SLOW, "scan", str(pictures), "-o", str(tmp_path / "r.json")]
    environment = {**os.environ, "PYTHONPATH": str(repository), "XDG_CACHE_HOME": str(tmp_path)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("batch 2"):
                break
        process.send_signal(number)
        err = process.stderr.read()
        assert process.wait(30) == 130, err
    assert "Traceback" not in err
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["scan"]["interrupted"] is True
    assert 1 <= report["summary"]["images"] < 60


# ---------------------------------------------------------------- outputs


def test_reports_and_streams(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE, b=REAL)
    done = cli("scan", "in", "-o", "r.json", "-o", "r.html", "-o", "csv:table.txt")
    assert done.out == ""
    report = json.loads((tmp_path / "r.json").read_text())
    jsonschema.Draft202012Validator(json.loads(json_schema_text())).validate(report)
    assert report["scan"]["command"].startswith("fakescan scan in -o r.json")
    assert "<html" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "a.png" in (tmp_path / "table.txt").read_text(encoding="utf-8")
    assert all(name in done.err for name in ("r.json", "r.html", "table.txt", "a.png"))
    assert "\x1b" not in done.err


def test_json_goes_to_stdout_and_everything_else_to_stderr(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE)
    done = cli("scan", "in", "--json")
    report = json.loads(done.out)
    assert report["summary"]["fake"] == 1
    assert "1 image" in done.err


def test_quiet_prints_only_findings(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE, b=REAL, c=UNSURE)
    done = cli("scan", "in", "-q")
    assert (done.code, done.out, done.err) == (1, "a.png\n", "")
    assert cli("scan", "in", "-q", "--fail-on", "inconclusive").out == "a.png\nc.png\n"


def test_quiet_and_json_print_json(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE)
    done = cli("scan", "in", "-q", "--json")
    assert json.loads(done.out)["summary"]["images"] == 1
    assert done.err == ""


@pytest.mark.parametrize("output", ["missing/r.json", ".", "r.xyz", "nonsense:r"])
def test_an_output_that_cannot_be_written_is_told_before_the_scan(
    cli: Cli, tmp_path: Path, output: str, engine: WeightlessEngine
) -> None:
    folder(tmp_path / "in", a=FAKE)
    done = cli("scan", "in", "-o", output)
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert "hint: " in done.err
    assert engine.batches == []
    assert not (tmp_path / "cache").exists()


def test_two_reports_of_one_name_are_refused(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE)
    assert "two reports" in cli("scan", "in", "-o", "r.json", "-o", "html:r.json").err


def test_all_bad_outputs_are_told_at_once(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE)
    assert cli("scan", "in", "-o", "r.xyz", "-o", "none/r.json").err.count("error: ") == 2


def test_a_report_that_fails_at_the_end_leaves_the_results(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fakescan.reports.csv import CsvRenderer

    def full(self: CsvRenderer, scan: object, out: io.TextIOBase) -> None:
        out.write("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(CsvRenderer, "render", full)
    folder(tmp_path / "in", a=FAKE)
    (tmp_path / "r.csv").write_text("old")
    done = cli("scan", "in", "-o", "r.json", "-o", "r.csv", "--run-dir", "run")
    assert done.code == 2
    assert "No space left on device" in done.err
    assert "fakescan report" in done.err
    assert (tmp_path / "r.csv").read_text() == "old"
    assert (tmp_path / "r.json").exists()
    assert (tmp_path / "run" / "scan.json").exists()
    assert not list(tmp_path.glob(".fakescan-*"))


def test_hostile_names_reach_no_terminal(cli: Cli, tmp_path: Path) -> None:
    if os.name != "posix":
        pytest.skip("Windows does not allow such names")
    names = [
        "\x1b[31mred\x1b[0m.png",
        "new\nline.png",
        "[bold]x.png",
        "rtl\u202egnp.png",
        os.fsdecode(b"\xff.png"),
    ]
    place = tmp_path / "in"
    place.mkdir()
    content = (folder(tmp_path / "one", a=FAKE) / "a.png").read_bytes()
    for name in names:
        (place / name).write_bytes(content)
    done = cli("scan", "in", "-o", "r.json", "-o", "r.html")
    assert done.code == 1
    for text in (done.out, done.err):
        assert all(char.isprintable() or char in "\n\t" for char in text)
    assert "[bold]x.png" in done.err
    quiet = cli("scan", "in", "-q")
    assert len(quiet.out.splitlines()) == len(names)
    report = json.loads((tmp_path / "r.json").read_text())
    assert sum("path_b64" in row for row in report["results"]) == 1


# ---------------------------------------------------------------- inputs and settings


def test_paths_from_a_list(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path / "in", a=FAKE, b=REAL)
    (tmp_path / "list").write_text("in/b.png\n")
    assert cli("scan", "--files-from", "list").code == 0
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"in/a.png\0in/b.png\0")))
    assert cli("scan", "--files-from0", "-").code == 1


def test_an_empty_list_is_nothing_to_scan(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("\n")
    done = cli("scan", "--files-from", "list")
    assert done.code == 2
    assert "nothing to scan" in done.err


def test_settings_of_a_file_apply_and_flags_go_before(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE)
    (tmp_path / "fakescan.toml").write_text('fail_on = "never"\noutputs = ["r.json"]\npaths = ["in"]')
    assert cli("scan").code == 0
    assert json.loads((tmp_path / "r.json").read_text())["scan"]["options"]["fail_on"] == "never"
    assert cli("scan", "in", "--fail-on", "fake").code == 1


def test_the_engine_gets_what_was_asked_for(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def load(name: str, **values: Any) -> WeightlessEngine:
        asked.update(values, name=name)
        return WeightlessEngine(values["batch_size"])

    monkeypatch.setattr("fakescan.engines.load", load)
    folder(tmp_path / "in", a=FAKE)
    (tmp_path / "m").mkdir()
    flags = "--model m --device cpu --dtype int8 --batch-size 2 --score after --decode free --seed 7 --engine plain"
    flags += " --calibration own.json"
    cli("scan", "in", *flags.split())
    assert asked == {
        "name": "plain",
        "model": "m",
        "device": "cpu",
        "dtype": "int8",
        "batch_size": 2,
        "score": "after",
        "decode": "free",
        "seed": 7,
        "calibration": "own.json",
        "base_url": None,
        "draft": False,
    }


def test_the_run_dir_holds_journal_and_report(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE)
    cli("scan", "in", "--run-dir", "run")
    assert {item.name for item in (tmp_path / "run").iterdir()} == {"journal.sqlite3", "scan.json", "outputs.json"}
    done = cli("scan", "in", "--run-dir", "run")
    assert done.code == 2
    assert "--resume" in done.err
    assert cli("scan", "in", "--run-dir", "run", "--resume").code == 1


def test_runs_are_kept_in_the_cache(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=FAKE)
    done = cli("scan", "in")
    [run] = (tmp_path / "cache" / "fakescan-runs").iterdir()
    assert str(run / "scan.json") in done.err


def test_a_model_that_is_not_there_is_told_before_anything_else(cli: Cli, tmp_path: Path) -> None:
    seen = cli("scan", tmp_path / "no-such-folder", "--model", "nanoo")
    assert seen.code == 2
    assert "did you mean nano?" in seen.err
    assert "to examine" not in seen.err
    assert not (tmp_path / "cache").exists()


def test_a_second_ctrl_c_says_what_is_kept(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("fakescan.pipeline.run_scan", twice)
    seen = cli("scan", tmp_path)
    assert seen.code == 130
    assert "--resume goes on" in seen.err
