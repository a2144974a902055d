from __future__ import annotations

import pytest

from fakescan.evidence.xmp import Property, XmpError, properties
from tests.unit.evidence.files import xmp_packet

IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"


def test_elements_attributes_lists_and_resources() -> None:
    packet = xmp_packet(
        "<Iptc4xmpExt:One>text &amp; more</Iptc4xmpExt:One>"
        "<Iptc4xmpExt:Two><rdf:Alt><rdf:li xml:lang='x-default'>first</rdf:li>"
        "<rdf:li>second</rdf:li></rdf:Alt></Iptc4xmpExt:Two>"
        "<Iptc4xmpExt:Three rdf:resource='http://example.org/kind'/>"
    ).replace(b"rdf:about=''", b"rdf:about='' Iptc4xmpExt:Zero='attribute'")
    found = [item for item in properties(packet) if item.namespace == IPTC]
    assert found == [
        Property(IPTC, "Zero", "attribute"),
        Property(IPTC, "One", "text & more"),
        Property(IPTC, "Two", "first"),
        Property(IPTC, "Two", "second"),
        Property(IPTC, "Three", "http://example.org/kind"),
    ]


def test_utf_16() -> None:
    packet = "<?xml version='1.0'?><x xmlns:a='urn:a'><a:b>é</a:b></x>".encode("utf-16")
    assert Property("urn:a", "b", "é") in properties(packet.lstrip(b"\xff\xfe").join([b"\xff\xfe", b""]))


def test_what_came_before_a_fault_counts() -> None:
    packet = xmp_packet("<Iptc4xmpExt:One>text</Iptc4xmpExt:One>")
    assert Property(IPTC, "One", "text") in properties(packet[: packet.index(b"</rdf:Description>")])


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"no xml",
        b"<",
        b"<a><b></a>",
        b"<!DOCTYPE a SYSTEM 'file:///etc/hostname'><a/>",
        b"<!DOCTYPE a [<!ENTITY b 'bbbbbbbbbb'><!ENTITY c '&b;&b;&b;'>]><a>&c;</a>",
        b"<!DOCTYPE a [<!ENTITY x SYSTEM 'http://127.0.0.1:9/'>]><a>&x;</a>",
        b"<a>" * 60_000,
        b"<a>" + b"<b c='d'/>" * 400_000 + b"</a>",
    ],
    ids=range(9),
)
def test_packets_that_do_harm_are_refused(packet: bytes) -> None:
    with pytest.raises(XmpError):
        properties(packet)


def test_photoshops_list_of_ancestors_hides_nothing() -> None:
    ancestors = "".join(f"<rdf:li>{n:032x}</rdf:li>" for n in range(30_000))
    packet = xmp_packet(
        f"<photoshop:DocumentAncestors><rdf:Bag>{ancestors}</rdf:Bag></photoshop:DocumentAncestors>"
        "<Iptc4xmpExt:One>text</Iptc4xmpExt:One>"
    )
    assert properties(packet) == [Property(IPTC, "One", "text")]


def test_what_stands_inside_another_property_says_so() -> None:
    packet = xmp_packet(
        "<photoshop:Outer><rdf:Bag><rdf:li rdf:parseType='Resource'><Iptc4xmpExt:One>a</Iptc4xmpExt:One></rdf:li>"
        "</rdf:Bag></photoshop:Outer><Iptc4xmpExt:One>b</Iptc4xmpExt:One>"
    )
    found = [(item.value, item.within) for item in properties(packet) if item.name == "One"]
    assert found == [("a", "Outer"), ("b", "")]


def test_too_many_properties() -> None:
    body = "".join("<Iptc4xmpExt:One>x</Iptc4xmpExt:One>" for _ in range(20_000))
    with pytest.raises(XmpError):
        properties(xmp_packet(body))
