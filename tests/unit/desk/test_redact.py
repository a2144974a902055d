"""What is taken out of a report is nowhere in it any more, and what it says stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakescan.core.checked import Claim, ClaimMark
from fakescan.core.options import Redact
from fakescan.core.records import Assessed, Evidence, Failure, ImageResult, Scan, Skipped, Stage, Strength, Supports
from fakescan.core.schema import scan_to_json
from fakescan.desk.redact import SHARE, redact
from tests.support.builders import assessed, failed, scan

PLACE = Evidence("exif", "GPSPosition", "48.137154, 11.576124", unit="degrees", note="A place is stored in the file.")
SERIAL = Evidence("exif", "BodySerialNumber", "SN-0042-7781")
ARTIST = Evidence("exif", "Artist", "Anna Examplewoman")
COMMENT = Evidence("exif", "UserComment", "taken by Anna Examplewoman, body SN-0042-7781, at 48.137154")
PROMPT = Evidence("generators", "generation parameters", "a cat", Supports.FAKE, Strength.UNSIGNED)
CREDIT = Evidence("generators", "Credit", "Made with Google AI", Supports.FAKE, Strength.UNSIGNED)


@pytest.fixture
def leaky() -> Scan:
    """A scan that tells a place, a serial number, a name, paths and the machine, each in more than one place."""
    broken = failed("secret folder/lost.jpg")
    where = "/home/annaexample/secret folder/lost.jpg: cut short"
    broken = replace(broken, outcome=Failure("decode", "truncated", where, "ask anew"))
    results = [
        assessed("secret folder/source photo.jpg", 3.0, PLACE, SERIAL, ARTIST, COMMENT),
        assessed("other.JPG", -3.0, PROMPT, CREDIT),
        broken,
    ]
    return replace(
        scan(*results),
        root="/home/annaexample",
        command="fakescan scan '/home/annaexample/secret folder' -o out.html",
        options={"paths": ["/home/annaexample/secret folder"], "templates": None, "policy": "balanced"},
        environment={"platform": "Linux-6.1-annas-laptop", "python": "3.11"},
    )


@pytest.mark.parametrize(
    ("what", "gone"),
    [
        (Redact.GPS, ["48.137154", "11.576124"]),
        (Redact.SERIAL, ["SN-0042-7781"]),
        (Redact.OWNER, ["Anna Examplewoman"]),
        (Redact.PATHS, ["secret folder", "source photo", "lost.jpg", "out.html", "other.JPG"]),
        (Redact.HOST, ["annaexample", "annas-laptop"]),
    ],
)
def test_nothing_of_it_is_left_and_the_rest_stays(leaky: Scan, what: Redact, gone: list[str]) -> None:
    before, after = scan_to_json(leaky), scan_to_json(redact(leaky, [what]))
    assert all(text in before for text in gone)
    assert not [text for text in gone if text in after]
    others = {"48.137154", "SN-0042-7781", "Anna Examplewoman", "source photo", "annas-laptop"} - set(gone)
    assert not [text for text in others if text not in after]


def test_everything_at_once(leaky: Scan) -> None:
    shared = redact(leaky, SHARE)
    text = scan_to_json(shared)
    for secret in ("48.137154", "SN-0042-7781", "Anna", "secret", "annaexample", "annas-laptop", "lost.jpg"):
        assert secret not in text
    assert shared.redacted == ("gps", "serial", "paths", "owner", "host", "thumbs")


def test_verdicts_digests_and_order_stay(leaky: Scan) -> None:
    shared = redact(leaky, SHARE)
    assert shared.summary == leaky.summary
    assert [result.record.file.sha256 for result in shared.results] == [
        result.record.file.sha256 for result in leaky.results
    ]
    assert [result.record.file.path for result in shared.results] == ["image-1.jpg", "image-2.jpg", "image-3.jpg"]
    verdicts = [result.outcome.verdict.reasons for result in shared.results if isinstance(result.outcome, Assessed)]
    assert verdicts == [
        result.outcome.verdict.reasons for result in leaky.results if isinstance(result.outcome, Assessed)
    ]


def test_marks_of_generators_are_no_names(leaky: Scan) -> None:
    def marks(found: Scan) -> list[ImageResult]:
        return [item for result in found.results for item in result.evidence if item.supports is Supports.FAKE]  # type: ignore[misc]

    assert marks(redact(leaky, SHARE)) == marks(leaky)


def test_names_keep_the_order_of_a_large_scan() -> None:
    many = scan(*(assessed(f"{index:05}.png") for index in range(120)))
    paths = [result.record.file.path for result in redact(many, [Redact.PATHS]).results]
    assert paths == sorted(paths)
    assert len(set(paths)) == 120


def test_a_name_that_is_not_utf8_leaves_nothing_behind() -> None:
    odd = scan(assessed("secret\udcff.jpg"))
    assert "path_b64" not in scan_to_json(redact(odd, [Redact.PATHS]))


def test_a_second_redaction_adds_to_the_first(leaky: Scan) -> None:
    once = redact(leaky, [Redact.GPS])
    assert redact(once, [Redact.PATHS]).redacted == ("gps", "paths")
    assert redact(leaky, []) is leaky


def test_patterns_that_left_files_out_are_not_told(leaky: Scan) -> None:
    reasons = ("excluded by --exclude secret folder/", "excluded by .fakescanignore: source photo*", "hidden")
    left_out = replace(leaky, skipped=tuple(Skipped(f"{number}.jpg", text) for number, text in enumerate(reasons)))
    assert [item.reason for item in redact(left_out, [Redact.PATHS]).skipped] == [
        "excluded by --exclude [removed]",
        "excluded by .fakescanignore: [removed]",
        "hidden",
    ]


def test_a_short_user_name_is_taken_out_of_paths_but_not_of_words() -> None:
    one = replace(scan(failed("a.jpg")), root="/home/al/always", command="fakescan scan /home/al/always")
    shared = redact(one, [Redact.HOST])
    assert (shared.root, shared.command) == ("/home/[user]/always", "fakescan scan /home/[user]/always")


def test_the_audited_sentences_are_searched_too(leaky: Scan) -> None:
    told = Claim(Stage.REASONING, "Anna Examplewoman stands there.", ClaimMark.UNSUPPORTED, "see SN-0042-7781")
    results = [replace(result, claims=(told,)) if SERIAL in result.evidence else result for result in leaky.results]
    shared = redact(replace(leaky, results=tuple(results)), SHARE)
    after = scan_to_json(shared)
    assert "SN-0042-7781" not in after
    [claim] = [claim for result in shared.results for claim in result.claims]
    assert claim.mark is ClaimMark.UNSUPPORTED
    assert "Anna" not in claim.text
    assert "stands there." in claim.text
