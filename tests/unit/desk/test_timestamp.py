from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import core, tsp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from fakescan.core.records import Scan
from fakescan.desk import authority, timestamp
from fakescan.desk import bundle as bundles
from fakescan.desk.token import BrokenTimestampError
from fakescan.errors import InputError
from tests.support.authority import TimeAuthority, endless, hanging, served

SEAL = "5e" * 32
OTHER = "0f" * 32
CODE = ExtendedKeyUsageOID.CODE_SIGNING


def refused(answer: bytes, *trust: Any, seal: str = SEAL) -> str:
    with pytest.raises(BrokenTimestampError) as fault:
        timestamp.check(answer, seal, trust)
    return str(fault.value)


def test_a_token_and_what_it_says(time_authority: TimeAuthority) -> None:
    request = timestamp.request_for(SEAL)
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    answer = time_authority.answer(request, at)
    stamp = timestamp.check_answer(answer, request, SEAL)
    assert stamp == timestamp.Stamp(at, "Test Time, Testers", trusted=False)
    assert timestamp.check(answer, SEAL, [time_authority.root]) == timestamp.Stamp(at, stamp.signer, trusted=True)


def test_only_the_seal_and_a_number_are_sent() -> None:
    asked = tsp.TimeStampReq.load(timestamp.request_for(SEAL), strict=True).native
    assert asked.pop("nonce") > 0
    assert asked == {
        "version": "v1",
        "message_imprint": {
            "hash_algorithm": {"algorithm": "sha256", "parameters": None},
            "hashed_message": bytes.fromhex(SEAL),
        },
        "req_policy": None,
        "cert_req": True,
        "extensions": None,
    }


def test_an_rsa_signer() -> None:
    made = TimeAuthority(key=rsa.generate_private_key(65537, 2048))
    answer = made.answer(timestamp.request_for(SEAL))
    assert timestamp.check(answer, SEAL, [made.root]).trusted


def test_a_stranger_is_not_trusted(time_authority: TimeAuthority) -> None:
    answer = time_authority.answer(timestamp.request_for(SEAL))
    said = "was signed by somebody whom the given certificates do not vouch for"
    assert refused(answer, TimeAuthority().root) == said
    assert refused(answer, time_authority.signer) == said, "no root"


def test_another_seals_token(time_authority: TimeAuthority) -> None:
    answer = time_authority.answer(timestamp.request_for(OTHER))
    assert refused(answer) == refused(answer, time_authority.root) == "is about something else"


def test_an_answer_to_an_older_question(time_authority: TimeAuthority) -> None:
    older = time_authority.answer(timestamp.request_for(SEAL))
    with pytest.raises(BrokenTimestampError, match="another question"):
        timestamp.check_answer(older, timestamp.request_for(SEAL), SEAL)


def test_a_certificate_for_something_else() -> None:
    for purposes in ((CODE,), (ExtendedKeyUsageOID.TIME_STAMPING, CODE)):
        made = TimeAuthority(purposes=purposes)
        said = refused(made.answer(timestamp.request_for(SEAL)), made.root)
        assert said == "was signed with a certificate that is not for timestamps"


def test_a_time_before_the_certificate(time_authority: TimeAuthority) -> None:
    answer = time_authority.answer(timestamp.request_for(SEAL), datetime(2020, 1, 1, tzinfo=UTC))
    assert "not valid" in refused(answer)


def edit_time(response: Any) -> None:
    content = response["time_stamp_token"]["content"]["encap_content_info"]
    told = content["content"].parsed
    told["gen_time"] = datetime(2026, 1, 1, tzinfo=UTC)
    content["content"] = core.ParsableOctetString(told.dump(force=True))


def edit_digest(response: Any) -> None:
    edit_time(response)
    signed = response["time_stamp_token"]["content"]
    for attribute in signed["signer_infos"][0]["signed_attrs"]:
        if attribute["type"].native == "message_digest":
            attribute["values"] = [hashlib.sha256(bytes(signed["encap_content_info"]["content"])).digest()]


