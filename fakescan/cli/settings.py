"""Where settings come from.

Flag > ``FAKESCAN_*`` > ``--config FILE`` > ``./fakescan.toml`` > ``[tool.fakescan]`` in ``./pyproject.toml`` > the
user's config file > default.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakescan.core.options import OPTION_NAMES, ScanOptions, Setting, contradictions, read_settings
from fakescan.errors import ConfigError

PREFIX = "FAKESCAN_"

_HINT = "see `fakescan scan --help`; `fakescan config show --origin` shows what applies"
_FLAGS = {"paths": "PATH", "outputs": "-o"}
_LISTS = frozenset({"paths", "include", "exclude", "outputs", "redact"})
_NO_SETTINGS = frozenset({"FAKESCAN_BROWSER", "FAKESCAN_CONFIG", "FAKESCAN_DEBUG"})


@dataclass(slots=True)
class Resolved:
    """Options, and where each was said."""

    options: ScanOptions
    """What applies."""
    origins: Mapping[str, str]
    """Where each option that is no default was said, by option name."""


@dataclass(slots=True)
class _Layer:
    settings: dict[str, Setting]
    faults: list[str] = field(default_factory=list)


def resolve(
    flags: Mapping[str, object], *, config: str | None = None, environment: Mapping[str, str] = os.environ
) -> Resolved:
    """Resolve options once.

    Args:
        flags: values by option name; those that were not given are left out. Their origin is the flag of that name.
        config: the file of ``--config``, or None.
        environment: the process's environment.

    Raises:
        ConfigError: with every fault of every place at once.
    """
    wanted = config or environment.get("FAKESCAN_CONFIG")
    layers = [_from_flags(flags), _from_environment(environment)]
    if wanted:
        layers.append(_from_file(Path(wanted), required=True))
    layers += [
        _from_file(Path("fakescan.toml")),
        _from_file(Path("pyproject.toml"), table=("tool", "fakescan")),
        _from_file(user_config(environment)),
    ]
    faults: list[str] = []
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        read, wrong = read_settings(layer.settings)
        faults += layer.faults + wrong
        for name, (value, origin) in read.items():
            if name not in origins:
                values[name], origins[name] = value, origin
    options = ScanOptions(**values)
    faults += contradictions(options)
    if faults:
        raise ConfigError(faults, _HINT)
    return Resolved(options, origins)


def user_config(environment: Mapping[str, str] = os.environ) -> Path:
    """The user's config file, there or not.

    Args:
        environment: the process's environment.
    """
    if environment.get("XDG_CONFIG_HOME"):
        return Path(environment["XDG_CONFIG_HOME"]) / "fakescan" / "config.toml"
    if os.name == "nt":
        roaming = environment.get("APPDATA")
        return (Path(roaming) if roaming else Path.home() / "AppData" / "Roaming") / "fakescan" / "config.toml"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "fakescan" / "config.toml"
    return Path.home() / ".config" / "fakescan" / "config.toml"


def _from_flags(flags: Mapping[str, object]) -> _Layer:
    return _Layer(
        {name: Setting(value, _FLAGS.get(name, f"--{name.replace('_', '-')}")) for name, value in flags.items()}
    )


def _from_environment(environment: Mapping[str, str]) -> _Layer:
    found: dict[str, Setting] = {}
    for variable, value in environment.items():
        # Windows keeps no case in the names of variables.
        if not variable.upper().startswith(PREFIX) or variable.upper() in _NO_SETTINGS:
            continue
        name = variable[len(PREFIX) :].lower()
        if value:
            found[name] = Setting([item for item in value.split(",") if item] if name in _LISTS else value, variable)
    return _Layer(found)


def _from_file(path: Path, *, table: tuple[str, ...] = (), required: bool = False) -> _Layer:
    try:
        content: Any = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return _Layer({}, [f"{path}: there is no such file"] if required else [])
    except OSError as fault:
        return _Layer({}, [f"{path}: {fault.strerror or type(fault).__name__}"])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as fault:
        return _Layer({}, [f"{path}: not TOML: {fault}"])
    for step in table:
        content = content.get(step, {}) if isinstance(content, dict) else {}
    if not isinstance(content, dict):
        return _Layer({}, [f"{path}: {'.'.join(table)} is no table"])
    where = f"{path} [{'.'.join(table)}]" if table else str(path)
    return _Layer({name: Setting(value, where) for name, value in content.items()})


def shown(options: ScanOptions, name: str) -> str:
    """An option's value as TOML would write it.

    Args:
        options: what applies.
        name: one of ``OPTION_NAMES``.
    """
    return _toml(options.as_dict()[name])


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in escaped) + '"'
    return "none" if value is None else str(value)


__all__ = ["OPTION_NAMES", "PREFIX", "Resolved", "resolve", "shown", "user_config"]
