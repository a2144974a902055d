"""``fakescan report``: from a run directory or a JSON report, without a model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fakescan.core.records import Label
from tests.cli.conftest import Cli
from tests.support.pictures import folder


@pytest.fixture
def run(cli: Cli, tmp_path: Path) -> Path:
    folder(tmp_path / "in", a=Label.FAKE, b=Label.REAL)
    assert cli("scan", "in", "--run-dir", "run", "-o", "r.json").code == 1
    return tmp_path / "run"


@pytest.mark.parametrize("source", ["run", "r.json", "run/scan.json"])
def test_from_a_run_directory_and_a_json_report(cli: Cli, run: Path, tmp_path: Path, source: str) -> None:
    done = cli("report", source, "-o", "again.json", "-o", "again.html")
    assert done.code == 0
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "r.json").read_bytes()
    assert "a.png" in (tmp_path / "again.html").read_text(encoding="utf-8")
    assert "again.html" in done.err


def test_previews_only_where_the_user_says_so(cli: Cli, run: Path, tmp_path: Path) -> None:
    def previews(*arguments: str) -> int:
        cli("report", *arguments, "-o", "x.html")
        return (tmp_path / "x.html").read_text(encoding="utf-8").count("data:image/")

    without = previews("r.json")
    assert previews("run") > without
    assert previews("r.json", "--pictures", "in") > without


def test_a_report_cannot_have_files_outside_its_folder_opened(cli: Cli, run: Path, tmp_path: Path) -> None:
    document = json.loads((tmp_path / "r.json").read_text())
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("../in/a.png", str(tmp_path / "in" / "a.png")):
        document["results"][0]["path"] = name
        (tmp_path / "evil.json").write_text(json.dumps(document))
        cli("report", "evil.json", "--pictures", "outside", "-o", "x.html")
        evil = (tmp_path / "x.html").read_text(encoding="utf-8").count("data:image/")
        cli("report", "evil.json", "-o", "y.html")
        assert evil == (tmp_path / "y.html").read_text(encoding="utf-8").count("data:image/")


def test_json_to_stdout(cli: Cli, run: Path) -> None:
    done = cli("report", "run", "--json", "-q")
    assert json.loads(done.out)["summary"]["images"] == 2
    assert done.err == ""


def test_without_outputs_the_summary_is_shown(cli: Cli, run: Path) -> None:
    done = cli("report", "run")
    assert (done.code, done.out) == (0, "")
    assert "a.png" in done.err


@pytest.mark.parametrize("content", [None, "", "{}", "not json", '{"schema_version": "7"}'])
def test_what_is_no_run_is_2(cli: Cli, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "x.json").write_text(content)
    done = cli("report", "x.json", "-o", "y.html")
    assert done.code == 2
    assert "x.json" in done.err
    assert "hint: " in done.err
    assert not (tmp_path / "y.html").exists()


def test_an_unwritable_output_is_2(cli: Cli, run: Path) -> None:
    assert cli("report", "run", "-o", "none/x.html").code == 2


def test_no_torch_is_needed(cli: Cli, run: Path, tmp_path: Path, repository: Path) -> None:
    code = (
        "import sys; from fakescan.cli.app import run\n"
        f"code = run(['report', {str(run)!r}, '-o', {str(tmp_path / 'z.html')!r}])\n"
        "print(code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0 False"


def test_what_is_redacted_is_in_no_report_and_stays_in_the_record(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "secret place", hidden_name=Label.FAKE, other_name=Label.REAL)
    done = cli("scan", "secret place", "--run-dir", "run", "-o", "s.html", "-o", "s.csv", "-o", "s.json", "--share")
    assert done.code == 1
    for name in ("s.html", "s.csv", "s.json"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "image-1.png" in text
        assert "hidden_name" not in text
        assert "secret place" not in text
        assert "data:image" not in text
    assert json.loads((tmp_path / "s.json").read_text())["scan"]["redacted"][:2] == ["gps", "serial"]
    assert "hidden_name" in (tmp_path / "run" / "scan.json").read_text()


def test_previews_keep_to_their_pictures_when_names_are_redacted(cli: Cli, run: Path, tmp_path: Path) -> None:
    assert cli("report", "run", "-o", "named.html").code == 0
    assert cli("report", "run", "-o", "numbered.html", "--redact", "paths,gps").code == 0

    def previews(name: str) -> list[tuple[str, str]]:
        html = (tmp_path / name).read_text(encoding="utf-8")
        start = html.index('id="rows">') + len('id="rows">')
        rows = json.loads(html[start : html.index("</script>", start)])
        return [(row["path"], row["thumb"]) for row in rows["images"]]

    assert [thumb for _, thumb in previews("named.html")] == [thumb for _, thumb in previews("numbered.html")]
    assert [path for path, _ in previews("numbered.html")] == ["image-1.png", "image-2.png"]
    assert all(thumb.startswith("data:image/") for _, thumb in previews("numbered.html"))


def test_an_unknown_redaction_is_2_and_names_what_there_is(cli: Cli, run: Path) -> None:
    done = cli("report", "run", "-o", "x.html", "--redact", "gsp")
    assert done.code == 2
    assert "gps" in done.err
    assert cli("scan", "in", "-o", "x.html", "--redact", "gsp").code == 2


def test_the_case_is_kept_and_can_be_given_later(cli: Cli, tmp_path: Path) -> None:
    folder(tmp_path / "in", a=Label.REAL)
    cli("scan", "in", "--run-dir", "run", "--case", "2026-17", "--examiner", "A. Example")
    cli("report", "run", "-o", "one.json")
    cli("report", "run", "-o", "two.json", "--examiner", "B. Example", "--note", "second look")
    cases = [json.loads((tmp_path / name).read_text())["scan"]["case"] for name in ("one.json", "two.json")]
    assert cases == [
        {"id": "2026-17", "examiner": "A. Example"},
        {"id": "2026-17", "examiner": "B. Example", "note": "second look"},
    ]


def test_a_pdf_without_a_browser_is_2_and_says_what_is_missing(
    cli: Cli, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("fakescan.reports.pdf._PLACES", {})
    done = cli("report", "run", "-o", "x.pdf")
    assert done.code == 2
    assert "Chromium" in done.err
    assert not (tmp_path / "x.pdf").exists()
    assert "Chromium" in cli("scan", "in", "-o", "x.pdf").err
    monkeypatch.setenv("FAKESCAN_BROWSER", "no-such-browser")
    assert cli("scan", "in", "-o", "y.json").code == 1
    assert "names no program" in cli("report", "run", "-o", "x.pdf").err


def test_what_examiners_decided_is_on_the_page(cli: Cli, run: Path, tmp_path: Path) -> None:
    note = "<b>seen the negative</b>"
    decide = ("--decision", "real", "--examiner", "Anna Examplewoman", "--note", note)
    assert cli("review", "run", "a.png", *decide).code == 0

    def page(*flags: str) -> str:
        assert cli("report", "run", "-o", "x.html", *flags).code == 0
        return (tmp_path / "x.html").read_text(encoding="utf-8")

    whole = page()
    assert "Anna Examplewoman" in whole
    assert "seen the negative" in whole
    assert note not in whole
    assert '"overruled"' in whole
    shared = page("--share")
    assert "Anna" not in shared
    assert "negative" not in shared
    assert '"overruled"' in shared
    assert "seen the negative" not in page("--redact", "gps")
    assert "Anna Examplewoman" in page("--redact", "gps")


def test_a_decision_about_other_bytes_is_not_shown(cli: Cli, run: Path, tmp_path: Path) -> None:
    assert cli("review", "r.json", "a.png", "--decision", "real", "--examiner", "Anna").code == 0
    document = json.loads((tmp_path / "r.json").read_text())
    document["results"][0]["sha256"] = "0" * 64
    (tmp_path / "r.json").write_text(json.dumps(document))
    assert cli("report", "r.json", "-o", "x.html").code == 0
    assert "Anna" not in (tmp_path / "x.html").read_text(encoding="utf-8")