def drop_certificates(response: Any) -> None:
    response["time_stamp_token"]["content"]["certificates"] = []


def two_signers(response: Any) -> None:
    signed = response["time_stamp_token"]["content"]
    signed["signer_infos"] = [*signed["signer_infos"], *signed["signer_infos"]]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (edit_time, "was changed after it was signed"),
        (edit_digest, "was changed after it was signed"),
        (drop_certificates, "does not hold the certificate of its signer"),
        (two_signers, "cannot be read"),
    ],
)
def test_a_changed_token(time_authority: TimeAuthority, edit: Callable[[Any], None], said: str) -> None:
    response = tsp.TimeStampResp.load(time_authority.answer(timestamp.request_for(SEAL)))
    edit(response)
    assert refused(response.dump(force=True)) == said


def test_another_signers_certificate_with_the_same_name(time_authority: TimeAuthority) -> None:
    response = tsp.TimeStampResp.load(time_authority.answer(timestamp.request_for(SEAL)))
    other = TimeAuthority().signer.public_bytes(serialization.Encoding.DER)
    response["time_stamp_token"]["content"]["certificates"] = [core.load(other)]
    assert refused(response.dump(force=True)) == "does not hold the certificate of its signer"


def test_no_flipped_bit_gives_another_time(time_authority: TimeAuthority) -> None:
    answer = time_authority.answer(timestamp.request_for(SEAL))
    right = timestamp.check(answer, SEAL)
    rng = random.Random(18)  # noqa: S311 -- no secret
    broken = 0
    for place in rng.sample(range(len(answer)), 150):
        changed = bytearray(answer)
        changed[place] ^= 1 << rng.randrange(8)
        try:
            found = timestamp.check(bytes(changed), SEAL)
        except BrokenTimestampError:
            broken += 1
        else:
            # What is not signed (the certificate in between) may differ, what is said may not.
            assert found == right
    assert broken > 75


@pytest.mark.parametrize("answer", [b"", b"<html>log in</html>", b"\x30\x80", b"0" * 5000, b"\x30\x03\x02\x01\x00"])
def test_garbage(answer: bytes) -> None:
    assert refused(answer) == "cannot be read"


def test_a_refusal(time_authority: TimeAuthority) -> None:
    assert refused(time_authority.refusal()) == "was not granted (rejection: not today\x1b[31m)"


def test_a_file_of_certificates(tmp_path: Path, time_authority: TimeAuthority) -> None:
    path = time_authority.write_root(tmp_path / "root.pem")
    assert timestamp.read_trust(path) == (time_authority.root,)
    path.write_bytes(path.read_bytes() * 2)
    assert timestamp.read_trust(path) == (time_authority.root,)
    path.write_bytes(time_authority.root.public_bytes(serialization.Encoding.DER))
    assert timestamp.read_trust(path) == (time_authority.root,)
    for content in (b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="holds no certificate"):
            timestamp.read_trust(path)
    with pytest.raises(InputError, match="cannot be read"):
        timestamp.read_trust(tmp_path / "absent.pem")


