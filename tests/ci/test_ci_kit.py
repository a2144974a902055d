"""The files of the CI kit, by their own tools: schemas of GitHub and GitLab, pre-commit, a reader of Dockerfiles."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from dockerfile_parse import DockerfileParser  # type: ignore[import-untyped]
from typer.main import get_command

from fakescan.cli.app import build
from fakescan.core.options import OPTION_NAMES

bash = pytest.mark.skipif(os.name != "posix" or shutil.which("bash") is None, reason="needs bash")


def check(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False)


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("action.yml", ["vendor.github-actions"]),
        ("ci/gitlab.yml", ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"]),
    ],
)
def test_has_the_form_that_its_service_wants(repository: Path, tmp_path: Path, name: str, schema: list[str]) -> None:
    # The schema looks into no hidden job, which a template's is.
    text = (repository / name).read_text(encoding="utf-8").replace("\n.fakescan:", "\nfakescan:")
    whole, broken = tmp_path / "whole.yml", tmp_path / "broken.yml"
    whole.write_text(text, encoding="utf-8")
    done = check("check_jsonschema", "--builtin-schema", *schema, str(whole))
    assert done.returncode == 0, done.stdout
    broken.write_text(text.replace("using: composite", "using: nothing").replace("when: always", "when: whenever"))
    assert check("check_jsonschema", "--builtin-schema", *schema, str(broken)).returncode == 1


def test_pre_commit_takes_its_hooks(repository: Path) -> None:
    path = repository / ".pre-commit-hooks.yaml"
    done = check("pre_commit", "validate-manifest", str(path))
    assert done.returncode == 0, done.stdout
    for hook in loaded(path):
        assert options_of(hook["entry"].split()) <= scan_options()


def test_the_image_is_built_in_two_steps_and_runs_as_nobody_special(repository: Path) -> None:
    parser = DockerfileParser(path=str(repository / "Dockerfile"))
    said = [(item["instruction"], item["value"]) for item in parser.structure]
    assert [name for name, _ in said].count("FROM") == 2
    assert ("ENTRYPOINT", '["fakescan"]') in said
    assert ("USER", "1000:1000") in said
    assert [value for name, value in said if name == "COPY"] == [
        ". /source",
        "--from=build /opt/fakescan /opt/fakescan",
    ]
    kept = {line[1:] for line in (repository / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {"fakescan", "templates", "trainer", "pyproject.toml", "constraints.txt", "LICENSE", "NOTICE"} <= kept
    assert all((repository / name).exists() for name in kept)


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not on the PATH")
def test_hadolint_finds_nothing(repository: Path) -> None:
    done = subprocess.run(["hadolint", str(repository / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_gitlab_template_uses_settings_that_exist(repository: Path) -> None:
    job = loaded(repository / "ci" / "gitlab.yml")[".fakescan"]
    settings = {name[len("FAKESCAN_") :].lower() for name in job["variables"] if name.startswith("FAKESCAN_")}
    assert settings <= set(OPTION_NAMES)
    (scan,) = [line for line in job["script"] if line.startswith("fakescan scan")]
    assert options_of(scan.split()) <= scan_options()
    written = {word.removeprefix("gitlab:") for word in scan.split() if "fakescan-reports/" in word}
    assert set(job["artifacts"]["reports"].values()) <= written


def scan_options() -> set[str]:
    command: Any = get_command(build("scan"))
    return {option for parameter in command.commands["scan"].params for option in parameter.opts}


def options_of(words: list[str]) -> set[str]:
    return {word for word in words if word.startswith("-") and word != "-"}


# ---------------------------------------------------------------- the action's own script, with a stand-in for the tool


@bash
@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_action_passes_its_inputs_on_and_the_exit_code_back(repository: Path, tmp_path: Path, code: int) -> None:
    inputs = {"PATHS": "assets\nwith space/a b.png", "CHANGED_SINCE": "main", "GATE": "gate.toml"}
    done, calls = act(repository, tmp_path, inputs, code)
    assert done.returncode == code, done.stderr
    assert calls[:2] == ["scan", "--fail-on"]
    assert calls[calls.index("--changed-since") : calls.index("--changed-since") + 3] == [
        "--changed-since", "main", "--allow-empty",
    ]  # fmt: skip
    assert calls[calls.index("--gate") + 1] == "gate.toml"
    assert "--baseline" not in calls
    assert calls[-3:] == ["--", "assets", "with space/a b.png"]
    assert options_of(calls[: calls.index("--")]) <= scan_options()
    outputs = dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())
    assert set(outputs) == set(loaded(repository / "action.yml")["outputs"])
    assert outputs["exit-code"] == str(code)
    assert (tmp_path / "summary").read_text() == "a summary\n"


@bash
def test_no_input_of_the_action_is_a_command(repository: Path, tmp_path: Path) -> None:
    attack = "$(touch hacked); `touch hacked`"
    names = ("PATHS", "CHANGED_SINCE", "GATE", "BASELINE", "POLICY", "ARGUMENTS")
    done, calls = act(repository, tmp_path, dict.fromkeys(names, attack), 0)
    assert done.returncode == 0
    assert calls.count(attack) == len(names)
    assert not list(tmp_path.rglob("hacked"))
    text = (repository / "action.yml").read_text(encoding="utf-8")
    scripts = [step["run"] for step in loaded(repository / "action.yml")["runs"]["steps"]]
    assert "${{" in text
    assert not any("${{" in script for script in scripts), "inputs reach the scripts through the environment only"


def act(
    repository: Path, folder: Path, inputs: dict[str, str], code: int
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the action's scan step as the runner does."""
    action = loaded(repository / "action.yml")
    step = next(step for step in action["runs"]["steps"] if step.get("id") == "scan")
    defaults = {name: str(entry["default"]) for name, entry in action["inputs"].items()}
    environment = {
        name: inputs.get(name.removeprefix("INPUT_"), defaults[value.split(".")[1].removesuffix(" }}")])
        for name, value in step["env"].items()
    }
    tool = folder / "temp" / "fakescan" / "bin" / "fakescan"
    tool.parent.mkdir(parents=True)
    tool.write_text(
        f"#!{sys.executable}\nimport sys\nfrom pathlib import Path\n"
        f"Path({str(folder / 'calls')!r}).write_text(chr(0).join(sys.argv[1:]))\n"
        "[Path(word[3:]).write_text('a summary' + chr(10)) for word in sys.argv if word.startswith('md:')]\n"
        f"sys.exit({code})\n"
    )
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    runner = {
        "RUNNER_TEMP": str(folder / "temp"), "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"), "GITHUB_WORKSPACE": str(folder),
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder, env=os.environ | runner | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done, (folder / "calls").read_text().split("\0")
