"""The wheel and the sdist hold what the working tree holds, and the wheel works away from it."""

from __future__ import annotations

import email.message
import email.parser
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

# Where each shipped folder of the checkout ends up in the wheel.
SHIPPED = {
    "fakescan": "fakescan",
    "templates": "fakescan/templates",
    "trainer/fakescan_trainer": "fakescan_trainer",
}
CONSOLE_SCRIPT = "fakescan = fakescan.cli.app:main"


def run(command: Sequence[str | Path], cwd: Path) -> str:
    """Run a command without this session's import paths, and fail with what it printed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(source: Path, target: str, out: Path) -> Path:
    """Build a wheel or an sdist with the hatchling of this environment."""
    run([sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", out], cwd=source)
    (built,) = out.iterdir()
    return built


def wheel_files(wheel: Path) -> set[str]:
    """Names in a wheel, without its metadata folder."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def tree_files(root: Path) -> set[str]:
    """What the wheel should hold, read off the working tree: hidden files and bytecode are not part of it."""
    return {
        f"{inside}/{file.relative_to(root / folder).as_posix()}"
        for folder, inside in SHIPPED.items()
        for file in (root / folder).rglob("*")
        if file.is_file()
        and "__pycache__" not in file.parts
        and not any(part.startswith(".") for part in file.relative_to(root).parts)
    }


@pytest.fixture(scope="module")
def sdist(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(repository, "sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def unpacked(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (root,) = folder.iterdir()
    return root


@pytest.fixture(scope="module")
def wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the sdist, so that comparing it with the working tree checks both."""
    return build(unpacked, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel alone in a new environment that sees this one's dependencies, but not its editable install."""
    venv = tmp_path_factory.mktemp("elsewhere") / "venv"
    run([sys.executable, "-m", "venv", "--without-pip", venv], cwd=venv.parent)
    scripts = venv / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], cwd=venv.parent)
    purelib = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], cwd=venv.parent).strip()
    # A path that a .pth file adds comes after site-packages, and .pth files found there are not read.
    (Path(purelib) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return scripts


def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.parser.BytesParser().parsebytes(archive.read(name))


def test_the_wheel_holds_the_working_tree(wheel: Path, repository: Path) -> None:
    assert sorted(wheel_files(wheel)) == sorted(tree_files(repository))


def test_the_wheel_is_typed_and_has_its_data(wheel: Path) -> None:
    names = wheel_files(wheel)
    assert {"fakescan/py.typed", "fakescan_trainer/py.typed"} <= names
    assert any(name.startswith("fakescan/templates/") and name.endswith(".j2") for name in names)
    assert any(name.startswith("fakescan_trainer/recipes/") and name.endswith(".toml") for name in names)
    assert any(name.startswith("fakescan/model/nano/") and name.endswith(".safetensors") for name in names)


def test_no_python_lies_among_the_templates(repository: Path) -> None:
    assert not list((repository / "templates").rglob("*.py"))


def test_no_file_is_too_big_to_publish(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        too_big = {info.filename: info.file_size for info in archive.infolist() if info.file_size >= 100_000_000}
    assert not too_big


def test_the_sdist_can_be_tested_and_relicensed(unpacked: Path) -> None:
    for name in (
        "LICENSE",
        "NOTICE",
        "CHANGELOG.md",
        "constraints.txt",
        "Makefile",
        "tests/conftest.py",
        "samples/CREDITS.md",
    ):
        assert (unpacked / name).is_file(), name


def test_the_metadata(wheel: Path) -> None:
    meta = metadata(wheel)
    assert meta["Name"] == "fakescan-forensics"
    assert meta["License-Expression"] == "Apache-2.0"
    assert meta.get_all("License-File") == ["LICENSE", "NOTICE"]
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        assert CONSOLE_SCRIPT in archive.read(name).decode().splitlines()


def test_both_packages_import_from_elsewhere(installed: Path, tmp_path: Path) -> None:
    code = "import fakescan, fakescan_trainer; print(fakescan.__file__); print(fakescan_trainer.__file__)"
    for line in run([installed / "python", "-c", code], cwd=tmp_path).splitlines():
        assert Path(line).is_relative_to(installed.parent)


def test_the_command_tells_its_version_from_elsewhere(installed: Path, wheel: Path, tmp_path: Path) -> None:
    assert metadata(wheel)["Version"] in run([installed / "fakescan", "--version"], cwd=tmp_path)