def test_openssl_agrees(tmp_path: Path, time_authority: TimeAuthority) -> None:
    """Somebody else's reader takes our question and our authority's answers; nobody needs fakescan to check a seal."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("needs the program openssl")
    request = timestamp.request_for(SEAL)
    (tmp_path / "a.tsq").write_bytes(request)
    (tmp_path / "a.tsr").write_bytes(time_authority.answer(request))
    time_authority.write_root(tmp_path / "root.pem")
    trust = ["-in", "a.tsr", "-CAfile", "root.pem"]
    for question in (["-digest", SEAL], ["-queryfile", "a.tsq"]):
        done = subprocess.run([openssl, "ts", "-verify", *question, *trust], cwd=tmp_path, capture_output=True)
        assert b"Verification: OK" in done.stdout, done.stderr
    done = subprocess.run([openssl, "ts", "-verify", "-digest", OTHER, *trust], cwd=tmp_path, capture_output=True)
    assert done.returncode != 0


CONFIG = """
[tsa]
default_tsa = own
[own]
dir = .
serial = serial
signer_cert = signer.pem
certs = middle.pem
signer_key = key.pem
signer_digest = sha384
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = yes
ess_cert_id_alg = sha256
"""


def test_openssl_as_the_authority(tmp_path: Path) -> None:
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("needs the program openssl")
    made = TimeAuthority(key=rsa.generate_private_key(65537, 2048))
    pem = serialization.Encoding.PEM
    (tmp_path / "signer.pem").write_bytes(made.signer.public_bytes(pem))
    (tmp_path / "middle.pem").write_bytes(made.middle.public_bytes(pem))
    secret = made.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(secret)
    (tmp_path / "tsa.cnf").write_text(CONFIG)
    request = timestamp.request_for(SEAL)
    (tmp_path / "a.tsq").write_bytes(request)
    words = ["ts", "-reply", "-config", "tsa.cnf", "-queryfile", "a.tsq", "-out", "a.tsr"]
    subprocess.run([openssl, *words], cwd=tmp_path, capture_output=True, check=True)
    answer = (tmp_path / "a.tsr").read_bytes()
    stamp = timestamp.check_answer(answer, request, SEAL)
    assert abs(stamp.at - datetime.now(UTC)) < timedelta(hours=1)
    assert timestamp.check(answer, SEAL, [made.root]).trusted
    assert refused(answer, TimeAuthority().root)


# ---------------------------------------------------------------- over HTTP


def test_a_question_over_http(time_authority: TimeAuthority, loopback: None) -> None:
    request = timestamp.request_for(SEAL)
    with served(time_authority.answer) as url:
        assert timestamp.check_answer(authority.ask(url, request), request, SEAL)
        with pytest.raises(InputError) as fault:
            authority.ask(url.replace("http://", "http://me:hunter2@").replace("/tsa", ":1/"), request)
        assert "hunter2" not in fault.value.message


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"reply": endless}, "more than 256 kB"),
        ({"reply": hanging}, "did not answer in"),
        ({"reply": lambda _: b"x" * 1000, "drip_s": 0.05}, "did not answer in"),
        ({"reply": lambda _: b"", "status": 503}, "status 503"),
        ({"reply": lambda _: b"", "status": 302}, "status 302"),
    ],
)
def test_a_bad_server(monkeypatch: pytest.MonkeyPatch, loopback: None, how: dict[str, Any], said: str) -> None:
    monkeypatch.setattr(authority, "LIMIT_S", 30.0 if said[0] != "d" else 1.0)
    with served(**how) as url, pytest.raises(InputError, match=said):
        authority.ask(url, b"question")


def test_nobody_there(loopback: None) -> None:
    with served(endless) as url:
        pass
    with pytest.raises(InputError, match="cannot be reached"):
        authority.ask(url, b"question")


@pytest.mark.parametrize("url", ["", "ftp://a/b", "file:///etc/passwd", "https://", "tsa.example.org"])
def test_no_address(url: str) -> None:
    with pytest.raises(InputError, match="no address"):
        authority.checked_address(url)


# ---------------------------------------------------------------- in a bundle


def test_a_bundle_keeps_its_token(tmp_path: Path, press_scan: Scan, time_authority: TimeAuthority) -> None:
    path = tmp_path / "case.zip"

    def stamped(seal: str) -> bytes:
        return time_authority.answer(timestamp.request_for(seal))

    seal = bundles.seal(press_scan, path, {}, stamped=stamped)
    found = bundles.check(path)
    assert (found.faults, found.seal) == ((), seal)
    assert found.timestamp is not None
    assert timestamp.check(found.timestamp, seal, [time_authority.root]).trusted


def test_no_token_no_bundle(tmp_path: Path, press_scan: Scan) -> None:
    def stamped(seal: str) -> bytes:
        raise InputError("refused")

    with pytest.raises(InputError):
        bundles.seal(press_scan, tmp_path / "case.zip", {}, stamped=stamped)
    assert list(tmp_path.iterdir()) == []
