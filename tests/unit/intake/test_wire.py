from __future__ import annotations

import contextlib
import json
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fakescan.core.records import Evidence, EvidenceStatus, Failure, ImageKind, Strength, Supports
from fakescan.core.views import Views
from fakescan.intake import wire
from fakescan.intake.decode import DecodedImage
from fakescan.intake.examine import FileRead, Pictured, ReaderDone, Step
from tests.support.fuzz import FUZZED

EVIDENCE = Evidence("x", "a\udcff", "\x1b\u202e", Supports.EDITED, Strength.WEAK, EvidenceStatus.FIRED, "note", "m")


PICTURE_FIELDS = (
    "sha256", "width_px", "height_px", "frame_count", "orientation", "kind", "phash", "notes", "size_px", "elapsed_s",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats() | st.sampled_from(["", "photo", "ab", "\udcff"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["supports", "status", "name"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def message(header: Any, body: bytes = b"") -> BytesIO:
    text = json.dumps(header).encode()
    return BytesIO(len(text).to_bytes(4, "little") + text + body)


def carried(step: Step, max_pixels: int = 10**6) -> Step | None:
    pipe = BytesIO()
    wire.send_step(pipe, step)
    pipe.seek(0)
    arrived = wire.receive_step(pipe, max_pixels)
    assert pipe.read() == b""
    return arrived


@pytest.mark.parametrize(
    "step",
    [
        FileRead(5, "ab" * 32, None, 0.25),
        FileRead(5, "ab" * 32, "image/png", 0.25),
        ReaderDone("x", (EVIDENCE, EVIDENCE), 0.5),
        ReaderDone("x", (), 0.0),
        Failure("decode", "truncated", "the file ends too early", "copy it again"),
    ],
)
def test_steps_arrive_as_they_were_sent(step: Step) -> None:
    assert carried(step) == step


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (700, 500), (70_000, 3)])
def test_pictures_arrive_as_they_were_sent(size: tuple[int, int]) -> None:
    image = Image.effect_noise(size, 80).convert("RGB")
    sent = Pictured(DecodedImage(image, "ab", size[0], size[1], 3, None, ("a", "b"), ImageKind.ART, "0f"), 0.5)
    arrived = carried(sent)
    assert isinstance(arrived, Pictured)
    assert arrived.image.image.tobytes() == image.tobytes()
    assert arrived.image.image.size == size
    assert arrived.image.notes == ("a", "b")
    assert arrived.image.kind is ImageKind.ART
    assert arrived.image.phash == "0f"


def test_other_views_than_those_asked_for_are_refused() -> None:
    views = Views(("square", "native"), 4, (0, 0, 0))
    image = Image.effect_noise((4, 8), 80).convert("RGB")
    sent = Pictured(DecodedImage(image, "ab", 40, 30, 1, None, views=views), 0.5)
    pipe = BytesIO()
    wire.send_step(pipe, sent)
    pipe.seek(0)
    arrived = wire.receive_step(pipe, 10**6, views)
    assert isinstance(arrived, Pictured)
    assert (arrived.image.views, arrived.image.image.tobytes()) == (views, image.tobytes())
    pipe.seek(0)
    with pytest.raises(wire.WireError):
        wire.receive_step(pipe, 10**6, Views(("square",), 4, (0, 0, 0)))


@FUZZED
@given(
    body=st.binary(max_size=300), header=st.dictionaries(st.sampled_from([*PICTURE_FIELDS, "items", "reader"]), JSON)
)
def test_random_messages_are_read_or_refused(header: dict[str, Any], body: bytes) -> None:
    for kind in ("file", "reader", "picture", "failure", "end"):
        with contextlib.suppress(wire.WireError):
            wire.receive_step(message({**header, "is": kind}, body), 1000)


@FUZZED
@given(st.binary(max_size=400))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(wire.WireError):
        wire.receive_step(BytesIO(data), 1000)


PICTURE = {
    "is": "picture",
    "sha256": "ab",
    "width_px": 2,
    "height_px": 1,
    "frame_count": 1,
    "orientation": None,
    "kind": "photo",
    "phash": None,
    "notes": [],
    "size_px": [2, 1],
    "elapsed_s": 0.1,
}


@pytest.mark.parametrize(
    "pipe",
    [
        BytesIO(b""),
        BytesIO(b"\x05\0\0\0{"),
        BytesIO(b"\xff\xff\xff\xff"),
        BytesIO(b"\2\0\0\0[]"),
        BytesIO(b"\3\0\0\0{x}"),
        message({"is": "nonsense"}),
        message({"is": "file"}),
        message({"is": "file", "size_bytes": 1, "sha256": "", "media_type": "", "elapsed_s": 0, "more": 1}),
        message({"is": "reader", "reader": "x", "items": [{"supports": "everything"}], "elapsed_s": 0}),
        message({"is": "reader", "reader": "x", "items": 5, "elapsed_s": 0}),
        message(PICTURE, b"12345"),
        message({**PICTURE, "size_px": [1000, 1001]}),
        message({**PICTURE, "size_px": [-1, -1]}),
        message({**PICTURE, "size_px": "large"}),
        message({**PICTURE, "kind": "dream"}, b"123456"),
    ],
)
def test_whatever_a_captured_process_sends_is_refused(pipe: BytesIO) -> None:
    with pytest.raises(wire.WireError):
        wire.receive_step(pipe, 10**6)


def test_the_end() -> None:
    pipe = BytesIO()
    wire.send(pipe, wire.END)
    pipe.seek(0)
    assert wire.receive_step(pipe, 1) is None
