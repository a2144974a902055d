from __future__ import annotations

import json
import struct
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescan.core.records import Evidence, EvidenceStatus, Strength, Supports
from fakescan.evidence.generators import GeneratorsReader, marks_of
from fakescan.evidence.generators.mark import Text
from tests.unit.evidence.files import (
    EXIF_PREFIX,
    JPEG,
    PARAMETERS,
    PNG,
    WEBP,
    XMP_PREFIX,
    chunk,
    exif_block,
    iptc_segment,
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
        ("Software", "Adobe Photoshop 25.0"),
        ("Software", "Midjourney Lane Photography 2"),
        ("Author", "Midjourney"),
        ("workflow", json.dumps({"nodes": [{"id": "1", "type": "n8n.generateReport"}], "connections": {}})),
        ("prompt", json.dumps({"prompt": "write a poem", "model": "a language model", "seed": 1, "temperature": 1})),
        ("Title", "Stable Diffusion"),
        ("Comment", "Adobe Firefly"),
        ("Comment", '{"prompt": "say hello", "model": "gpt"}'),
        ("seed", "12"),
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
    assert (evidence[0].supports, evidence[0].strength) == FAKE
    assert {item.name: item.value for item in evidence[1:]} == {
        "Prompt": "a lighthouse at dusk",
        "Model": "0123456789",
        "Seed": "12345",
    }
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


def test_values_are_escaped_and_cut() -> None:
    text = "\x1b]0;x\x07\u202e</textarea>" + "p" * 5_000 + "\n" + PARAMETERS
    item, *_ = read(png(text_chunk("parameters", text)))
    assert item.value.startswith(r"\x1b]0;x\x07\u202e</textarea>")
    assert item.value.isprintable()
    assert len(item.value) < 2_100


def test_each_sort_of_mark_once() -> None:
    data = png(text_chunk("prompt", PROMPT), text_chunk("workflow", WORKFLOW), text_chunk("parameters", PARAMETERS))
    marks = [item.name for item in read(data) if item.supports is not Supports.NONE]
    assert marks == ["workflow", "generation parameters"]


def test_exif_and_marks_contradict_each_other_in_plain_sight() -> None:
    block = exif_block(Make="Canon", Model="EOS", DateTimeOriginal="2021:01:01 10:00:00")
    data = jpeg(segment(0xE1, EXIF_PREFIX + block), segment(0xFE, PARAMETERS.encode()))
    assert speaks(data, JPEG) == {FAKE}


UUID = "2b6e053b-9a65-4ca9-9e13-b6f4465164d5"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"Make": "Black Forest Labs", "Model": "flux-dev", "Software": "AI generated;txt2img;flux"}, {FAKE}),
        ({"Make": "Ideogram AI"}, {FAKE}),
        ({"Software": "Fooocus v2.3.1"}, {FAKE}),
        ({"Software": "DALL-E 3"}, {FAKE}),
        ({"Software": "Topaz Photo AI 3.1"}, {(Supports.EDITED, Strength.WEAK)}),
        ({"Software": "GIMP 2.10"}, set()),
        ({"ImageDescription": f"a fox --ar 4:3 Job ID: {UUID}"}, {FAKE}),
        ({"UserComment": b"ASCII\0\0\0" + SETTINGS.encode()}, {FAKE}),
        ({"UserComment": b"ASCII\0\0\0" + json.dumps({"AIGC": {"Label": 1}}).encode()}, {FAKE}),
        (
            {"UserComment": utf16_comment(json.dumps({"c": "fox", "uc": "", "seed": 1, "steps": 9, "model": "m"}))},
            {FAKE},
        ),
        (
            {
                "UserComment": utf16_comment(
                    json.dumps({"Software": "NovelAI", "Comment": '{"sampler": "k", "uc": ""}'})
                )
            },
            {FAKE},
        ),
        ({"UserComment": utf16_comment(json.dumps({"prompt": json.loads(PROMPT), "workflow": {}}))}, {FAKE}),
        ({"UserComment": PARAMETERS.encode()}, {FAKE}),
    ],
)
@pytest.mark.parametrize("kind", [JPEG, PNG, WEBP])
def test_marks_in_exif(kind: str, fields: dict[str, object], expected: set[tuple[Supports, Strength]]) -> None:
    assert speaks(with_exif(kind, exif_block(**fields)), kind) == expected


def test_settings_in_fields_of_their_own() -> None:
    fields = {"prompt": "a fox", "seed": "42", "num_inference_steps": "25", "guidance_scale": "7.5"}
    assert speaks(png(*[text_chunk(name, value) for name, value in fields.items()])) == {FAKE}
    del fields["seed"]
    assert speaks(png(*[text_chunk(name, value) for name, value in fields.items()])) == set()


