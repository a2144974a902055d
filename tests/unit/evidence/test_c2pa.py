"""Content Credentials end to end: pictures that the test signs itself, judged by trust lists of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

import c2pa
import pytest
from PIL import Image

from fakescan.core.provenance import BROKEN_SIGNATURE, Found, provenance_of
from fakescan.core.records import Evidence, EvidenceStatus, Supports
from fakescan.evidence import c2pa as reader_file
from fakescan.evidence.c2pa import C2paReader
from fakescan.evidence.trust import TrustList
from tests.support.signing import SOURCE_TYPE, Authority, make_authority, signed
from tests.unit.evidence.files import JPEG, PNG, WEBP, XMP_PREFIX, jpeg, plain, segment, source, xmp_packet

GENERATED = {"action": "c2pa.created", "digitalSourceType": f"{SOURCE_TYPE}trainedAlgorithmicMedia"}
COMPOSED = {"action": "c2pa.created", "digitalSourceType": f"{SOURCE_TYPE}compositeWithTrainedAlgorithmicMedia"}
CAPTURED = {"action": "c2pa.created", "digitalSourceType": f"{SOURCE_TYPE}digitalCapture"}
CREATED = {"action": "c2pa.created", "digitalSourceType": f"{SOURCE_TYPE}digitalCreation"}
OPENED = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["part-0"]}}
PLACED = {"action": "c2pa.placed", "parameters": {"ingredientIds": ["part-0"]}}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return make_authority("Test Camera Works")


@pytest.fixture(scope="module")
def trusted(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("trust") / "anchors.pem"
    path.write_text(f"# a comment\n{authority.root}", encoding="ascii")
    return str(path)


def read(data: bytes, trust_list: str = "", kind: str = JPEG) -> list[Evidence]:
    return C2paReader(trust_list).read(source(data, kind), data)


def states(evidence: list[Evidence]) -> Mapping[str, str]:
    return {item.name: item.value for item in evidence}


def row(evidence: list[Evidence]) -> Found:
    return provenance_of(evidence).row


@pytest.mark.parametrize(
    ("action", "with_list", "without"),
    [
        (GENERATED, Found.TRUSTED_AI, Found.CLAIMED_AI),
        (COMPOSED, Found.TRUSTED_EDIT, Found.CLAIMED_EDIT),
        # Anybody can sign "this was photographed": without trust it is not even a camera field.
        (CAPTURED, Found.TRUSTED_CAPTURE, Found.NOTHING),
        (CREATED, Found.NOTHING, Found.NOTHING),
    ],
)
def test_claims(
    authority: Authority, trusted: str, action: Mapping[str, str], with_list: Found, without: Found
) -> None:
    data = signed(plain("JPEG"), JPEG, authority, [action])
    listed, unlisted = read(data, trusted), read(data)
    assert (row(listed), row(unlisted)) == (with_list, without)
    for evidence, trust in ((listed, "yes"), (unlisted, "no")):
        found = states(evidence)
        assert (found["bytes intact"], found["signature valid"], found["signer trusted"]) == ("yes", "yes", trust)
        assert found["Signer"] == "Test Camera Works"
        assert found["Content Credentials"] == "Test Tool 1"
        assert BROKEN_SIGNATURE not in found


@pytest.mark.parametrize(("kind", "name"), [(PNG, "PNG"), (WEBP, "WEBP")])
def test_other_containers(authority: Authority, trusted: str, kind: str, name: str) -> None:
    assert row(read(signed(plain(name), kind, authority, [GENERATED]), trusted, kind)) is Found.TRUSTED_AI


def test_somebody_elses_list_trusts_nobody(authority: Authority, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text(make_authority("Somebody Else").root, encoding="ascii")
    assert row(read(signed(plain("JPEG"), JPEG, authority, [GENERATED]), str(other))) is Found.CLAIMED_AI


def test_a_changed_picture_keeps_no_claim(authority: Authority, trusted: str) -> None:
    data = bytearray(signed(plain("JPEG"), JPEG, authority, [CAPTURED]))
    data[-5] ^= 0xFF  # in the pixels
    evidence = read(bytes(data), trusted)
    found = states(evidence)
    assert (found["bytes intact"], found["signature valid"], found["signer trusted"]) == ("no", "yes", "yes")
    assert not provenance_of(evidence).silent_signer
    assert found[BROKEN_SIGNATURE] == "assertion.dataHash.mismatch"
    assert provenance_of(evidence).broken_signature
    assert row(evidence) is Found.NOTHING


def test_a_signature_of_another_picture_is_broken(authority: Authority, trusted: str) -> None:
    whole, unsigned = signed(plain("JPEG"), JPEG, authority, [CAPTURED]), plain("JPEG")
    out = BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "JPEG")
    other = out.getvalue()
    at = next(at for at in range(len(unsigned)) if unsigned[at] != whole[at])
    grafted = other[:at] + whole[at : at + len(whole) - len(unsigned)] + other[at:]
    evidence = read(grafted, trusted)
    assert states(evidence)["bytes intact"] == "no"
    assert provenance_of(evidence).broken_signature
    assert row(evidence) is Found.NOTHING


def test_an_altered_claim_is_broken(authority: Authority, trusted: str) -> None:
    data = signed(plain("JPEG"), JPEG, authority, [GENERATED])
    assert data.count(b"trainedAlgorithmicMedia") == 1
    evidence = read(data.replace(b"trainedAlgorithmicMedia", b"humanEdits" + b" " * 13), trusted)
    assert "assertion.hashedURI.mismatch" in states(evidence)[BROKEN_SIGNATURE]
    assert row(evidence) is Found.NOTHING


@pytest.mark.parametrize("cut", [200, 600, 1_500])
def test_a_manifest_that_was_cut_off_is_broken_and_unread(authority: Authority, trusted: str, cut: int) -> None:
    evidence = read(signed(plain("JPEG"), JPEG, authority, [GENERATED])[:cut], trusted)
    assert provenance_of(evidence).broken_signature
    assert provenance_of(evidence).unread
    assert row(evidence) is Found.NOTHING


def test_what_a_picture_was_made_from_counts(authority: Authority, trusted: str) -> None:
    generated = signed(plain("JPEG"), JPEG, authority, [GENERATED])
    edited = signed(generated, JPEG, authority, [OPENED], [("parentOf", generated)])
    placed = signed(plain("JPEG"), JPEG, authority, [CREATED, PLACED], [("componentOf", generated)])
    asked = signed(plain("JPEG"), JPEG, authority, [CREATED], [("inputTo", generated)])
    assert row(read(edited, trusted)) is Found.TRUSTED_AI
    assert row(read(edited)) is Found.CLAIMED_AI
    assert row(read(placed, trusted)) is Found.TRUSTED_EDIT
    assert row(read(asked, trusted)) is Found.NOTHING


def test_capture_beside_a_generated_part_contradicts_itself(authority: Authority, trusted: str) -> None:
    generated = signed(plain("JPEG"), JPEG, authority, [GENERATED])
    touched = {"action": "c2pa.color_adjustments", "digitalSourceType": f"{SOURCE_TYPE}digitalCapture"}
    data = signed(generated, JPEG, authority, [OPENED, touched], [("parentOf", generated)])
    assert provenance_of(read(data, trusted)).trusted_contradiction


def test_an_ingredient_of_an_unknown_signer_is_not_trusted(authority: Authority, trusted: str) -> None:
    generated = signed(plain("JPEG"), JPEG, make_authority("Unknown"), [GENERATED])
    edited = signed(generated, JPEG, authority, [OPENED], [("parentOf", generated)])
    assert row(read(edited, trusted)) is Found.CLAIMED_AI


def test_the_signer_is_named_for_the_headline(authority: Authority, trusted: str) -> None:
    found = provenance_of(read(signed(plain("JPEG"), JPEG, authority, [CAPTURED]), trusted))
    assert found.captured_by == "Test Camera Works"
    assert not found.silent_signer


def test_a_trusted_signer_that_declares_nothing_is_told(authority: Authority, trusted: str) -> None:
    assert provenance_of(read(signed(plain("JPEG"), JPEG, authority, [CREATED]), trusted)).silent_signer


def test_files_without_credentials_are_silent() -> None:
    for data in (
        plain("JPEG"),
        plain("JPEG") + b"jumb c2pa",
        jpeg(segment(0xFE, b"jumbf c2pa trainedAlgorithmicMedia")),
    ):
        assert [item.status for item in read(data)] == [EvidenceStatus.SILENT]


def test_a_trust_list_that_is_gone_is_said(authority: Authority, tmp_path: Path) -> None:
    evidence = read(signed(plain("JPEG"), JPEG, authority, [GENERATED]), str(tmp_path / "gone.pem"))
    assert evidence[0].status is EvidenceStatus.FAILED
    assert row(evidence) is Found.CLAIMED_AI


def test_without_the_library_the_credentials_are_seen_but_not_checked(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (item,) = read(signed(plain("JPEG"), JPEG, authority, [GENERATED]))
    assert item.status is EvidenceStatus.NOT_RUN
    assert "not installed" in item.note
    assert [item.status for item in read(plain("JPEG"))] == [EvidenceStatus.SILENT]


@pytest.fixture
def web_server() -> Iterator[tuple[int, list[object]]]:
    """A port of this machine, and who called there."""
    calls: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        done = threading.Event()

        def listen() -> None:
            while not done.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                calls.append(address)
                connection.close()

        thread = threading.Thread(target=listen)
        thread.start()
        yield server.getsockname()[1], calls
        done.set()
        thread.join()


def test_remote_manifests_are_never_fetched(web_server: tuple[int, list[object]]) -> None:
    port, calls = web_server
    packet = xmp_packet(
        f"<dcterms:provenance xmlns:dcterms='http://purl.org/dc/terms/'>http://127.0.0.1:{port}/m.c2pa"
        "</dcterms:provenance>"
    )
    data = jpeg(segment(0xE1, XMP_PREFIX + packet))
    # Straight to the library, which would fetch it by itself; the reader would not even ask it.
    with pytest.raises(Exception, match=r"^(Remote|ManifestNotFound)"):
        reader_file._report(JPEG, data, TrustList())
    (item,) = read(data)
    assert item.status is EvidenceStatus.NOT_RUN
    assert "not fetched" in item.note
    with pytest.raises(c2pa.C2paError), c2pa.Reader(JPEG, BytesIO(data)):
        pass
    assert len(calls) == 1, "the default settings must have called, and ours not: else this test proves nothing"


def test_damage_never_raises_and_never_convicts_more(authority: Authority, trusted: str) -> None:
    whole = signed(plain("JPEG"), JPEG, authority, [CREATED])
    for at in range(0, len(whole), 97):
        data = bytearray(whole)
        data[at] ^= 0x55
        evidence = read(bytes(data), trusted)
        assert evidence
        assert all(item.supports is Supports.NONE for item in evidence)
        assert row(evidence) is Found.NOTHING
