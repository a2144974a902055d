from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fakescan.evidence.containers import metadata_of
from fakescan.evidence.containers.found import Metadata
from fakescan.evidence.containers.photoshop import gather
from fakescan.evidence.iptc import fields
from tests.unit.evidence.files import JPEG, PNG, iptc_record, iptc_segment, jpeg, photoshop_resource, png, text_chunk


def test_fields_in_order_and_others_passed_over() -> None:
    block = (
        iptc_record(0, b"\0\4") + iptc_record(80, "Zoë".encode()) + iptc_record(25, b"word") + iptc_record(110, b"AP")
    )
    assert list(fields(block + b"\0\0")) == [("Byline", "Zoë"), ("Credit", "AP")]


def test_long_fields() -> None:
    text = b"x" * 40_000
    long = b"\x1c\x02\x78\x80\x04" + len(text).to_bytes(4, "big") + text
    assert list(fields(long)) == [("Caption", text.decode())]


@given(st.binary(max_size=400))
def test_anything_is_survived(block: bytes) -> None:
    list(fields(block))
    list(fields(b"\x1c\x02" + block))
    gather(b"8BIM" + block, Metadata())


def test_resources_cut_over_two_segments() -> None:
    whole = photoshop_resource(0x0404, iptc_record(110, b"Somebody" * 20))
    halves = [whole[:50], whole[50:]]
    data = jpeg(*[b"\xff\xed" + (len(half) + 16).to_bytes(2, "big") + b"Photoshop 3.0\0" + half for half in halves])
    assert [list(fields(block)) for block in metadata_of(data, JPEG).iptc] == [[("Credit", "Somebody" * 20)]]


def test_in_png_as_imagemagick_writes_it() -> None:
    block = photoshop_resource(0x0404, iptc_record(110, b"AP"))
    data = png(text_chunk("Raw profile type iptc", f"\niptc\n {len(block)}\n{block.hex()}"))
    assert [list(fields(found)) for found in metadata_of(data, PNG).iptc] == [[("Credit", "AP")]]


def test_an_odd_name_is_passed_over() -> None:
    named = b"8BIM\x04\x04" + bytes([3]) + b"abc" + (7).to_bytes(4, "big") + iptc_record(110, b"AP") + b"\0"
    found = Metadata()
    gather(named, found)
    assert [list(fields(block)) for block in found.iptc] == [[("Credit", "AP")]]
    assert metadata_of(jpeg(iptc_segment(110, b"AP")), JPEG).iptc
