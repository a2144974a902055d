from __future__ import annotations

import pytest

from fakescan.core.records import Evidence, EvidenceStatus, Strength, Supports
from fakescan.evidence.declared import DeclaredReader
from fakescan.evidence.source_types import source_type
from tests.unit.evidence.files import (
    JPEG,
    PNG,
    XMP_PREFIX,
    box,
    iptc_segment,
    jpeg,
    plain,
    png,
    segment,
    source,
    text_chunk,
    xmp_packet,
)

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
FAKE, EDITED = (Supports.FAKE, Strength.UNSIGNED), (Supports.EDITED, Strength.UNSIGNED)
PHOTO, PART = (Supports.REAL, Strength.WEAK), (Supports.EDITED, Strength.WEAK)


def read(data: bytes, kind: str = JPEG) -> list[Evidence]:
    return DeclaredReader().read(source(data, kind), data)


def with_xmp(properties: str) -> bytes:
    return jpeg(segment(0xE1, XMP_PREFIX + xmp_packet(properties)))


def speaks(data: bytes, kind: str = JPEG) -> set[tuple[Supports, Strength]]:
    return {(item.supports, item.strength) for item in read(data, kind) if item.supports is not Supports.NONE}


def stated(kind: str) -> str:
    return f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}{kind}</Iptc4xmpExt:DigitalSourceType>"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("trainedAlgorithmicMedia", {FAKE}),
        ("trainedalgorithmicmedia/", {FAKE}),
        ("compositeWithTrainedAlgorithmicMedia", {EDITED}),
        ("compositeSynthetic", {EDITED}),
        ("digitalCapture", {PHOTO}),
        ("computationalCapture", {PHOTO}),
        ("negativeFilm", {PHOTO}),
        ("algorithmicMedia", set()),
        ("algorithmicallyEnhanced", set()),
        ("humanEdits", set()),
        ("digitalCreation", set()),
        ("screenCapture", set()),
        ("virtualRecording", set()),
        ("not trainedAlgorithmicMedia at all", set()),
        ("madeByTrainedAlgorithmicMedia", set()),
    ],
)
def test_source_types(kind: str, expected: set[tuple[Supports, Strength]]) -> None:
    data = with_xmp(stated(kind))
    assert speaks(data) == expected
    assert speaks(png(text_chunk("XML:com.adobe.xmp", xmp_packet(stated(kind)).decode())), PNG) == expected
    assert [item.value for item in read(data) if item.name == "DigitalSourceType"] == [f"{SOURCE_TYPE}{kind}"]
    # Behind the end of the picture it is not part of it.
    assert speaks(plain("JPEG") + segment(0xE1, XMP_PREFIX + xmp_packet(stated(kind)))) == set()


@pytest.mark.parametrize(
    "value", ["trainedAlgorithmicMedia", f"{SOURCE_TYPE}trainedAlgorithmicMedia", "iptc:Trained Algorithmic Media"]
)
def test_names_addresses_and_labels(value: str) -> None:
    found = source_type(value)
    assert found is not None
    assert found.supports is Supports.FAKE


def test_an_attribute_or_resource_says_the_same() -> None:
    assert speaks(
        with_xmp(f"<Iptc4xmpExt:DigitalSourceType rdf:resource='{SOURCE_TYPE}trainedAlgorithmicMedia'/>")
    ) == {FAKE}
    packet = xmp_packet("").replace(
        b"rdf:about=''", f"rdf:about='' Iptc4xmpExt:DigitalSourceType='{SOURCE_TYPE}trainedAlgorithmicMedia'".encode()
    )
    assert speaks(jpeg(segment(0xE1, XMP_PREFIX + packet))) == {FAKE}


def test_a_part_that_was_placed_is_not_the_picture() -> None:
    pantry = (
        "<xmpMM:Pantry xmlns:xmpMM='http://ns.adobe.com/xap/1.0/mm/'><rdf:Bag><rdf:li rdf:parseType='Resource'>"
        f"{stated('trainedAlgorithmicMedia')}</rdf:li></rdf:Bag></xmpMM:Pantry>"
    )
    assert speaks(with_xmp(pantry)) == {PART}
    assert speaks(with_xmp(pantry.replace("trainedAlgorithmicMedia", "digitalCapture"))) == set()


