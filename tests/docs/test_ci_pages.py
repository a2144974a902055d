"""The commands of docs/ci.md and docs/formats.md are run, its gate file is read, its workflow files are checked."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from io import StringIO
from pathlib import Path

import pytest

from fakescan import reports
from fakescan.cli import app
from fakescan.core.records import Label
from fakescan.desk import gate as gates
from fakescan.intake.pool import DecodePool
from fakescan.reports.judgement import FindingKind
from fakescan.reports.sarif import SarifRenderer
from tests.support.builders import scan as build_scan
from tests.support.pictures import folder
from tests.support.weightless import WeightlessEngine


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}$\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Runs a command line in a git repository with pictures, a gate file, a baseline and two reports."""
    chosen = WeightlessEngine()
    monkeypatch.setattr("fakescan.engines.load", lambda name="auto", **asked: chosen)
    monkeypatch.setattr("fakescan.pipeline.sources.DecodePool", partial(DecodePool, in_process=True))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    folder(tmp_path / "assets", a=Label.REAL, b=Label.REAL)
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "1"]):
        subprocess.run([*git, *arguments], cwd=tmp_path, check=True, capture_output=True)

    def call(line: str) -> int:
        words = shlex.split(line)
        assert words[0] == "fakescan"
        return app.run(words[1:])

    for name in ("report.json", "before.json", "after.json"):
        assert call(f"fakescan scan assets --reasoning none -o {name}") == 0
    assert call("fakescan baseline create report.json -o fakescan-baseline.json") == 0
    return call


@pytest.mark.parametrize("name", ["ci.md", "formats.md"])
def test_every_command_of_the_page_runs(repository: Path, run: Callable[[str], int], tmp_path: Path, name: str) -> None:
    gate = next(iter(blocks(repository / "docs" / "ci.md", "toml")))
    (tmp_path / "fakescan-gate.toml").write_text(gate, encoding="utf-8")
    lines = [line for block in blocks(repository / "docs" / name, "sh") for line in block.splitlines()]
    assert len(lines) >= 3
    assert [(line, run(line)) for line in lines] == [(line, 0) for line in lines]


def test_the_gate_file_of_the_page_is_one(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "ci.md").read_text(encoding="utf-8")
    (text,) = blocks(repository / "docs" / "ci.md", "toml")
    (tmp_path / "gate.toml").write_text(text, encoding="utf-8")
    assert len(gates.read(tmp_path / "gate.toml", with_baseline=True).rules) == 3
    assert all(f"| `{kind.value}` |" in page for kind in FindingKind)


def test_the_workflows_of_the_page_have_the_right_form(repository: Path, tmp_path: Path) -> None:
    kinds = {"jobs:": "vendor.github-workflows", "include:": "vendor.gitlab-ci"}
    seen = set()
    for number, text in enumerate(blocks(repository / "docs" / "ci.md", "yaml")):
        schema = kinds.get(text.split("\n", 1)[0])
        if schema is None:
            continue
        seen.add(schema)
        path = tmp_path / f"{number}.yml"
        path.write_text(text if "include" in text else f"on: [pull_request]\n{text}", encoding="utf-8")
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    assert seen == set(kinds.values())


def test_every_format_and_rule_is_described(repository: Path) -> None:
    page = (repository / "docs" / "formats.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z]+)` \|", page, re.MULTILINE)) == set(reports.RENDERERS)
    out = StringIO()
    SarifRenderer().render(build_scan(), out)
    rules = set(re.findall(r'"id": "(FS\d+)"', out.getvalue()))
    assert set(re.findall(r"^\| `(FS\d+)` \|", page, re.MULTILINE)) == rules
