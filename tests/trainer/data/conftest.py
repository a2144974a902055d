"""A small folder of drawn images, and a loopback for tests that talk to a server of their own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fakescan.cli import app
from fakescan.intake.pool import DecodePool

_CONNECT, _LOOK_UP = socket.socket.connect, socket.getaddrinfo
"""As they are before a test begins and its network is taken away."""
Run = Callable[..., tuple[int, str, str]]


def draw(path: Path, seed: int, size: tuple[int, int] = (96, 72), **how: Any) -> Path:
    """A picture of soft spots; another seed, quite another picture."""
    grid = np.random.default_rng(seed).integers(0, 256, (9, 9, 3)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC).save(path, **how)
    return path


@pytest.fixture(autouse=True)
def decode_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode in this process; starting others takes longer than these tests."""

    def here(processes: int, limits: Any) -> DecodePool:
        return DecodePool(processes, limits, in_process=True)

    monkeypatch.setattr("fakescan_trainer.data.facts.DecodePool", here)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve images of two real and two fake sources."""
    root = tmp_path / "photos"
    for number in range(12):
        side, source = (("real", "press"), ("real", "phones"), ("fake", "alpha"), ("fake", "beta"))[number % 4]
        draw(root / side / source / f"{number:02}.png", number)
    return root


@pytest.fixture
def loopback(offline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let connections to this machine through, and no others."""

    def connect(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_INET and address[0] != "127.0.0.1":
            raise AssertionError(f"a test tried to connect to {address!r}")
        _CONNECT(self, address)

    def look_up(host: Any, *rest: Any, **named: Any) -> Any:
        if host not in ("127.0.0.1", b"127.0.0.1"):
            raise AssertionError(f"a test tried to look up {host!r}")
        return _LOOK_UP(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command: exit code, stdout, stderr."""
    return partial(_run, capsys)


def _run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    capsys.readouterr()
    code = app.run(["data", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err
