"""Recipes that are shipped, found by name."""

from __future__ import annotations

from pathlib import Path

from fakescan.errors import ConfigError


def recipe_path(name: str) -> Path:
    """A file as it is, else the shipped recipe of that name.

    Raises:
        ConfigError: neither exists.
    """
    given = Path(name)
    if given.is_file():
        return given
    shipped = sorted(Path(__file__).parent.glob("*.toml"))
    for path in shipped:
        if path.stem == name:
            return path
    raise ConfigError(
        [f"no recipe {name!r}"], f"give a TOML file, or one of {', '.join(path.stem for path in shipped)}"
    )
