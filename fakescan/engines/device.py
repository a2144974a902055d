"""Where and in which number format a model runs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import torch

from fakescan.errors import ConfigError

_BF16_PROBE = "import torch; a = torch.ones(64, 64, dtype=torch.bfloat16); assert float((a @ a).sum()) == 64.0**3"
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, slots=True)
class Placement:
    """A device and a number format that work together."""

    device: torch.device
    """Where."""
    dtype: torch.dtype
    """Format of weights and activations."""
    int8: bool
    """Whether linear layers of the language model run with dynamic int8 (CPU only)."""

    @property
    def dtype_name(self) -> str:
        """As reports show it."""
        return "int8" if self.int8 else str(self.dtype).removeprefix("torch.")


def bfloat16_works_on_cpu() -> bool:
    """Whether bfloat16 matrix products run on this CPU.

    Some machines advertise instructions that kill the process, so a child process tries first.
    """
    try:
        command = [sys.executable, "-c", _BF16_PROBE]
        return subprocess.run(command, capture_output=True, timeout=120, check=False).returncode == 0  # noqa: S603  (ours)
    except (OSError, subprocess.TimeoutExpired):
        return False


def choose_device(name: str) -> torch.device:
    """The device of a name; ``auto`` takes cuda, then mps, then cpu.

    Raises:
        ConfigError: there is no such device here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda:0")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if "," in name or name == "cuda:all":
        raise ConfigError([f"device: {name} is more than one"], "only `fakescan scan` runs on several devices")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError([f"device: {name!r} is no device"], "use auto, cpu, cuda, cuda:N or mps") from error
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise ConfigError([f"device: {name} is not available on this machine"], "use --device cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError(["device: mps is not available on this machine"], "use --device cpu")
    if device.type not in ("cpu", "cuda", "mps"):
        raise ConfigError([f"device: {name!r} is not supported"], "use auto, cpu, cuda, cuda:N or mps")
    return device


def choose_placement(device_name: str, dtype_name: str) -> Placement:
    """Device and format; ``auto`` means float32 on a CPU and on mps, bfloat16 on cuda where it is native, else float16.

    Raises:
        ConfigError: the two do not go together here.
    """
    device = choose_device(device_name)
    if dtype_name == "auto":
        if device.type != "cuda":
            return Placement(device, torch.float32, int8=False)
        return Placement(device, torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16, int8=False)
    if dtype_name == "int8":
        if device.type != "cpu":
            raise ConfigError(
                [f"dtype: int8 runs on the CPU only, not on {device}"], "use --device cpu, or another --dtype"
            )
        return Placement(device, torch.float32, int8=True)
    if dtype_name not in _DTYPES:
        raise ConfigError([f"dtype: {dtype_name!r} is unknown"], "use auto, float32, bfloat16, float16 or int8")
    if dtype_name == "bfloat16" and device.type == "cpu" and not bfloat16_works_on_cpu():
        raise ConfigError(["dtype: bfloat16 does not run on this CPU"], "use --dtype float32 or int8")
    return Placement(device, _DTYPES[dtype_name], int8=False)
