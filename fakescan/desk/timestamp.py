"""An authority's signed statement that a bundle's seal existed at a time (RFC 3161): asked for, and checked offline.

The seal is a SHA-256 digest already, so it is the token's message imprint as it is, and others can check the token
without fakescan: ``openssl ts -verify -digest SEAL -in timestamp.tsr -CAfile authority.pem``.

Who signed, what, and whether the signature holds is read here (RFC 5652, section 5.4; RFC 5816 for the signer's
certificate). Whether the signer's certificate leads to a trusted one is OpenSSL's to say, through rfc3161-client, for
the time that the token names. Nothing asks whether a certificate was revoked: that would need a network.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fakescan.desk.token import (
    HASHES,
    LONGEST_TEXT_CHARS,
    UNREADABLE,
    BrokenTimestampError,
    Token,
    loaded,
    read_token,
    signers_certificate,
)
from fakescan.errors import InputError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MEMBER = "timestamp.tsr"
"""The answer's name in a bundle, as ``openssl ts`` calls such files."""
MAX_BYTES = 256 * 1024
"""An answer with its certificates has 2 to 10 kB."""
_INSTALL = "pip install 'fakescan-forensics[timestamp]'"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a token says, once its signature was found to hold."""

    at: datetime
    """The time that it names, UTC."""
    signer: str
    """Name in the certificate that signed; may hold anything."""
    trusted: bool
    """Whether that certificate was found to lead to a trusted one; False when nobody said whom to trust."""


def request_for(seal: str) -> bytes:
    """A question for an authority: it holds the seal and a random number, and nothing else.

    Args:
        seal: 64 hex digits.

    Returns:
        DER of a TimeStampReq.

    Raises:
        InputError: when the packages that this needs are not installed.
    """
    with _installed():
        from asn1crypto import tsp
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": bytes.fromhex(seal)}
    asked = {"version": "v1", "message_imprint": imprint, "nonce": secrets.randbits(63) | 1 << 62, "cert_req": True}
    return bytes(tsp.TimeStampReq(asked).dump())


def check_answer(answer: bytes, request: bytes, seal: str) -> Stamp:
    """Whether an authority gave what it was asked for.

    Args:
        answer: what came back.
        request: as ``request_for`` made it.
        seal: that it was made for.

    Raises:
        BrokenTimestampError: when it is no token, a refusal, or a token over something else.
    """
    from asn1crypto import tsp

    asked = tsp.TimeStampReq.load(request)["nonce"].native
    stamp = check(answer, seal)
    if read_token(answer).nonce != asked:
        raise BrokenTimestampError("answers another question")
    return stamp


def check(answer: bytes, seal: str, trust: Sequence[Certificate] = ()) -> Stamp:
    """Check a kept answer, offline.

    Args:
        answer: DER of a TimeStampResp.
        seal: that it should be about, 64 hex digits.
        trust: certificates of authorities, at least one of them a root; none to leave out who signed.

    Raises:
        BrokenTimestampError: when it does not hold.
        InputError: when the packages that this needs are not installed.
    """
    with _installed():
        import asn1crypto.tsp  # noqa: F401
        import rfc3161_client  # noqa: F401
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.x509 import load_der_x509_certificate
    token = read_token(answer)
    if token.imprint.hex() != seal:
        raise BrokenTimestampError("is about something else")
    try:
        certificate = load_der_x509_certificate(signers_certificate(token))
        _check_signature(token, certificate)
        _check_purpose(certificate, token.at)
        name = _name_of(certificate)
    except (UnsupportedAlgorithm, *UNREADABLE):
        raise BrokenTimestampError("cannot be read") from None
    if trust:
        _check_chain(answer, token, trust)
    return Stamp(token.at, name, bool(trust))


def read_trust(path: Path) -> tuple[Certificate, ...]:
    """Certificates whose word counts.

    Args:
        path: a file with certificates, PEM or one in DER.

    Raises:
        InputError: when there is none in it, or the packages that this needs are not installed.
    """
    with _installed():
        from cryptography import x509
    name = ascii(str(path))[1:-1]
    try:
        with path.open("rb") as stream:
            raw = stream.read(10 * MAX_BYTES)
        found = x509.load_pem_x509_certificates(raw) if b"-----" in raw else [x509.load_der_x509_certificate(raw)]
    except OSError as fault:
        raise InputError(f"{name} cannot be read: {fault.strerror}", "give a file with certificates") from None
    except ValueError:
        raise InputError(
            f"{name} holds no certificate", "give the root certificate of the authority, as PEM or DER"
        ) from None
    return tuple(dict.fromkeys(found))


@contextmanager
def _installed() -> Iterator[None]:
    try:
        yield
    except ImportError as missing:
        raise InputError(f"timestamps need {missing.name}, which is not installed", _INSTALL) from None


def _check_purpose(certificate: Certificate, at: datetime) -> None:
    """A certificate for timestamps and for nothing else (RFC 3161, 2.3), valid at the time."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        raise BrokenTimestampError("was signed with a certificate that is not for timestamps") from None
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise BrokenTimestampError("was signed with a certificate that is not for timestamps")
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise BrokenTimestampError("names a time at which its signer's certificate was not valid")


