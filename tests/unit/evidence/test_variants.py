"""Every form of a mark in every place where a writer may put it, and look-alikes that must stay silent.

Reference files hold one version of a mark each; what people bring has another container, encoding or version.
"""

from __future__ import annotations

import importlib
import json
import struct
import zlib
from collections.abc import Iterator
from hashlib import md5
from io import BytesIO
from xml.sax.saxutils import escape

import pytest
from PIL import Image

from fakescan.core.records import Evidence, EvidenceStatus, SourceFile, Strength, Supports
from fakescan.evidence import READERS
from fakescan.intake.identify import HEAD_BYTES, sniff
from fakescan.protocols import EvidenceReader
from tests.unit.evidence.files import (
    EXIF_PREFIX,
    PARAMETERS,
    XMP_PREFIX,
    chunk,
    iptc_segment,
    jpeg,
    png,
    riff_chunk,
    segment,
    webp,
    xmp_packet,
)

GRAPH = {"3": {"class_type": "KSampler", "inputs": {"seed": 1}}}
DRAWN = {
    "last_node_id": 9,
    "last_link_id": 9,
    "nodes": [{"id": 3, "type": "0f3c"}],
    "definitions": {"subgraphs": [{"id": "0f3c", "nodes": [{"id": 1, "type": "KSampler", "widgets_values": [1]}]}]},
}
LABEL = {"Label": "1", "ContentProducer": "0011911101", "ProduceID": "x", "ReservedCode1": ""}
MARKS = {
    "web UI": PARAMETERS,
    "web UI, Windows lines": PARAMETERS.replace("\n", "\r\n"),
    "web UI, settings only": "Steps: 8, Sampler: DPM++ SDE, Schedule type: Karras, CFG scale: 1.5, Seed: 99, Size: 8x8",
    "SD.Next": "cat\nNegative prompt: x\nSteps: 20, Seed: 5, CFG scale: 6, Size: 64x64, Parser: Full, App: SD.Next",
    "stable-diffusion.cpp": "a cat\nSteps: 20, CFG scale: 7, Guidance: 3.5, Seed: 42, Size: 8x8, Model: f, RNG: x",
    "ComfyUI": json.dumps(GRAPH),
    "ComfyUI, folded": json.dumps(DRAWN),
    "SwarmUI": json.dumps({"sui_image_params": {"prompt": "cat", "model": "flux1", "seed": 1, "steps": 20}}),
    "Draw Things": json.dumps({"c": "cat", "uc": "", "model": "f.ckpt", "sampler": "Euler A", "scale": 3, "steps": 20}),
    "Mochi Diffusion": "Include in Image: cat; Exclude from Image: ; Model: sd15; Steps: 20; Guidance Scale: 7.5; "
    "Seed: 4; Size: 512x512; Scheduler: DPM-Solver++; Generator: Mochi Diffusion 4.7",
    "Midjourney": "a red fox --ar 16:9 --v 6.1 Job ID: 01234567-89ab-cdef-0123-456789abcdef",
    "AIGC label": json.dumps({"AIGC": LABEL}),
    "AIGC label, bare": json.dumps(LABEL),
    "AIGC label, prefixed": "AIGC" + json.dumps(LABEL),
}
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
DECLARED = f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>"


