"""Content Credentials (C2PA), through the library of the Content Authenticity Initiative (extra ``c2pa``).

Nothing is fetched: neither manifests that lie elsewhere (the library would do so by itself), nor certificate states
(OCSP), nor identities, nor trust lists.
"""

from __future__ import annotations

import importlib.util
import json
from functools import lru_cache
from io import BytesIO
from typing import Any

from fakescan.core.provenance import BROKEN_SIGNATURE
from fakescan.core.records import Evidence, EvidenceStatus, SourceFile, Strength, Supports
from fakescan.evidence import shared, trust
from fakescan.evidence.containers import Metadata
from fakescan.evidence.credentials import READER, findings
from fakescan.evidence.declared import points_elsewhere

_INSTALL = "pip install 'fakescan-forensics[c2pa]'"
_GENERATED = b"digitalsourcetype/trainedAlgorithmicMedia"
_MAX_REPORT_CHARS = 20_000_000


class C2paReader:
    """Reads and checks Content Credentials."""

    name = READER

    def __init__(self, trust_list: str = "") -> None:
        """Name the trust list.

        Args:
            trust_list: a file or folder (see ``fakescan.evidence.trust``); empty when nobody is trusted.
        """
        self._trust_list = trust_list

    def read(self, file: SourceFile, data: bytes) -> list[Evidence]:
        """State and claims of the Content Credentials in a file.

        Args:
            file: the file; its media type tells the container.
            data: its bytes.
        """
        try:
            metadata = shared.metadata(file, data)
            # The library also knows places that we do not; without this word there is nothing to be found.
            if metadata.jumbf or b"jumb" in data:
                return self._checked(file, data, metadata)
            return [self._absent(file, data)]
        except Exception:  # the contract of readers: hostile bytes become a finding, whatever they raise
            return [self._said(EvidenceStatus.FAILED, "The Content Credentials could not be read.")]

    def _absent(self, file: SourceFile, data: bytes) -> Evidence:
        properties, _ = shared.properties(file, data)
        if any(points_elsewhere(item) for item in properties):
            note = "The file points to Content Credentials on the network. They were not fetched: a scan works offline."
            return self._said(EvidenceStatus.NOT_RUN, note)
        return self._said(EvidenceStatus.SILENT, "The file holds no Content Credentials.")

    def _checked(self, file: SourceFile, data: bytes, metadata: Metadata) -> list[Evidence]:
        if importlib.util.find_spec("c2pa") is None:
            if not metadata.jumbf:
                return [self._absent(file, data)]
            note = f"The file holds Content Credentials, but the library that checks them is not installed: {_INSTALL}."
            return [self._said(EvidenceStatus.NOT_RUN, note)]
        rows: list[Evidence] = []
        try:
            listed, note = trust.load(self._trust_list), ""
        except trust.TrustError as fault:
            listed, note = trust.TrustList(), f"No signer can be trusted: {fault}."
            rows.append(Evidence(self.name, "trust list", "", status=EvidenceStatus.FAILED, note=note))
        try:
            report = _report(file.media_type or "", data, listed)
        except Exception as fault:
            # The library's errors are of one kind; their text tells them apart.
            if str(fault).startswith(("ManifestNotFound", "Remote")):
                return [*rows, self._absent(file, data)]
            return [*rows, *self._unreadable(str(fault), metadata)]
        return [*rows, *findings(report, note or _trust_note(listed))]

    def _unreadable(self, fault: str, metadata: Metadata) -> list[Evidence]:
        if not metadata.jumbf:
            note = "The file is damaged: whether it holds Content Credentials cannot be told."
            return [self._said(EvidenceStatus.FAILED, note)]
        if fault.startswith("NotSupported") or "prerelease" in fault:
            note = "The file holds Content Credentials of a form or in a kind of file that the library cannot check."
            return [self._said(EvidenceStatus.FAILED, note)]
        note = "The file holds Content Credentials that are damaged or cut off: nothing in them can be checked."
        rows = [
            Evidence(self.name, BROKEN_SIGNATURE, "damaged", strength=Strength.WEAK, note=note),
            self._said(EvidenceStatus.FAILED, note),
        ]
        if any(_GENERATED in store for store in metadata.jumbf):
            note = "What is left of them speaks of AI generation. Nothing of it can be checked: context only."
            rows.append(
                Evidence(
                    self.name, "DigitalSourceType", "trainedAlgorithmicMedia", Supports.FAKE, Strength.WEAK, note=note
                )
            )
        return rows

    def _said(self, status: EvidenceStatus, note: str) -> Evidence:
        return Evidence(self.name, "Content Credentials", "", status=status, note=note)


def _trust_note(listed: trust.TrustList) -> str:
    if not listed.certificates:
        return "No trust list was given, so no signer counts as trusted."
    return f"Judged by a trust list of {listed.certificates} certificates (SHA-256 {listed.digest[:12]})."


def _report(media_type: str, data: bytes, listed: trust.TrustList) -> dict[str, Any]:
    """The library's report on a file.

    Raises:
        Exception: whatever the library raises; ``ManifestNotFound`` and others are told by the text only.
        ValueError: a report too large, or none.
    """
    import c2pa

    with c2pa.Reader(media_type, BytesIO(data), context=_context(listed)) as reader:
        text = reader.json()
    if len(text) > _MAX_REPORT_CHARS:
        raise ValueError("the report is too large")
    report = json.loads(text)
    if not isinstance(report, dict):
        raise ValueError("the report is no object")
    return report


@lru_cache(maxsize=2)
def _context(listed: trust.TrustList) -> Any:
    """The library's settings, made once: reading a trust list takes longer than most files."""
    import c2pa

    lists = {"trust_anchors": listed.anchors, "allowed_list": listed.allowed, "trust_config": listed.purposes}
    settings: dict[str, Any] = {
        "version": 1,
        "core": {"allowed_network_hosts": [], "allow_redirects": False, "decode_identity_assertions": False},
        "verify": {
            "verify_after_reading": True,
            "verify_trust": True,
            "verify_timestamp_trust": True,
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
        },
        "trust": {name: text for name, text in lists.items() if text},
    }
    return c2pa.Context.from_dict(settings)