def _check_signature(token: Token, certificate: Certificate) -> None:
    """The content's digest is the signed one, and the signature over the signed attributes holds."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

    kind = token.signer["digest_algorithm"]["algorithm"].native
    method = token.signer["signature_algorithm"]
    if kind not in HASHES:
        raise BrokenTimestampError("was signed in a way that fakescan does not know")
    digest = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[kind]
    about = token.attributes
    if (
        about["content_type"].native != "tst_info"
        or about["message_digest"].native != hashlib.new(kind, token.content).digest()
    ):
        raise BrokenTimestampError("was changed after it was signed")
    signature = token.signer["signature"].native
    # What was signed is the set with its own tag (RFC 5652, 5.4), not with the one that it has inside of the token.
    signed = b"\x31" + token.signer["signed_attrs"].dump()[1:]
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and method.signature_algo == "rsassa_pkcs1v15":
            key.verify(signature, signed, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and method.signature_algo == "ecdsa":
            key.verify(signature, signed, ec.ECDSA(digest))
        elif isinstance(key, ed25519.Ed25519PublicKey) and method.signature_algo == "ed25519":
            key.verify(signature, signed)
        else:
            raise BrokenTimestampError("was signed in a way that fakescan does not know")
    except InvalidSignature:
        raise BrokenTimestampError("was changed after it was signed") from None


def _check_chain(answer: bytes, token: Token, trust: Sequence[Certificate]) -> None:
    """OpenSSL's word, for the time of the token."""
    import rfc3161_client
    from asn1crypto import cms

    # rfc3161-client takes certificates in DER's order only, and `openssl ts` writes them in another.
    response = loaded(answer)
    signed = response["time_stamp_token"]["content"]
    signed["certificates"] = cms.CertificateSet(list(signed["certificates"]))
    builder = rfc3161_client.VerifierBuilder(roots=list(trust))
    try:
        again = rfc3161_client.decode_timestamp_response(response.dump())
        builder.build().verify(again, token.imprint)
        same_time = again.tst_info.gen_time == token.at
    except (rfc3161_client.VerificationError, *UNREADABLE):
        raise BrokenTimestampError("was signed by somebody whom the given certificates do not vouch for") from None
    if not same_time:
        raise BrokenTimestampError("cannot be read")


def _name_of(certificate: Certificate) -> str:
    from cryptography.x509.oid import NameOID

    subject = certificate.subject
    names = [*subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    organisations = [*subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    told = ", ".join(str(part.value) for part in (*names[:1], *organisations[:1]))
    return (told or subject.rfc4514_string())[:LONGEST_TEXT_CHARS]
