"""Reports that somebody else wrote: their options name places of this machine, or places that cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fakescan.core.records import Label
from tests.cli.conftest import Cli
from tests.support.pictures import folder

LONG = "x" * 300
COMMANDS = (["report"], ["review"], ["bundle", "-o", "c.zip"], ["verify"])


@pytest.fixture
def report(cli: Cli, tmp_path: Path) -> Path:
    folder(tmp_path / "in", a=Label.REAL)
    assert cli("scan", "in", "--run-dir", "run", "-o", "r.json").code == 0
    (tmp_path / "run" / "outputs.json").unlink()
    return tmp_path / "r.json"


def rewrite(report: Path, **options: Any) -> None:
    document = json.loads(report.read_text())
    document["scan"]["options"].update({"outputs": [], **options})
    report.write_text(json.dumps(document))


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: str(words[0]))
@pytest.mark.parametrize(
    "options",
    [
        {"run_dir": LONG},
        {"run_dir": "a\0b"},
        {"outputs": [f"json:{LONG}"]},
        {"outputs": ["json:a\0b", "html:a\0b"]},
        {"outputs": ["json:s3://bucket/r.json", "html:\\\\host\\share\\r.html"], "run_dir": "\\\\host\\share"},
    ],
)
def test_a_report_may_name_what_cannot_be_looked_at(
    cli: Cli, report: Path, words: list[str], options: dict[str, Any]
) -> None:
    rewrite(report, **options)
    done = cli(words[0], "r.json", *words[1:])
    assert "internal error" not in done.err
    assert done.code == (3 if words[0] == "verify" and "outputs" in options else 0)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: str(words[0]))
def test_nobody_may_look_there(cli: Cli, report: Path, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite(report, run_dir="closed/run", outputs=["closed/r.json", "closed/r.html"])
    stat = Path.stat

    def refused(path: Path, **how: Any) -> Any:
        if "closed" in path.parts:
            raise PermissionError(13, "Permission denied")
        return stat(path, **how)

    monkeypatch.setattr(Path, "stat", refused)
    done = cli(words[0], "r.json", *words[1:])
    assert "internal error" not in done.err
    assert done.code == (3 if words[0] == "verify" else 0)
    assert words[0] != "verify" or "closed/r.html: not compared, it cannot be read" in done.out


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: str(words[0]))
def test_other_machines_are_not_asked(
    cli: Cli, report: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite(report, outputs=["json:\\\\host\\share\\r.json", "json:s3://bucket/r.json"], run_dir="\\\\host\\share\\run")
    asked: list[str] = []
    stat = Path.stat

    def noted(path: Path, **how: Any) -> Any:
        asked.append(str(path))
        return stat(path, **how)

    monkeypatch.setattr(Path, "stat", noted)
    cli(words[0], "r.json", *words[1:])
    assert not [path for path in asked if "host" in path or "s3:" in path]


def test_a_report_may_have_a_long_name(cli: Cli, report: Path, tmp_path: Path) -> None:
    """The decisions beside it would have one that is too long."""
    name = "r" * 245 + ".json"
    report.rename(tmp_path / name)
    assert cli("report", name).code == 0
