"""Trust lists for Content Credentials: files that the user has, never fetched while scanning.

A list is a PEM file with the certificates of trusted authorities, or a folder: every ``*.pem`` holds authorities (for
signers and for time stamps), one whose name contains ``allowed`` holds single signers, and every ``*.cfg`` holds
further purposes of certificates (OIDs), as in the interim list of contentcredentials.org.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

OFF = "none"
"""As the name of a list: trust nobody, not even the list that was downloaded."""

_MAX_FILE_BYTES = 10_000_000
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s+[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----")
_OID = re.compile(r"^\s*(\d+(?:\.\d+){3,20})\s*$", re.MULTILINE)
_PURPOSES = (
    "1.3.6.1.5.5.7.3.4",  # e-mail protection
    "1.3.6.1.5.5.7.3.36",  # document signing
    "1.3.6.1.5.5.7.3.8",  # time stamping
    "1.3.6.1.5.5.7.3.9",  # OCSP signing
    "1.3.6.1.4.1.311.76.59.1.9",  # Microsoft's C2PA signing
    "1.3.6.1.4.1.62558.2.1",  # C2PA claim signing
)
"""Purposes that a signer's certificate may have (C2PA 2.x, 14.5.1, and its known extensions)."""


class TrustError(ValueError):
    """A trust list that cannot be used; the message says why, in words."""


@dataclass(frozen=True, slots=True)
class TrustList:
    """Who is believed."""

    anchors: str = ""
    """Certificates of authorities, PEM."""
    allowed: str = ""
    """Certificates of single signers, PEM."""
    purposes: str = "\n".join(_PURPOSES)
    """Purposes that a signer's certificate may have: OIDs, one a line."""

    @property
    def certificates(self) -> int:
        """How many certificates it holds."""
        return self.anchors.count("-----BEGIN") + self.allowed.count("-----BEGIN")

    @property
    def digest(self) -> str:
        """SHA-256 over its content, lower-case hex."""
        return hashlib.sha256("\0".join((self.anchors, self.allowed, self.purposes)).encode()).hexdigest()


def certificates_in(text: str) -> list[str]:
    """The PEM certificates of a text.

    Args:
        text: a PEM file; comments between certificates are passed over.
    """
    return _CERTIFICATE.findall(text)


def load(where: str) -> TrustList:
    """Read a trust list.

    Args:
        where: a PEM file, a folder, or empty for a list without anybody on it.

    Raises:
        TrustError: when it is not there, cannot be read, or holds no certificate.
    """
    if not where:
        return TrustList()
    anchors: list[str] = []
    allowed: list[str] = []
    purposes = list(_PURPOSES)
    for path in _files(Path(where)):
        try:
            with path.open("rb") as file:
                text = file.read(_MAX_FILE_BYTES + 1).decode("utf-8", "replace")
        except OSError as fault:
            raise TrustError(f"the trust list cannot be read: {fault.strerror or 'unknown fault'}") from None
        if len(text) > _MAX_FILE_BYTES:
            raise TrustError("the trust list is larger than 10 MB")
        if path.suffix.lower() == ".cfg":
            purposes += _OID.findall(text)
        else:
            (allowed if "allowed" in path.name.lower() else anchors).extend(certificates_in(text))
    if not anchors and not allowed:
        raise TrustError("the trust list holds no certificate")
    return TrustList("\n".join(anchors), "\n".join(allowed), "\n".join(dict.fromkeys(purposes)))


def downloaded(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that ``fakescan trust update`` writes.

    Args:
        environment: the process's environment.
    """
    if environment.get("XDG_DATA_HOME"):
        base = Path(environment["XDG_DATA_HOME"])
    elif sys.platform == "win32":
        base = Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path.home() / ".local" / "share"
    return base / "fakescan" / "trust"


def chosen(where: str | None) -> str:
    """The list that a scan uses: the given one, else the downloaded one; empty for none.

    Args:
        where: a file, a folder, ``none``, or None when nothing was said.
    """
    if where is None:
        folder = downloaded()
        return str(folder) if any(folder.glob("*.pem")) else ""
    return "" if where.strip().lower() == OFF else str(Path(where).expanduser().resolve())


def _files(where: Path) -> Iterator[Path]:
    if where.is_dir():
        found = sorted(path for path in where.iterdir() if path.suffix.lower() in (".pem", ".cfg") and path.is_file())
        if not found:
            raise TrustError("the folder of the trust list holds no .pem file")
        yield from found
    elif where.is_file():
        yield where
    else:
        raise TrustError("the trust list is not there")
