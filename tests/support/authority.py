"""A time-stamping authority (RFC 3161) that exists for one test run, and its server on this machine."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from asn1crypto import cms, core, tsp
from asn1crypto import x509 as parsed
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_POLICY = "1.2.3.4.1"


class TimeAuthority:
    """Root, certificate in between and signer; answers questions as bytes.

    Args:
        name: of the organisation that signs.
        key: of the signer.
        purposes: of the signer's certificate.
    """

    def __init__(
        self,
        name: str = "Test Time",
        key: Key | None = None,
        purposes: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.TIME_STAMPING,),
    ) -> None:
        self.key: Key = key or ec.generate_private_key(ec.SECP256R1())
        root_key, middle_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.root = _certificate(f"{name} Root", f"{name} Root", root_key, root_key)
        self.middle = _certificate(f"{name} CA", f"{name} Root", middle_key, root_key)
        self.signer = _certificate(name, f"{name} CA", self.key, middle_key, purposes)

    def answer(self, request: bytes, at: datetime | None = None, **told: Any) -> bytes:
        """A token for what is asked, with the certificates below the root.

        Args:
            request: DER of a TimeStampReq.
            at: the time to state; now when None.
            told: other values in the TSTInfo than the right ones.
        """
        asked = tsp.TimeStampReq.load(request)
        content = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": _POLICY,
                "message_imprint": asked["message_imprint"],
                "serial_number": 17,
                "gen_time": (at or datetime.now(UTC)).replace(microsecond=0),
                "nonce": asked["nonce"].native,
                **told,
            }
        ).dump()
        raw = self.signer.public_bytes(serialization.Encoding.DER)
        certificate = parsed.Certificate.load(raw)
        named = tsp.SigningCertificateV2({"certs": [{"cert_hash": hashlib.sha256(raw).digest()}]})
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
                {"type": "signing_certificate_v2", "values": [named]},
            ]
        )
        method, signature = self._signed(attributes.dump())
        named_by = {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
        signer = {
            "version": "v1",
            "sid": {"issuer_and_serial_number": named_by},
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": method},
            "signature": signature,
        }
        middle = parsed.Certificate.load(self.middle.public_bytes(serialization.Encoding.DER))
        signed = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [{"algorithm": "sha256"}],
                "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(content)},
                "certificates": [certificate, middle],
                "signer_infos": [signer],
            }
        )
        token = {"content_type": "signed_data", "content": signed}
        return bytes(tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump())

    def refusal(self) -> bytes:
        """An answer that says no."""
        status = tsp.PKIStatusInfo({"status": "rejection", "status_string": ["not today\x1b[31m"]}).dump()
        return b"\x30" + bytes([len(status)]) + bytes(status)

    def write_root(self, path: Path) -> Path:
        """Its root certificate as a file.

        Args:
            path: where to.
        """
        path.write_bytes(self.root.public_bytes(serialization.Encoding.PEM))
        return path

    def _signed(self, data: bytes) -> tuple[str, bytes]:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return "sha256_rsa", self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return "sha256_ecdsa", self.key.sign(data, ec.ECDSA(hashes.SHA256()))


Reply = Callable[[bytes], bytes]


@contextmanager
def served(reply: Reply, *, status: int = 200, drip_s: float = 0.0) -> Iterator[str]:
    """A server on this machine; gives its address.

    Args:
        reply: from what is asked to what is answered.
        status: of every answer.
        drip_s: how long to wait after each byte.
    """
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            data = reply(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.end_headers()
                for piece in [data[i : i + 1] for i in range(len(data))] if drip_s else [data]:
                    self.wfile.write(piece)
                    if drip_s and ended.wait(drip_s):
                        return
            except OSError:
                return

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/tsa"
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def endless(_: bytes) -> bytes:
    """More than anybody wants."""
    return b"\x30" * (1 << 20)


def hanging(_: bytes) -> bytes:
    """Nothing for longer than anybody waits."""
    time.sleep(3)
    return b""


def _certificate(
    subject: str, issuer: str, key: Key, issuer_key: Key, purposes: tuple[x509.ObjectIdentifier, ...] = ()
) -> x509.Certificate:
    now = datetime.now(UTC)
    is_authority = not purposes
    usage = x509.KeyUsage(
        digital_signature=not is_authority, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=is_authority, crl_sign=is_authority,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(organisation: str) -> x509.Name:
    parts = [(NameOID.ORGANIZATION_NAME, "Testers"), (NameOID.COMMON_NAME, organisation)]
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])
