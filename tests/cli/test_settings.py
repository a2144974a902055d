"""Where settings come from, which goes before which, and every fault at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fakescan.cli.app import run
from fakescan.cli.settings import PREFIX, resolve, user_config
from fakescan.core.options import OPTION_NAMES, DType, ScanOptions
from fakescan.errors import ConfigError


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_said_is_the_defaults() -> None:
    resolved = resolve({}, environment={})
    assert resolved.options == ScanOptions()
    assert resolved.origins == {}


def test_each_place_goes_before_the_next(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    layers: list[tuple[str, str]] = []

    def limit() -> tuple[int | None, str]:
        resolved = resolve(
            {"limit": "6"} if "flag" in dict(layers) else {},
            config=str(tmp_path / "my.toml") if "file" in dict(layers) else None,
            environment=environment,
        )
        return resolved.options.limit, resolved.origins["limit"]

    write(user_config(environment), "limit = 1")
    assert limit() == (1, str(user_config(environment)))
    write(tmp_path / "pyproject.toml", "[tool.fakescan]\nlimit = 2")
    assert limit() == (2, "pyproject.toml [tool.fakescan]")
    write(tmp_path / "fakescan.toml", "limit = 3")
    assert limit() == (3, "fakescan.toml")
    write(tmp_path / "my.toml", "limit = 4")
    layers.append(("file", ""))
    assert limit() == (4, str(tmp_path / "my.toml"))
    environment["FAKESCAN_LIMIT"] = "5"
    assert limit() == (5, "FAKESCAN_LIMIT")
    layers.append(("flag", ""))
    assert limit() == (6, "--limit")


def test_the_config_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    write(tmp_path / "my.toml", 'dtype = "int8"')
    assert resolve({}, environment={"FAKESCAN_CONFIG": "my.toml"}).options.dtype is DType.INT8


def test_lists_in_the_environment_are_separated_by_commas() -> None:
    assert resolve({}, environment={"FAKESCAN_EXCLUDE": "*.gif,,old/*"}).options.exclude == ("*.gif", "old/*")


def test_hyphens_and_a_byte_order_mark_are_fine(tmp_path: Path) -> None:
    (tmp_path / "fakescan.toml").write_bytes(b'\xef\xbb\xbffail-on = "never"')
    assert resolve({}, environment={}).options.fail_on == "never"


def test_empty_variables_mean_nothing() -> None:
    assert resolve({}, environment={"FAKESCAN_LIMIT": ""}).options.limit is None


def test_all_faults_of_all_places_at_once(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", '[tool.fakescan]\ntreshold = 0.5\ndevice = "gpu"')
    write(tmp_path / "fakescan.toml", "limit = [\n")
    with pytest.raises(ConfigError) as caught:
        resolve(
            {"batch_size": "x", "reasoning": "none", "decode": "free"},
            config="missing.toml",
            environment={"FAKESCAN_POLCY": "strict", "FAKESCAN_DTYPE": "float8"},
        )
    faults = caught.value.faults
    assert len(faults) == 8
    for part in (
        "batch_size from --batch-size",
        "unknown setting polcy from FAKESCAN_POLCY (did you mean policy?)",
        "dtype from FAKESCAN_DTYPE",
        "missing.toml: there is no such file",
        "fakescan.toml: not TOML",
        "unknown setting treshold from pyproject.toml [tool.fakescan] (did you mean threshold?)",
        "device from pyproject.toml",
        "decode free and reasoning none",
    ):
        assert any(part in fault for fault in faults), part


def test_a_wrong_value_is_told_even_where_another_goes_before(tmp_path: Path) -> None:
    write(tmp_path / "fakescan.toml", "limit = 0")
    with pytest.raises(ConfigError, match=r"limit from fakescan\.toml"):
        resolve({"limit": "3"}, environment={})


@pytest.mark.parametrize("content", ["tool = 3", "[tool]\nfakescan = 3", "[project]\nname = 'x'", ""])
def test_a_pyproject_without_our_table_is_none_of_our_business(tmp_path: Path, content: str) -> None:
    write(tmp_path / "pyproject.toml", content)
    if "fakescan" in content:
        with pytest.raises(ConfigError, match="no table"):
            resolve({}, environment={})
    else:
        assert resolve({}, environment={}).options == ScanOptions()


def test_a_folder_in_the_place_of_a_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "fakescan.toml").mkdir()
    assert resolve({}, environment={}).options == ScanOptions()


@pytest.mark.parametrize(
    ("environment", "end"),
    [({"XDG_CONFIG_HOME": "x"}, ("x", "fakescan", "config.toml")), ({}, ("fakescan", "config.toml"))],
)
def test_the_users_file(environment: dict[str, str], end: tuple[str, ...]) -> None:
    assert user_config(environment).parts[-len(end) :] == end


def show(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["config", "show", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_show_prints_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = show(capsys)
    assert (code, err) == (0, "")
    assert [line.split(" ")[0] for line in out.splitlines()] == list(OPTION_NAMES)


def test_show_says_where_each_comes_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "fakescan.toml", 'policy = "strict"\nexclude = ["\\u001b[31m"]')
    monkeypatch.setenv(PREFIX + "DTYPE", "int8")
    code, out, _ = show(capsys, "--origin")
    lines: dict[str, Any] = {line.split(" ")[0]: line for line in out.splitlines()}
    assert code == 0
    assert lines["policy"].endswith('= "strict"  # fakescan.toml')
    assert lines["dtype"].endswith('= "int8"  # FAKESCAN_DTYPE')
    assert lines["seed"].endswith("= 0  # default")
    assert "\x1b" not in out


def test_show_tells_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "fakescan.toml", 'polisy = "strict"\nseed = -1')
    code, out, err = show(capsys)
    assert (code, out) == (2, "")
    assert err.count("error: ") == 2
    assert "hint: " in err
