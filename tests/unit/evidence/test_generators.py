from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from fakescan.core.records import Evidence, EvidenceStatus, Strength, Supports
from fakescan.evidence.generators import GeneratorsReader
from tests.unit.evidence.files import (
    EXIF_PREFIX,
    JPEG,
    PARAMETERS,
    PNG,
    WEBP,
    XMP_PREFIX,
    exif_block,
    jpeg,
    plain,
    png,
    segment,
    source,
    text_chunk,
    with_exif,
    xmp_packet,
)

PROMPT = json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 1}}, "4": {"class_type": "X", "inputs": {}}})
WORKFLOW = json.dumps({"nodes": [{"id": 1, "type": "KSampler"}], "links": []})
EDIT_ONLY = json.dumps({"1": {"class_type": "LoadImage", "inputs": {}}, "2": {"class_type": "SaveImage", "inputs": {}}})
SETTINGS = json.dumps({"prompt": "a fox", "seed": 7, "steps": 20, "base_model": "sdxl"})
FAKE, EDITED, WEAK = (
    (Supports.FAKE, Strength.UNSIGNED),
    (Supports.EDITED, Strength.UNSIGNED),
    (Supports.FAKE, Strength.WEAK),
)


def read(data: bytes, kind: str = PNG) -> list[Evidence]:
    return GeneratorsReader().read(source(data, kind), data)


def speaks(data: bytes, kind: str = PNG) -> set[tuple[Supports, Strength]]:
    return {(item.supports, item.strength) for item in read(data, kind) if item.supports is not Supports.NONE}


def utf16_comment(text: str, order: str = "utf-16-be") -> bytes:
    return b"UNICODE\0" + text.encode(order)


@pytest.mark.parametrize(
    ("keyword", "text", "expected"),
    [
        ("parameters", PARAMETERS, FAKE),
        ("parameters", SETTINGS, FAKE),
        ("parameters", json.dumps({"sui_image_params": json.loads(SETTINGS)}), FAKE),
        ("prompt", PROMPT, FAKE),
        ("workflow", WORKFLOW, FAKE),
        ("prompt", EDIT_ONLY, WEAK),
        ("invokeai_metadata", json.dumps({"positive_prompt": "a", "seed": 1, "model": {}, "steps": 9}), FAKE),
        ("Dream", '"a fox" -s 50 -W 512 -H 512 -C 7.5 -A k_lms -S 3123', FAKE),
        ("Description", "a fox --v 7 Job ID: 2b6e053b-9a65-4ca9-9e13-b6f4465164d5", FAKE),
        ("AIGC", json.dumps({"Label": "1", "ContentProducer": "x"}), FAKE),
    ],
)
def test_marks_in_png_text(keyword: str, text: str, expected: tuple[Supports, Strength]) -> None:
    assert speaks(png(text_chunk(keyword, text))) == {expected}
    assert speaks(png(text_chunk(keyword, text), late=True)) == {expected}
    # Behind the end of the container anybody can append anything.
    assert speaks(plain("PNG") + text_chunk(keyword, text)) == set()


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("parameters", "exposure: 1/60, aperture: 2.8"),
        ("parameters", "Steps: 3, then turn left"),
        ("parameters", "a" * 73_000 + "Steps: "),
        ("Comment", "made without any Steps: 20, Sampler: in the middle of a line, Seed: 1, Size: 2x2"),
        ("prompt", "please sign here"),
        ("prompt", "{" * 100_000),
        ("prompt", '{"a":' * 50_000),
        ("prompt", json.dumps({"text": "hello"})),
        ("workflow", json.dumps({"nodes": []})),
        ("Description", "Midjourney Lane street sign"),
        ("Description", "Job ID: 12"),
        ("Software", "NovelAI"),
        ("Author", "Adam Grok"),
        ("AIGC", json.dumps({"Label": "9"})),
        ("Title", PARAMETERS.replace("Steps: 20, ", "")),
    ],
)
def test_no_marks(keyword: str, text: str) -> None:
    evidence = read(png(text_chunk(keyword, text)))
    assert [item.status for item in evidence] == [EvidenceStatus.SILENT]


def test_novelai_needs_its_fields_together() -> None:
    fields = [text_chunk("Software", "NovelAI"), text_chunk("Comment", json.dumps({"sampler": "k_euler", "uc": ""}))]
    assert speaks(png(*fields)) == {FAKE}


@pytest.mark.parametrize("order", ["utf-16-be", "utf-16-le"])
@pytest.mark.parametrize("kind", [JPEG, WEBP])
def test_parameters_in_the_user_comment(kind: str, order: str) -> None:
    block = exif_block(Make="Canon", UserComment=utf16_comment(PARAMETERS, order))
    evidence = read(with_exif(kind, block), kind)
    assert [(item.supports, item.strength) for item in evidence] == [FAKE]
    assert evidence[0].value.startswith(r"a lighthouse at dusk\nNegative prompt")


def test_parameters_in_plain_ascii_and_in_a_comment() -> None:
    assert speaks(with_exif(JPEG, exif_block(UserComment=b"ASCII\0\0\0" + PARAMETERS.encode())), JPEG) == {FAKE}
    assert speaks(jpeg(segment(0xFE, PARAMETERS.encode())), JPEG) == {FAKE}


