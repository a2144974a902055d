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


def carried(step: Step, max_pixels: int = 10**6) -> Step:
    pipe = BytesIO()
    wire.send_steps(pipe, [step])
    pipe.seek(0)
    arrived, is_end = wire.receive_steps(pipe, max_pixels)
    assert not is_end
    assert pipe.read() == b""
    assert len(arrived) == 1
    return arrived[0]


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
    wire.send_steps(pipe, [sent])
    pipe.seek(0)
    (arrived,), _ = wire.receive_steps(pipe, 10**6, views)
    assert isinstance(arrived, Pictured)
    assert (arrived.image.views, arrived.image.image.tobytes()) == (views, image.tobytes())
    pipe.seek(0)
    with pytest.raises(wire.WireError):
        wire.receive_steps(pipe, 10**6, Views(("square",), 4, (0, 0, 0)))


@FUZZED
@given(
    body=st.binary(max_size=300),
    step=st.dictionaries(st.sampled_from(["file", "reader", "evidence", "failure", "picture", *PICTURE_FIELDS]), JSON),
    header=st.dictionaries(st.sampled_from(["is_end", "steps"]), JSON),
)
def test_random_messages_are_read_or_refused(header: dict[str, Any], step: dict[str, Any], body: bytes) -> None:
    for sent in ({"is_end": False, "steps": [step], **header}, {**header, "steps": [FILE, step]}):
        with contextlib.suppress(wire.WireError):
            wire.receive_steps(message(sent, body), 1000)


@FUZZED
@given(st.binary(max_size=400))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(wire.WireError):
        wire.receive_steps(BytesIO(data), 1000)


FILE = {"file": [1, "ab", "image/png", 0.1]}
FACTS = {
    "sha256": "ab",
    "width_px": 2,
    "height_px": 1,
    "frame_count": 1,
    "orientation": None,
    "kind": "photo",
    "phash": None,
    "notes": [],
}
PICTURE = {"picture": FACTS, "size_px": [2, 1], "elapsed_s": 0.1}
SAID = ["x", "name", "value", "none", "context", "fired", "note", ""]


def told(*steps: Any) -> BytesIO:
    return message({"steps": steps, "is_end": False})


@pytest.mark.parametrize(
    "pipe",
    [
        BytesIO(b""),
        BytesIO(b"\x05\0\0\0{"),
        BytesIO(b"\xff\xff\xff\xff"),
        BytesIO(b"\2\0\0\0[]"),
        BytesIO(b"\3\0\0\0{x}"),
        message({"steps": []}),
        message({"steps": 5, "is_end": True}),
        message({"steps": {"picture": 1}, "is_end": True}),
        told("nonsense"),
        told({"nonsense": []}),
        told({"file": []}),
        told({"file": [1, "", "", 0, "more"]}),
        told({"failure": ["a", "b", "c", None]}),
        told({"reader": "x", "evidence": [[*SAID[:3], "everything", *SAID[4:]]], "elapsed_s": 0}),
        told({"reader": "x", "evidence": [[*SAID[:2], {"of": "all kinds"}, *SAID[3:]]], "elapsed_s": 0}),
        told({"reader": "x", "evidence": [SAID[:-1]], "elapsed_s": 0}),
        told({"reader": "x", "evidence": 5, "elapsed_s": 0}),
        message({"steps": [PICTURE], "is_end": True}, b"12345"),
        message({"steps": [{**PICTURE, "size_px": [1000, 1001]}], "is_end": True}),
        message({"steps": [{**PICTURE, "size_px": [-1, -1]}], "is_end": True}),
        message({"steps": [{**PICTURE, "size_px": "large"}], "is_end": True}),
        message({"steps": [PICTURE, FILE], "is_end": True}, b"123456"),
        message({"steps": [{**PICTURE, "picture": {**FACTS, "kind": "dream"}}], "is_end": True}, b"123456"),
        message({"steps": [{**PICTURE, "picture": []}], "is_end": True}, b"123456"),
    ],
)
def test_whatever_a_captured_process_sends_is_refused(pipe: BytesIO) -> None:
    with pytest.raises(wire.WireError):
        wire.receive_steps(pipe, 10**6)


def test_what_it_sends_is_read_where_it_keeps_to_the_form() -> None:
    said = {"reader": "x", "evidence": [SAID], "elapsed_s": 0}
    steps, is_end = wire.receive_steps(message({"steps": [FILE, said, PICTURE], "is_end": True}, b"123456"), 10**6)
    assert is_end
    assert [type(step) for step in steps] == [FileRead, ReaderDone, Pictured]


def test_several_steps_at_once_and_the_end() -> None:
    pipe = BytesIO()
    image = Image.effect_noise((3, 2), 80).convert("RGB")
    picture = Pictured(DecodedImage(image, "ab", 3, 2, 1, None), 0.5)
    sent: list[Step] = [FileRead(5, "ab" * 32, None, 0.25), ReaderDone("x", (EVIDENCE,), 0.5), picture]
    wire.send_steps(pipe, sent[:1])
    wire.send_steps(pipe, sent[1:], is_end=True)
    wire.send_steps(pipe, [], is_end=True)
    pipe.seek(0)
    assert wire.receive_steps(pipe, 10) == (sent[:1], False)
    (said, seen), is_end = wire.receive_steps(pipe, 10)
    assert is_end
    assert said == sent[1]
    assert isinstance(seen, Pictured)
    assert seen.image.image.tobytes() == image.tobytes()
    assert wire.receive_steps(pipe, 10) == ([], True)