@pytest.mark.parametrize(
    ("credit", "expected"),
    [
        ("Made with Google AI", {FAKE}),
        ("Imagined with AI", {FAKE}),
        ("AI-generated image", {FAKE}),
        ("Apple Image Playground", {FAKE}),
        ("Edited with Google AI", {EDITED}),
        ("Apple Photos Clean Up", {EDITED}),
        ("Jane Doe, who writes on trainedAlgorithmicMedia", set()),
        ("Made with love by Ai Weiwei", set()),
        ("Photo: Adam Grok", set()),
        ("The AI Agency", set()),
    ],
)
def test_credit_lines(credit: str, expected: set[tuple[Supports, Strength]]) -> None:
    assert speaks(with_xmp(f"<photoshop:Credit>{credit}</photoshop:Credit>")) == expected
    assert speaks(jpeg(iptc_segment(110, credit.encode()))) == expected


def test_fields_for_ai_systems_follow_the_source_type() -> None:
    system = "<Iptc4xmpExt:AISystemUsed>ExampleGen</Iptc4xmpExt:AISystemUsed>"
    assert speaks(with_xmp(system)) == {FAKE}
    assert speaks(with_xmp(system + stated("compositeWithTrainedAlgorithmicMedia"))) == {EDITED}


def test_extended_packets_are_put_together() -> None:
    packet, guid = xmp_packet(stated("trainedAlgorithmicMedia")), b"A" * 32
    head = b"http://ns.adobe.com/xmp/extension/\0" + guid + len(packet).to_bytes(4, "big")
    pieces = [(at, packet[at : at + 200]) for at in range(0, len(packet), 200)]
    segments = [segment(0xE1, head + at.to_bytes(4, "big") + piece) for at, piece in reversed(pieces)]
    assert speaks(jpeg(*segments)) == {FAKE}


def test_gif_and_boxes() -> None:
    packet = xmp_packet(stated("trainedAlgorithmicMedia"))
    magic = bytes([1, *range(255, -1, -1)])
    gif = plain("GIF")
    extension = b"\x21\xff\x0bXMP DataXMP" + packet + magic + b"\0"
    assert speaks(gif[:-1] + extension + gif[-1:], "image/gif") == {FAKE}
    assert speaks(gif + extension, "image/gif") == set()
    uuid = box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + packet)
    assert speaks(box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + uuid, "image/jp2") == {FAKE}
    jxl = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ") + box(b"xml ", packet)
    assert speaks(jxl, "image/jxl") == {FAKE}


def test_an_address_of_credentials_is_told_and_one_in_the_file_not() -> None:
    def pointing(to: str) -> bytes:
        return with_xmp(f"<t:provenance xmlns:t='http://purl.org/dc/terms/'>{to}</t:provenance>")

    assert [item.name for item in read(pointing("https://example.org/m"))] == ["provenance address"]
    assert [item.status for item in read(pointing("self#jumbf=/c2pa/x"))] == [EvidenceStatus.SILENT]


def test_a_damaged_packet_is_a_failure_beside_what_else_was_found() -> None:
    bomb = b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><x>&a;</x>"
    data = jpeg(segment(0xE1, XMP_PREFIX + bomb), iptc_segment(110, b"Made with Google AI"))
    assert [item.status for item in read(data)] == [EvidenceStatus.FIRED, EvidenceStatus.FAILED]


def test_what_facebook_writes_is_context() -> None:
    (item,) = read(jpeg(iptc_segment(40, b"FBMD01000ac0030000")))
    assert (item.name, item.supports) == ("re-encoded by", Supports.NONE)


def test_context_is_cut_but_never_what_speaks() -> None:
    many = "".join(f"<photoshop:Source>{n}</photoshop:Source>" for n in range(200))
    evidence = read(with_xmp(many + stated("trainedAlgorithmicMedia")))
    assert len(evidence) < 70
    assert any(item.supports is Supports.FAKE for item in evidence)
