from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fakescan.errors import InputError
from fakescan.evidence import READERS, readers_with
from fakescan.evidence.trust import TrustError, TrustList, certificates_in, chosen, downloaded, load

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"


def test_without_a_list_nobody_is_trusted() -> None:
    assert load("") == TrustList()
    assert load("").certificates == 0


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "list.pem"
    path.write_text(f"Some words\n{CERTIFICATE}\n# more\n{CERTIFICATE}\n", encoding="utf-8")
    listed = load(str(path))
    assert listed.anchors.count("BEGIN") == listed.certificates == 2
    assert "words" not in listed.anchors


def test_a_folder_of_authorities_single_signers_and_purposes(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text(CERTIFICATE, encoding="ascii")
    (tmp_path / "allowed-b.PEM").write_text(CERTIFICATE.replace("MIIB", "MIIC"), encoding="ascii")
    (tmp_path / "store.cfg").write_text("// a comment 1.2.3\n1.3.6.1.4.1.99.1\n", encoding="ascii")
    (tmp_path / "notes.txt").write_text(CERTIFICATE, encoding="ascii")
    listed = load(str(tmp_path))
    assert "MIIB" in listed.anchors
    assert "MIIC" not in listed.anchors
    assert "MIIC" in listed.allowed
    assert listed.purposes.splitlines()[-1] == "1.3.6.1.4.1.99.1"
    assert "1.3.6.1.5.5.7.3.4" in listed.purposes


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    path = tmp_path / "list.pem"
    path.write_text(CERTIFICATE, encoding="ascii")
    before = load(str(path)).digest
    path.write_text(CERTIFICATE + "\n", encoding="ascii")
    assert load(str(path)).digest == before
    path.write_text(CERTIFICATE.replace("MIIB", "MIIC"), encoding="ascii")
    assert load(str(path)).digest != before


@pytest.mark.parametrize("content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\ncut off"])
def test_a_list_without_certificates_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "list.pem"
    path.write_text(content, encoding="ascii")
    assert certificates_in(content) == []
    for where in (path, tmp_path, tmp_path / "gone.pem"):
        with pytest.raises(TrustError):
            load(str(where))
    with pytest.raises(InputError, match="trust list"):
        readers_with(str(path))


def test_an_empty_folder_and_a_huge_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrustError):
        load(str(tmp_path))
    (tmp_path / "list.pem").write_bytes(bytes(10_000_001))
    with pytest.raises(TrustError):
        load(str(tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="XDG_DATA_HOME decides in tests, on Windows too, but not by habit")
def test_the_downloaded_list_is_used_unless_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert downloaded() == tmp_path / "fakescan" / "trust"
    assert chosen(None) == ""
    assert readers_with(None) == READERS
    downloaded().mkdir(parents=True)
    (downloaded() / "x.pem").write_text(CERTIFICATE, encoding="ascii")
    assert chosen(None) == str(downloaded())
    assert chosen("None") == ""
    assert readers_with(None)["c2pa"] == f"{READERS['c2pa']}={downloaded()}"
    assert readers_with("none") == READERS
    other = tmp_path / "an = odd: name.pem"
    other.write_text(CERTIFICATE, encoding="ascii")
    assert readers_with(str(other))["c2pa"].partition("=")[2] == str(other)