def comment_block(comment: bytes, order: str) -> bytes:
    """A TIFF block with UserComment alone, in either byte order."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    main = struct.pack(order + "HHHIII", 1, 0x8769, 4, 1, 26, 0)
    return head + main + struct.pack(order + "HHHIII", 1, 0x9286, 7, len(comment), 44, 0) + comment


def comments(text: str) -> Iterator[tuple[bytes, str]]:
    yield b"ASCII\0\0\0" + text.encode(), "<"
    yield b"UNICODE\0" + text.encode("utf-16-le"), "<"
    yield b"UNICODE\0" + text.encode("utf-16-be"), "<"
    yield b"UNICODE\0" + text.encode("utf-16-be"), ">"
    yield b"UNICODE\0" + text.encode("utf-16"), "<"
    yield b"UNICODE\0" + text.encode(), "<"
    yield b"Unicode\0" + text.encode("utf-16-le"), "<"
    yield bytes(8) + text.encode(), "<"
    yield text.encode(), ">"
    yield b'charset="Unicode" ' + text.encode(), "<"


def saved(kind: str, **options: object) -> bytes:
    out = BytesIO()
    Image.new("RGB", (16, 16), "navy").save(out, kind, **options)
    return out.getvalue()


def texts(keyword: str, text: str) -> Iterator[bytes]:
    name, body = keyword.encode(), text.encode()
    yield png(chunk(b"tEXt", name + b"\0" + body))
    yield png(chunk(b"zTXt", name + b"\0\0" + zlib.compress(body)), late=True)
    yield png(chunk(b"iTXt", name + b"\0\0\0\0\0" + body))
    yield png(chunk(b"iTXt", name + b"\0\1\0\0\0" + zlib.compress(body)))


def with_xmp(properties: str, encoding: str = "utf-8") -> bytes:
    return jpeg(segment(0xE1, XMP_PREFIX + xmp_packet(properties).decode().encode(encoding)))


def everywhere(text: str) -> Iterator[bytes]:
    """Files of every kind with a text in every place that a generator is known to use."""
    for comment, order in comments(text):
        yield jpeg(segment(0xE1, EXIF_PREFIX + comment_block(comment, order)))
    block = comment_block(b"UNICODE\0" + text.encode("utf-16-be"), ">")
    yield png(chunk(b"eXIf", block))
    yield webp(riff_chunk(b"EXIF", block))
    yield webp(riff_chunk(b"EXIF", EXIF_PREFIX + block))
    yield saved("AVIF", exif=block)
    yield saved("TIFF", tiffinfo={270: text})
    yield saved("GIF", comment=text.encode())
    yield jpeg(segment(0xFE, text.encode()))
    yield jpeg(iptc_segment(120, text.encode()))
    yield from texts("Comment", text)
    caption = (
        f"<dc:description><rdf:Alt><rdf:li xml:lang='x-default'>{escape(text)}</rdf:li></rdf:Alt></dc:description>"
    )
    caption = caption.replace("<dc:description>", "<dc:description xmlns:dc='http://purl.org/dc/elements/1.1/'>", 1)
    for encoding in ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        yield with_xmp(caption, encoding)


def read(data: bytes) -> list[Evidence]:
    media_type = sniff(data[:HEAD_BYTES], "a")
    file = SourceFile("a", len(data), "0" * 64, media_type)
    found: list[Evidence] = []
    for spec in READERS.values():
        module, _, kind = spec.partition(":")
        reader: EvidenceReader = getattr(importlib.import_module(module), kind)()
        found += reader.read(file, data)
    return [item for item in found if item.status is EvidenceStatus.FIRED]


def sides(data: bytes) -> set[Supports]:
    """What marks that convict speak for."""
    return {item.supports for item in read(data) if item.strength is Strength.UNSIGNED} - {Supports.REAL, Supports.NONE}


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_is_found_wherever_it_stands(mark: str) -> None:
    missed = [number for number, data in enumerate(everywhere(MARKS[mark])) if sides(data) != {Supports.FAKE}]
    assert not missed


LONG = xmp_packet(DECLARED + f"<photoshop:Instructions>{'x' * 100_000}</photoshop:Instructions>")
DIGEST = md5(LONG, usedforsecurity=False).hexdigest().upper().encode()
PIECES = [
    segment(
        0xE1,
        b"http://ns.adobe.com/xmp/extension/\0" + DIGEST + struct.pack(">II", len(LONG), at) + LONG[at : at + 60_000],
    )
    for at in range(0, len(LONG), 60_000)
]
PLAIN = xmp_packet(DECLARED)


@pytest.mark.parametrize(
    "data",
    [
        with_xmp(DECLARED),
        with_xmp(DECLARED, "utf-16"),
        with_xmp(f"<Iptc4xmpExt:DigitalSourceType rdf:resource='{SOURCE_TYPE}'/>"),
        with_xmp(f"<Iptc4xmpExt:DigitalSourceType><rdf:Bag><rdf:li>{SOURCE_TYPE}</rdf:li></rdf:Bag>"
                 "</Iptc4xmpExt:DigitalSourceType>"),
        with_xmp("<Iptc4xmpExt:DigitalSourceType>Created using Generative AI</Iptc4xmpExt:DigitalSourceType>"),
        with_xmp("<Iptc4xmpExt:DigitalSourceType>digsrctype:trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>"),
        with_xmp(f"<photoshop:Source>A & B</photoshop:Source>{DECLARED}"),
        jpeg(segment(0xE1, XMP_PREFIX + PLAIN.replace(b"<Iptc", b"<photoshop:Source>\xe9</photoshop:Source><Iptc", 1))),
        jpeg(segment(0xE1, XMP_PREFIX + PLAIN[: PLAIN.index(b"</Iptc") + 9])),
        jpeg(*PIECES),
        jpeg(*reversed(PIECES)),
        *texts("XML:com.adobe.xmp", PLAIN.decode()),
        with_xmp("<photoshop:Credit>Created with Midjourney</photoshop:Credit>"),
        jpeg(iptc_segment(110, "Generated by DALL·E 3".encode("latin-1"))),
        jpeg(iptc_segment(110, b"Mit KI erstellt")),
        with_xmp("<xmpMM:History xmlns:xmpMM='http://ns.adobe.com/xap/1.0/mm/'><rdf:Seq><rdf:li"
                 " xmlns:stEvt='http://ns.adobe.com/xap/1.0/sType/ResourceEvent#' stEvt:softwareAgent='Adobe Firefly'/>"
                 "</rdf:Seq></xmpMM:History>"),
    ],
)  # fmt: skip
def test_a_declaration_is_found_in_any_spelling(data: bytes) -> None:
    assert sides(data) == {Supports.FAKE}


@pytest.mark.parametrize(
    "name",
    [
        "Midjourney v7",
        "DALL-E 3",
        "gpt-image-1.5",
        "Gemini 2.5 Flash Image",
        "Stable Diffusion 3.5 Large",
        "FLUX.1 [dev]",
        "FLUX1.1 [pro] Ultra",
        "FLUX.2 [klein] 9B",
        "AI generated;txt2img;flux",
        "stable-diffusion-webui",
        "Amazon Nova Canvas",
        "xAI",
        "StableSwarmUI",
        "Fooocus v2.5.5",
        "HunyuanImage-3.0",
        "Seedream 4.0",
        "豆包",
        "OpenAI Sora",
    ],
)
def test_a_program_of_any_version_is_known(name: str) -> None:
    assert sides(png(chunk(b"iTXt", b"Software\0\0\0\0\0" + name.encode()))) == {Supports.FAKE}


TALK = (
    "Steps: 20 up the tower, Sampler of cheese",
    "Midjourney",
    "Photo of the Midjourney office, Job ID: 4711",
    "Recipe\nSteps: 4, Seed: poppy, Size: large",
    '{"prompt": "weekly challenge", "model": "Anna", "seed": 3}',
    '{"nodes": [{"id": "1", "type": "n8n-nodes-base.openAi", "parameters": {}}], "connections": {}}',
    '{"model": "gpt-4", "prompt": "Describe", "seed": 1, "temperature": 0.2}',
    "Model: Anna; Steps: stone; Size: 40x60; Seed: none; Scheduler: Bob",
    "Made with Google AI",
    '{"Label": "1", "Title": "Label of a bottle"}',
)


@pytest.mark.parametrize("text", TALK)
def test_talk_convicts_nobody(text: str) -> None:
    assert not [number for number, data in enumerate(everywhere(text)) if sides(data)]


@pytest.mark.parametrize(
    "credit",
    ["Made by Ai", "Created by Li Ai", "Ai Weiwei", "Photo by Grok", "AI", "OpenAI", "Midjourney Magazine", "Sora"],
)
def test_credit_lines_of_people_and_companies(credit: str) -> None:
    assert not sides(with_xmp(f"<photoshop:Credit>{credit}</photoshop:Credit>"))
    assert not sides(jpeg(iptc_segment(110, credit.encode())))


@pytest.mark.parametrize(
    "name", ["Gemini", "Flux", "Grok", "Aurora HDR", "Sora", "Firefly Camera 8SE", "Adobe Photoshop"]
)
def test_programs_and_cameras_of_such_names(name: str) -> None:
    assert not sides(png(chunk(b"tEXt", b"Software\0" + name.encode())))


@pytest.mark.parametrize(
    "data",
    [
        jpeg() + b"parameters\0" + PARAMETERS.encode(),
        jpeg() + PLAIN,
        jpeg() + jpeg(segment(0xFE, PARAMETERS.encode())),
        png() + chunk(b"tEXt", b"parameters\0" + PARAMETERS.encode()),
        png(chunk(b"tEXt", b"parameters\0" + PARAMETERS.encode())).replace(b"lighthouse", b"lightHouse"),
        webp() + riff_chunk(b"XMP ", PLAIN),
        saved("GIF") + b"\x21\xfe\x08" + PARAMETERS.encode(),
        with_xmp(f"<photoshop:Instructions>Iptc4xmpExt:DigitalSourceType={SOURCE_TYPE}</photoshop:Instructions>"),
        with_xmp(DECLARED.replace("Iptc4xmpExt:", "photoshop:")),
        with_xmp("<plus:DataMining xmlns:plus='http://ns.useplus.org/ldf/xmp/1.0/'>"
                 "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-AIMLTRAINING</plus:DataMining>"),
        *[with_xmp(DECLARED.replace("trainedAlgorithmicMedia", name)) for name in (
            "algorithmicMedia", "algorithmicallyEnhanced", "compositeCapture", "computationalCapture", "digitalCapture",
            "screenCapture", "digitalArt", "humanEdits", "dataDrivenMedia")],
    ],
)  # fmt: skip
def test_what_is_no_part_of_the_file_or_says_something_else(data: bytes) -> None:
    assert not sides(data)
