"""Where and in which number format a model runs."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import dataclass

import torch

from fakescan.errors import ConfigError

_BF16_PROBE = "import torch; a = torch.ones(64, 64, dtype=torch.bfloat16); assert float((a @ a).sum()) == 64.0**3"
QUANTISED = {"int8": "bitsandbytes", "int4": "bitsandbytes", "fp8": "torchao"}
"""Formats of the language model's weights alone, and the library that multiplies in them (``quantised.py``)."""
_FP8_CAPABILITY = (8, 9)
"""Compute capability from which a card multiplies in fp8."""
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, slots=True)
class Placement:
    """A device and a number format that work together."""

    device: torch.device
    """Where."""
    dtype: torch.dtype
    """Format of weights and activations."""
    quantised: str | None = None
    """``int8``, ``int4`` or ``fp8`` where the language model's linear layers are quantised, else None."""

    @property
    def dtype_name(self) -> str:
        """As reports show it; another word wherever the arithmetic is another: a calibration holds for one only."""
        floats = str(self.dtype).removeprefix("torch.")
        if self.quantised is None or self.dynamic_int8:
            return self.quantised or floats
        return f"{self.quantised}+{floats}"

    @property
    def dynamic_int8(self) -> bool:
        """Whether int8 is the quick form for CPUs (``int8.py``), not the small one for graphics cards."""
        return self.quantised == "int8" and self.device.type == "cpu"


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
        ConfigError: the two do not go together here, or the format's library is not installed.
    """
    device = choose_device(device_name)
    if dtype_name == "auto":
        if device.type != "cuda":
            return Placement(device, torch.float32)
        return Placement(device, _quick_on_a_card())
    if dtype_name in QUANTISED:
        found = Placement(device, _quick_on_a_card() if device.type == "cuda" else torch.float32, dtype_name)
        _refuse_quantised(found)
        return found
    if dtype_name not in _DTYPES:
        names = ", ".join(["auto", *_DTYPES, *QUANTISED])
        raise ConfigError([f"dtype: {dtype_name!r} is unknown"], f"use one of {names}")
    if dtype_name == "bfloat16" and device.type == "cpu" and not bfloat16_works_on_cpu():
        raise ConfigError(["dtype: bfloat16 does not run on this CPU"], "use --dtype float32 or int8")
    return Placement(device, _DTYPES[dtype_name])


def _quick_on_a_card() -> torch.dtype:
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _refuse_quantised(placement: Placement) -> None:
    name, device = str(placement.quantised), placement.device
    if placement.dynamic_int8:
        return
    if device.type == "mps":
        raise ConfigError(
            [f"dtype: {name} does not run on {device}"], "use --device cpu, or --dtype float16 or float32"
        )
    if name == "fp8" and device.type == "cuda" and torch.cuda.get_device_capability(device) < _FP8_CAPABILITY:
        least = ".".join(map(str, _FP8_CAPABILITY))
        raise ConfigError(
            [f"dtype: this graphics card does not multiply in fp8 (compute capability below {least})"],
            "use --dtype int8, int4 or bfloat16",
        )
    if importlib.util.find_spec(QUANTISED[name]) is None:
        raise ConfigError(
            [f"dtype: {name} needs {QUANTISED[name]}, which is not installed"],
            "pip install 'fakescan-forensics[quantised]'",
        )
