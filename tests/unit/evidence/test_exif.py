from __future__ import annotations

import struct
from pathlib import Path

import pytest

from fakescan.core.records import Evidence, EvidenceStatus, Strength, Supports
from fakescan.evidence.exif import GPS_NAME, ExifReader
from tests.unit.evidence.files import (
    EXIF_PREFIX,
    JPEG,
    PNG,
    WEBP,
    exif_block,
    jpeg,
    plain,
    png,
    segment,
    source,
    webp,
    with_exif,
)

CAMERA = {"Make": "Canon", "Model": "Canon EOS 5D", "DateTimeOriginal": "2021:05:06 07:08:09"}


def read(data: bytes, kind: str = JPEG) -> list[Evidence]:
    return ExifReader().read(source(data, kind), data)


def values(evidence: list[Evidence]) -> dict[str, str]:
    return {item.name: item.value for item in evidence}


@pytest.mark.parametrize("kind", [JPEG, PNG, WEBP])
def test_fields_that_fit_together_speak_for_a_camera(kind: str) -> None:
    evidence = read(with_exif(kind, exif_block(**CAMERA, Software="Lightroom")), kind)
    camera = evidence[0]
    assert (camera.supports, camera.strength, camera.status) == (Supports.REAL, Strength.UNSIGNED, EvidenceStatus.FIRED)
    assert camera.value == "Canon EOS 5D, 2021:05:06 07:08:09"
    assert values(evidence[1:]) == {**CAMERA, "Software": "Lightroom"}
    assert {(item.supports, item.strength) for item in evidence[1:]} == {(Supports.NONE, Strength.CONTEXT)}


def test_a_lens_does_as_well_as_a_time() -> None:
    evidence = read(with_exif(JPEG, exif_block(Make="NIKON", Model="D850", LensModel="24-70mm")))
    assert (evidence[0].value, evidence[0].supports) == ("NIKON D850, 24-70mm", Supports.REAL)


@pytest.mark.parametrize(
    "fields",
    [
        {"Make": "Canon"},
        {"Make": "Somebody", "Model": "Something"},
        {"Make": "Black Forest Labs", "Model": "flux-dev", "DateTimeOriginal": "2024:05:06 07:08:09"},
        {"Make": "Ideogram AI", "Model": "V 2.0", "DateTimeOriginal": "2024:05:06 07:08:09"},
        {"Make": "Canon", "DateTimeOriginal": "2021:05:06 07:08:09"},
        {"Make": "Some", "Model": "Thing", "DateTimeOriginal": "0000:00:00 00:00:00"},
        {"Make": "Some", "Model": "Thing", "DateTimeOriginal": "yesterday"},
        {"Make": "Some", "Model": "Thing", "DateTimeOriginal": "1899:01:01 00:00:00"},
        {**CAMERA, "Make": 'workflow:{"nodes": []}'},
        {**CAMERA, "Make": "x" * 65},
        {**CAMERA, "Model": "123"},
        {**CAMERA, "Model": "unknown"},
        {"Make": "Some", "Model": "Thing", "LensModel": "N/A"},
    ],
)
def test_single_or_odd_fields_are_only_context(fields: dict[str, str]) -> None:
    evidence = read(with_exif(JPEG, exif_block(**fields)))
    assert evidence
    assert all(item.supports is Supports.NONE for item in evidence)
    assert all(item.status is EvidenceStatus.FIRED for item in evidence)


def test_a_place_is_given_in_full_and_marked() -> None:
    gps = {1: "S", 2: (33.0, 51.0, 30.0), 3: "E", 4: (151.0, 12.0, 36.0)}
    evidence = {item.name: item for item in read(with_exif(JPEG, exif_block(Make="Canon", gps=gps)))}
    assert evidence[GPS_NAME].value == "-33.858333, 151.210000"
    assert evidence[GPS_NAME].unit == "degrees"
    assert "Personal data" in evidence[GPS_NAME].note


@pytest.mark.parametrize("gps", [{2: (91.0, 0.0, 0.0), 4: (0.0, 0.0, 0.0)}, {2: (1.0, 0.0, 0.0)}, {1: "N", 3: "E"}])
def test_a_place_that_is_none(gps: dict[int, object]) -> None:
    assert GPS_NAME not in values(read(with_exif(JPEG, exif_block(Make="Canon", gps=gps))))


def test_orientation_and_thumbnail() -> None:
    thumbnail = struct.pack("<HHHII", 1, 0x0201, 4, 1, 8) + bytes(4)
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    block = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 26) + thumbnail
    assert values(read(with_exif(JPEG, block))) == {"Orientation": "Rotated 90 CW", "Thumbnail": "present"}


