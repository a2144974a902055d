"""What holds for every test: no settings from outside, no network, no terminal colours."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from tests.support.authority import TimeAuthority

# Typer and Rich decide at import whether they write to a terminal, so these go before any test module is imported.
for _name in ("FORCE_COLOR", "CLICOLOR_FORCE", "PY_COLORS", "GITHUB_ACTIONS", "NO_COLOR", "TERMINAL_WIDTH"):
    os.environ.pop(_name, None)
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

REPOSITORY = Path(__file__).resolve().parent.parent
# Read before the fixture below empties the environment.
SHARED = Path(os.environ.get("FAKESCAN_TEST_DATA") or REPOSITORY.parent / "shared")


_CONNECT, _LOOK_UP = socket.socket.connect, socket.getaddrinfo
"""As they are before a test begins and its network is taken away."""


class NetworkUsed(BaseException):
    """A test tried to leave the machine; not an Exception, so that no error handling can swallow it."""


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Empty the ``FAKESCAN_*`` environment and point the user's settings folders at an empty one."""
    for name in [name for name in os.environ if name.upper().startswith("FAKESCAN_")]:
        monkeypatch.delenv(name)
    empty = tmp_path_factory.getbasetemp() / "no-user-settings"
    empty.mkdir(exist_ok=True)
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(empty))
    # Answers are kept across runs: one test must not find those of another.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("user-cache")))


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every connection over IP fail; sockets inside the machine's file system stay."""

    def guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
        def guard(self: socket.socket, address: Any, *args: Any) -> Any:
            if self.family in {socket.AF_INET, socket.AF_INET6}:
                raise NetworkUsed(f"a test tried to connect to {address!r}")
            return connect(self, address, *args)

        return guard

    def no_lookup(host: object, *args: object, **kwargs: object) -> NoReturn:
        raise NetworkUsed(f"a test tried to look up {host!r}")

    monkeypatch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", no_lookup)


@pytest.fixture
def loopback(offline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let connections to this machine through, and no others."""

    def connect(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_INET and address[0] != "127.0.0.1":
            raise NetworkUsed(f"a test tried to connect to {address!r}")
        _CONNECT(self, address)

    def look_up(host: Any, *rest: Any, **named: Any) -> Any:
        if host not in ("127.0.0.1", b"127.0.0.1"):
            raise NetworkUsed(f"a test tried to look up {host!r}")
        return _LOOK_UP(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.fixture(scope="session")
def time_authority() -> TimeAuthority:
    """A time-stamping authority that everybody who tests timestamps asks."""
    from tests.support.authority import TimeAuthority

    return TimeAuthority()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """Reference data that is not part of the repository; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the reference data (shared/, or FAKESCAN_TEST_DATA) does not lie beside this checkout")
    return SHARED
