"""Pictures signed with Content Credentials by authorities that exist for one test run only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_OFFLINE = {
    "version": 1,
    "core": {"allowed_network_hosts": []},
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}


@dataclass(frozen=True)
class Authority:
    """A certificate authority with one signer."""

    root: str
    """Its certificate, PEM."""
    chain: str
    """The signer's certificate and the root, PEM."""
    key: str
    """The signer's key, PEM."""


def make_authority(name: str) -> Authority:
    """A new authority.

    Args:
        name: of the organisation that signs.
    """
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, leaf_name = _name(f"{name} Root"), _name(name)
    root = _certificate(root_name, root_name, root_key.public_key(), root_key, root_key, is_authority=True)
    leaf = _certificate(leaf_name, root_name, leaf_key.public_key(), root_key, root_key, is_authority=False)
    secret = leaf_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Authority(_pem(root), _pem(leaf) + _pem(root), secret.decode())


def signed(
    data: bytes,
    media_type: str,
    authority: Authority,
    actions: Sequence[Mapping[str, Any]],
    ingredients: Sequence[tuple[str, bytes]] = (),
) -> bytes:
    """A picture with a manifest.

    Args:
        data: bytes of a picture.
        media_type: its type.
        authority: who signs.
        actions: as in a C2PA actions assertion.
        ingredients: relationship and bytes of pictures of the same type that it was made from.
    """
    manifest = {
        "claim_generator_info": [{"name": "Test Tool", "version": "1"}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": list(actions)}}],
    }
    context = c2pa.Context.from_dict(_OFFLINE)
    info = c2pa.C2paSignerInfo(
        alg="es256", sign_cert=authority.chain.encode(), private_key=authority.key.encode(), ta_url=None
    )
    builder = c2pa.Builder(json.dumps(manifest), context)
    for number, (relation, part) in enumerate(ingredients):
        about = {"title": "a part", "relationship": relation, "label": f"part-{number}"}
        builder.add_ingredient(about, media_type, BytesIO(part))
    out = BytesIO()
    with c2pa.Signer.from_info(info) as signer:
        builder.sign(signer, media_type, BytesIO(data), out)
    return out.getvalue()


def _name(organisation: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, organisation),
        ]
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
