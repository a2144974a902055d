"""Files for ``accelerate launch``, shipped: several graphics cards, with or without the model in pieces."""

from __future__ import annotations

from pathlib import Path

from fakescan.errors import ConfigError

SUFFIX = ".yaml"


def launch_file(name: str) -> Path:
    """The file of a name.

    Args:
        name: ``gpus``, ``fsdp-13b`` or ``deepspeed-13b``.

    Raises:
        ConfigError: there is none of that name.
    """
    shipped = sorted(Path(__file__).parent.glob(f"*{SUFFIX}"))
    for path in shipped:
        if path.stem == name:
            return path
    known = ", ".join(path.stem for path in shipped)
    raise ConfigError([f"no launch file {name!r}"], f"there are: {known}")