def test_no_exif_is_silence() -> None:
    for data, kind in (
        (plain("JPEG"), JPEG),
        (plain("PNG"), PNG),
        (webp(), WEBP),
        (b"text", "text/plain"),
        (b"", JPEG),
    ):
        evidence = read(data, kind)
        assert [item.status for item in evidence] == [EvidenceStatus.SILENT]
        assert all(item.supports is Supports.NONE for item in evidence)


def test_exif_without_anything_of_interest_is_silence() -> None:
    assert [item.status for item in read(with_exif(PNG, b"II*\0" + bytes(8)), PNG)] == [EvidenceStatus.SILENT]


def test_damage_is_a_failure_never_silence() -> None:
    for block in (b"nonsense", b"II*", b"XX*\0" + bytes(20)):
        assert [item.status for item in read(with_exif(JPEG, block))] == [EvidenceStatus.FAILED]


def test_exif_after_the_end_of_the_container_does_not_count() -> None:
    data = plain("JPEG") + segment(0xE1, EXIF_PREFIX + exif_block(**CAMERA))
    assert [item.status for item in read(data)] == [EvidenceStatus.SILENT]


def test_exif_after_other_segments_is_found() -> None:
    data = jpeg(
        segment(0xEB, b"JP" + bytes(500)), segment(0xE2, b"ICC"), segment(0xE1, EXIF_PREFIX + exif_block(**CAMERA))
    )
    assert read(data)[0].supports is Supports.REAL


def test_two_blocks_are_said() -> None:
    block = segment(0xE1, EXIF_PREFIX + exif_block(**CAMERA))
    assert values(read(jpeg(block, block)))["EXIF blocks"] == "2"


def test_values_can_do_no_harm() -> None:
    block = exif_block(Make="Can\x1b[31mon@@@<script>" + "x" * 5000, Software="\x00\x07")
    evidence = read(with_exif(PNG, block.replace(b"@@@", "\u202e".encode())), PNG)
    (make,) = [item for item in evidence if item.name == "Make"]
    assert make.value.startswith(r"Can\x1b[31mon\u202e<script>xxx")
    assert len(make.value) < 560
    assert make.value.isprintable()


def nest_of_directories() -> bytes:
    """A few kilobytes in which every entry points to a directory of tens of thousands of entries."""
    count = 4_000
    entries = struct.pack("<HHII", 0x8825, 4, 1, 8) * count
    return b"II*\0" + struct.pack("<IH", 8, count) + entries


def maker_note_of_a_billion() -> bytes:
    inner = struct.pack("<HHHII", 1, 0x927C, 7, 1_000_000_000, 8) + bytes(4)
    outer = struct.pack("<HHHII", 2, 0x010F, 2, 4, int.from_bytes(b"Can\0", "little")) + struct.pack(
        "<HHII", 0x8769, 4, 1, 38
    )
    return b"II*\0" + struct.pack("<I", 8) + outer + bytes(4) + inner


@pytest.mark.parametrize("block", [nest_of_directories(), maker_note_of_a_billion()], ids=["nest", "maker note"])
def test_no_block_holds_up_the_scan(block: bytes) -> None:
    # Without bounds, either takes minutes to forever; the test run's own limit would notice.
    evidence = read(png(*[with_exif(PNG, block)[33 : 33 + 12 + len(block)]]), PNG)
    assert evidence[0].status in (EvidenceStatus.FAILED, EvidenceStatus.FIRED)


def test_random_damage_never_raises(capfd: pytest.CaptureFixture[str]) -> None:
    block = exif_block(**CAMERA, gps={1: "N", 2: (1.0, 2.0, 3.0), 3: "E", 4: (4.0, 5.0, 6.0)})
    for at in range(4, len(block)):
        for value in (0, 0xFF):
            assert read(with_exif(JPEG, block[:at] + bytes([value]) + block[at + 1 :]))
    assert capfd.readouterr() == ("", "")


def test_reference_cameras(shared: Path) -> None:
    """Every file of the reference set whose EXIF names camera and time, and none of the others."""
    import csv

    with (shared / "corpus" / "manifest.csv").open(encoding="utf-8") as rows:
        cameras = [row for row in csv.DictReader(rows) if row["kind"] == "camera"]
    for row in cameras:
        data = (shared / "corpus" / row["file"].removeprefix("dev/")).read_bytes()
        speaks = any(item.supports is Supports.REAL for item in read(data))
        assert speaks is (row["exp_camera"] == "unsigned_exif"), row["file"]
