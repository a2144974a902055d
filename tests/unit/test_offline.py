"""The guards of conftest.py do guard."""

from __future__ import annotations

import os
import socket
import urllib.request

import pytest


@pytest.mark.parametrize("address", [("127.0.0.1", 9), ("192.0.2.1", 80)])
@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_sockets_cannot_connect(address: tuple[str, int], method: str) -> None:
    with socket.socket() as sock, pytest.raises(BaseException, match="tried to connect"):
        getattr(sock, method)(address)


def test_names_cannot_be_looked_up() -> None:
    with pytest.raises(BaseException, match="tried to look up"):
        urllib.request.urlopen("http://example.invalid/", timeout=1)


def test_settings_of_the_machine_are_gone() -> None:
    assert not [name for name in os.environ if name.startswith("FAKESCAN_")]