def test_comments_of_gif_files() -> None:
    data = plain("GIF")
    blocks = b"".join(bytes([len(part)]) + part for part in (PARAMETERS.encode()[:100], PARAMETERS.encode()[100:]))
    assert speaks(data[:-1] + b"\x21\xfe" + blocks + b"\0;", "image/gif") == {FAKE}
    assert speaks(data + b"\x21\xfe" + blocks + b"\0;", "image/gif") == set()


def test_tiff_fields() -> None:
    block = exif_block(Make="Black Forest Labs")
    assert speaks(block, "image/tiff") == {FAKE}


def test_comfyui_in_its_own_chunk_of_animations() -> None:
    assert speaks(png(chunk(b"comf", b"prompt\0" + PROMPT.encode()), late=True)) == {FAKE}


def test_the_prompt_is_what_the_sampler_was_asked_for() -> None:
    graph = {
        "1": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry"}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse"}},
        "3": {"class_type": "ControlNetApply", "inputs": {"conditioning": ["2", 0]}},
        "4": {"class_type": "KSampler", "inputs": {"seed": 5, "positive": ["3", 0], "negative": ["1", 0]}},
        "5": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sdxl.safetensors"}},
    }
    found = {item.name: item.value for item in read(png(text_chunk("prompt", json.dumps(graph))))}
    assert (found["Prompt"], found["Seed"], found["Model"]) == ("a lighthouse", "5", "sdxl.safetensors")


def test_a_circle_of_nodes_ends() -> None:
    graph = {str(n): {"class_type": "KSampler", "inputs": {"positive": [str(1 - n), 0]}} for n in (0, 1)}
    assert speaks(png(text_chunk("prompt", json.dumps(graph)))) == {FAKE}


def samsung_trailer(name: bytes, body: bytes) -> bytes:
    block = b"\0\0\x91\x0d" + struct.pack("<I", len(name)) + name + body
    directory = b"SEFH" + struct.pack("<IIHHII", 107, 1, 0, 0x0D91, len(block), len(block))
    return block + directory + struct.pack("<I", len(directory)) + b"SEFT"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_samsung_notes_its_generative_tools_behind_the_picture(kind: str) -> None:
    media_type = {"JPEG": JPEG, "PNG": PNG}[kind]
    for body, expected in ((b'{"genAIType":8}', {EDITED}), (b'{"genAIType":0}', set()), (b'{"x":1}', set())):
        assert speaks(plain(kind) + samsung_trailer(b"PEg_Info", body), media_type) == expected
    # The words alone, behind the picture or in a block of another form, say nothing.
    assert speaks(plain(kind) + b'{"genAIType":8}SEFT', media_type) == set()


def test_xmp_and_iptc_texts_count_too() -> None:
    packet = xmp_packet(
        f"<exif:UserComment xmlns:exif='http://ns.adobe.com/exif/1.0/'>{escape(SETTINGS)}</exif:UserComment>"
    )
    assert speaks(jpeg(segment(0xE1, XMP_PREFIX + packet)), JPEG) == {FAKE}
    label = xmp_packet('<TC260:AIGC>{"Label": "1", "ProduceID": "x"}</TC260:AIGC>')
    assert speaks(png(text_chunk("XML:com.adobe.xmp", label.decode())), PNG) == {FAKE}
    assert speaks(plain("JPEG") + segment(0xE1, XMP_PREFIX + packet), JPEG) == set()
    tool = iptc_segment(65, b"Mochi Diffusion")
    assert speaks(jpeg(tool), JPEG) == {FAKE}


def test_thirteen_bytes_behind_a_picture_convict_nobody() -> None:
    for appended in (b"parameters\0a", b"AIGC{Label:1}", b"Steps: 20, Sa", b"Job ID: 12345", b"NovelAI\0\0\0\0\0\0"):
        for kind, media_type in (("JPEG", JPEG), ("PNG", PNG), ("WEBP", WEBP)):
            assert speaks(plain(kind) + appended, media_type) == set()


@given(st.text(max_size=400), st.sampled_from(["parameters", "prompt", "UserComment", "Comment", "AIGC", "Software"]))
def test_any_text_is_survived_and_chance_convicts_nobody(text: str, keyword: str) -> None:
    assert list(marks_of([Text(keyword, text)])) == []


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["nodes", "prompt", "workflow", "class_type", "inputs", "type", "AIGC", "Label", "image", "c"]
                ),
                inner,
            )
        ),
    )
)
def test_any_json_is_survived(found: object) -> None:
    for keyword in ("prompt", "AIGC", "parameters", "Comment"):
        list(marks_of([Text(keyword, json.dumps(found))]))
