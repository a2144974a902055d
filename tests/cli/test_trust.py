"""``fakescan trust``: no network here; what would be fetched is handed over."""

from __future__ import annotations

import io
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from fakescan.cli.trust_cmd import LISTS
from tests.cli.conftest import Cli

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


class Answer(io.BytesIO):
    """What a web server answers."""

    def __init__(self, raw: bytes, address: str) -> None:
        super().__init__(raw)
        self.address = address

    def geturl(self) -> str:
        return self.address


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Addresses that were asked for, and what they answer."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    found: dict[str, Any] = {"asked": [], "text": CERTIFICATE, "leads to": None}

    def opened(address: str, timeout: float) -> Answer:
        found["asked"].append(address)
        if isinstance(found["text"], Exception):
            raise found["text"]
        return Answer(found["text"].encode(), found["leads to"] or address)

    monkeypatch.setattr(urllib.request, "urlopen", opened)
    return found


def stored(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "data" / "fakescan" / "trust").glob("*"))


def test_update_and_show(cli: Cli, web: dict[str, Any], tmp_path: Path) -> None:
    assert "no trust list" in cli("trust", "show").out
    done = cli("trust", "update")
    assert (done.code, len(web["asked"])) == (0, len(LISTS))
    assert all(address.startswith("https://") for address in web["asked"])
    assert stored(tmp_path) == sorted(LISTS)
    assert "certificates: 2" in cli("trust", "show").out
    assert len(web["asked"]) == len(LISTS), "only update may use the network"


@pytest.mark.parametrize(
    "text", ["<html>not found</html>", "", "x" * 10_000_001, OSError("no route"), ValueError("odd")]
)
def test_what_is_no_list_changes_nothing(cli: Cli, web: dict[str, Any], tmp_path: Path, text: object) -> None:
    cli("trust", "update")
    before = [path.read_bytes() for path in sorted((tmp_path / "data").rglob("*.pem"))]
    web["text"] = text
    done = cli("trust", "update")
    assert done.code == 2
    assert "hint:" in done.err
    assert [path.read_bytes() for path in sorted((tmp_path / "data").rglob("*.pem"))] == before


def test_only_https(cli: Cli, web: dict[str, Any], tmp_path: Path) -> None:
    assert cli("trust", "update", "--from", "http://example.org/").code == 2
    assert web["asked"] == []
    web["leads to"] = "http://example.org/list.pem"
    assert cli("trust", "update").code == 2
    assert stored(tmp_path) == []


def test_show_names_a_bad_list(cli: Cli, web: dict[str, Any]) -> None:
    done = cli("trust", "show", "gone.pem")
    assert done.code == 2
    assert "not there" in done.err


def test_a_scan_with_a_bad_list_does_not_begin(cli: Cli, web: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    done = cli("scan", "in", "--trust-list", "gone.pem")
    assert done.code == 2
    assert "trust list" in done.err
    assert web["asked"] == []
