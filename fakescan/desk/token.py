"""The parts of an authority's answer (RFC 3161) that are checked, read out of its ASN.1 by asn1crypto."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

HASHES = ("sha256", "sha384", "sha512")
"""Digests that a signature may rest on."""
LONGEST_TEXT_CHARS = 200
"""What somebody else wrote is not repeated beyond this."""
UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)
"""What readers of ASN.1 raise over bytes that are none."""


class BrokenTimestampError(Exception):
    """A token that proves nothing; the message says why, as the end of a sentence about it."""


@dataclass(frozen=True, slots=True)
class Token:
    """The parts of a token that matter."""

    content: bytes
    """The signed content, DER of a TSTInfo."""
    imprint: bytes
    """The digest that it is about."""
    nonce: int | None
    """The number that the question held."""
    at: datetime
    """The time that it names."""
    signer: Any
    """asn1crypto's SignerInfo."""
    attributes: dict[str, Any]
    """Signed attributes by name."""
    certificates: tuple[bytes, ...]
    """Certificates in the token, DER."""


def loaded(answer: bytes) -> Any:
    """The answer as asn1crypto sees it; its own class takes a refusal, which has no token, for damaged.

    Args:
        answer: DER of a TimeStampResp.

    Raises:
        ValueError: when it is none.
    """
    from asn1crypto import cms, core, tsp

    class Response(core.Sequence):  # type: ignore[misc]  # asn1crypto is not typed
        _fields = [("status", tsp.PKIStatusInfo), ("time_stamp_token", cms.ContentInfo, {"optional": True})]  # noqa: RUF012

    return Response.load(answer, strict=True)


def read_token(answer: bytes) -> Token:
    """What an answer says, unchecked.

    Args:
        answer: DER of a TimeStampResp.

    Raises:
        BrokenTimestampError: when it is no token, or a refusal.
    """
    try:
        response = loaded(answer)
        status = response["status"]["status"].native
        if status != "granted":
            words = "; ".join(response["status"]["status_string"].native or ())
            raise BrokenTimestampError(f"was not granted ({status}{words and ': '}{words[:LONGEST_TEXT_CHARS]})")
        signed = response["time_stamp_token"]["content"]
        content = signed["encap_content_info"]
        (signer,) = signed["signer_infos"]
        attributes: dict[str, Any] = {}
        for attribute in signer["signed_attrs"]:
            (attributes[attribute["type"].native],) = attribute["values"]
        if len(attributes) != len(signer["signed_attrs"]) or content["content_type"].native != "tst_info":
            raise BrokenTimestampError("cannot be read")
        told = content["content"].parsed
        imprint = told["message_imprint"]
        if imprint["hash_algorithm"]["algorithm"].native != "sha256":
            raise BrokenTimestampError("is about something else")
        return Token(
            content=bytes(content["content"]),
            imprint=imprint["hashed_message"].native,
            nonce=told["nonce"].native,
            at=told["gen_time"].native.astimezone(UTC),
            signer=signer,
            attributes=attributes,
            certificates=tuple(c.chosen.dump() for c in signed["certificates"] if c.name == "certificate"),
        )
    except UNREADABLE:
        raise BrokenTimestampError("cannot be read") from None


def signers_certificate(token: Token) -> bytes:
    """The certificate that the token's signer is said to have, which the signature has to name too (RFC 5816).

    Args:
        token: as it was read.

    Returns:
        DER of the certificate.

    Raises:
        BrokenTimestampError: when there is none, or the signature names another one.
        ValueError: and others of ``UNREADABLE``, when it is damaged.
    """
    from asn1crypto.x509 import Certificate as Parsed

    wanted = token.signer["sid"]
    if wanted.name != "issuer_and_serial_number":
        raise BrokenTimestampError("names its signer in a way that fakescan does not know")
    for raw in token.certificates:
        parsed = Parsed.load(raw)
        if (
            parsed.issuer.dump() == wanted.chosen["issuer"].dump()
            and parsed.serial_number == wanted.chosen["serial_number"].native
        ):
            break
    else:
        raise BrokenTimestampError("does not hold the certificate of its signer")
    for attribute, default in (("signing_certificate_v2", "sha256"), ("signing_certificate", "sha1")):
        if (named := token.attributes.get(attribute)) is not None:
            first = named["certs"][0]
            kind = first["hash_algorithm"]["algorithm"].native if default == "sha256" else default
            if kind in (*HASHES, "sha1") and first["cert_hash"].native == hashlib.new(kind, raw).digest():
                return raw
            break
    raise BrokenTimestampError("was signed with another certificate than the one in it")