def test_workflows_in_make_and_model() -> None:
    block = exif_block(Make=f"workflow:{WORKFLOW}", Model=f"prompt:{PROMPT}")
    assert speaks(with_exif(WEBP, block), WEBP) == {FAKE}
    assert speaks(with_exif(WEBP, exif_block(Make="prompt: none")), WEBP) == set()


def test_a_signature_like_field_is_weak() -> None:
    assert speaks(with_exif(JPEG, exif_block(ImageDescription="Signature: " + "aB3+" * 60)), JPEG) == {WEAK}
    assert speaks(with_exif(JPEG, exif_block(ImageDescription="Signature: J. Doe")), JPEG) == set()


SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (
            f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>",
            {FAKE},
        ),
        (f"<Iptc4xmpExt:DigitalSourceType rdf:resource='{SOURCE_TYPE}trainedAlgorithmicMedia'/>", {FAKE}),
        (
            f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}compositeWithTrainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>",
            {EDITED},
        ),
        (f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}digitalCapture</Iptc4xmpExt:DigitalSourceType>", set()),
        ("<Iptc4xmpExt:DigitalSourceType>not trainedAlgorithmicMedia at all</Iptc4xmpExt:DigitalSourceType>", set()),
        ("<photoshop:Credit>Made with Google AI</photoshop:Credit>", {FAKE}),
        ("<photoshop:Credit>Edited with Google AI</photoshop:Credit>", {EDITED}),
        ("<photoshop:Credit>Jane Doe, who writes on trainedAlgorithmicMedia</photoshop:Credit>", set()),
        ("<Iptc4xmpExt:AISystemUsed>ExampleGen</Iptc4xmpExt:AISystemUsed>", {FAKE}),
        ('<TC260:AIGC>{"Label": "1", "ProduceID": "x"}</TC260:AIGC>', {FAKE}),
    ],
)
def test_xmp(properties: str, expected: set[tuple[Supports, Strength]]) -> None:
    packet = xmp_packet(properties)
    assert speaks(jpeg(segment(0xE1, XMP_PREFIX + packet)), JPEG) == expected
    assert speaks(png(text_chunk("XML:com.adobe.xmp", packet.decode())), PNG) == expected
    assert speaks(plain("JPEG") + segment(0xE1, XMP_PREFIX + packet), JPEG) == set()


def test_the_source_type_is_told_even_where_it_speaks_for_nobody() -> None:
    packet = xmp_packet(f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}screenCapture</Iptc4xmpExt:DigitalSourceType>")
    (item,) = read(jpeg(segment(0xE1, XMP_PREFIX + packet)), JPEG)
    assert (item.value, item.status) == (f"{SOURCE_TYPE}screenCapture", EvidenceStatus.FIRED)


def test_a_damaged_packet_is_a_failure_beside_what_else_was_found() -> None:
    bomb = b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><x>&a;</x>"
    data = jpeg(segment(0xFE, PARAMETERS.encode()), segment(0xE1, XMP_PREFIX + bomb))
    assert [item.status for item in read(data, JPEG)] == [EvidenceStatus.FIRED, EvidenceStatus.FAILED]


def test_values_are_escaped_and_cut() -> None:
    text = "\x1b]0;x\x07\u202e</textarea>" + "p" * 5_000 + "\n" + PARAMETERS
    (item,) = read(png(text_chunk("parameters", text)))
    assert item.value.startswith(r"\x1b]0;x\x07\u202e</textarea>")
    assert item.value.isprintable()
    assert len(item.value) < 2_100


def test_each_sort_of_mark_once() -> None:
    data = png(text_chunk("prompt", PROMPT), text_chunk("workflow", WORKFLOW), text_chunk("parameters", PARAMETERS))
    assert [item.name for item in read(data)] == ["workflow", "generation parameters"]


def test_exif_and_marks_contradict_each_other_in_plain_sight() -> None:
    block = exif_block(Make="Canon", Model="EOS", DateTimeOriginal="2021:01:01 10:00:00")
    data = jpeg(segment(0xE1, EXIF_PREFIX + block), segment(0xFE, PARAMETERS.encode()))
    assert speaks(data, JPEG) == {FAKE}


def test_reference_generators(shared: Path) -> None:
    """What the reference set expects of unsigned marks; watermarks in pixels are another reader's."""
    expected = {"none": set(), "watermark": set(), "unsigned": {FAKE}, "conflict": {FAKE}, "unsigned_weak": {WEAK}}
    expected["edited_unsigned"] = {EDITED}
    types = {".png": PNG, ".jpg": JPEG, ".webp": WEBP}
    with (shared / "corpus" / "manifest.csv").open(encoding="utf-8") as rows:
        files = [row for row in csv.DictReader(rows) if row["kind"] in ("generator", "camera")]
    assert len(files) > 60
    for row in files:
        path = shared / "corpus" / row["file"].removeprefix("dev/")
        assert speaks(path.read_bytes(), types.get(path.suffix.lower(), JPEG)) == expected[row["exp_ai"]], row["file"]
