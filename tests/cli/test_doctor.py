"""``fakescan doctor``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakescan.cli import doctor
from fakescan.cli.doctor import Finding
from fakescan.errors import ModelError
from tests.cli.conftest import Cli

CHECKS = ("_machine", "_packages", "_devices", "_formats", "_model", "_places")


def finds(*findings: Finding) -> Callable[[], Iterator[Finding]]:
    return lambda: iter(findings)


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CHECKS:
        monkeypatch.setattr(doctor, name, finds(Finding("ok", f"{name} is fine")))


@pytest.mark.usefixtures("healthy")
def test_a_healthy_machine_is_0(cli: Cli) -> None:
    done = cli("doctor")
    assert (done.code, done.err) == (0, "")
    assert done.out.count("ok    ") == len(CHECKS)


@pytest.mark.usefixtures("healthy")
def test_what_is_missing_is_2_with_a_hint(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_packages", finds(Finding("bad", "torch is not installed", "install it")))
    done = cli("doctor")
    assert done.code == 2
    assert "bad   torch is not installed\n      install it\n" in done.out
    assert "1 thing keeps fakescan from working here" in done.out


@pytest.mark.usefixtures("healthy")
def test_a_note_is_no_failure(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_devices", finds(Finding("note", "no graphics device")))
    assert cli("doctor").code == 0


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize("fault", [ModelError("the model is gone", "fetch it"), ImportError("broken \x1b[31m binary")])
def test_a_check_that_breaks_is_a_finding(cli: Cli, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    def _model() -> Iterator[Finding]:
        raise fault
        yield

    monkeypatch.setattr(doctor, "_model", _model)
    done = cli("doctor")
    assert done.code == 2
    assert "bad " in done.out
    assert "\x1b" not in done.out


def test_this_machine(cli: Cli, tmp_path: Path) -> None:
    everything = [*doctor._machine(), *doctor._packages(), *doctor._devices(), *doctor._formats(), *doctor._places()]
    assert {finding.state for finding in everything} <= {"ok", "note"}
    assert all(finding.text for finding in everything)


def test_a_package_that_is_missing_or_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_NEEDED", ("surely-not-installed",))
    [finding] = doctor._packages()
    assert finding.state == "bad"
    assert "not installed" in finding.text


def test_every_package_that_is_needed_is_looked_for() -> None:
    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text("utf-8")
    needed = {re.split(r"[^A-Za-z0-9-]", line)[0] for line in tomllib.loads(text)["project"]["dependencies"]}
    assert {doctor._DISTRIBUTIONS.get(name, name).replace("_", "-") for name in doctor._NEEDED} == needed
