"""``fakescan data validate``: what spoils a set is found, and the exit code says so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.trainer.data.conftest import Run, draw


def findings(out: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for finding in json.loads(out)["findings"]:
        found.setdefault(f"{finding['severity']} {finding['kind']}", []).append(finding["text"])
    return found


def test_a_sound_set_is_counted_and_ends_with_0(cli: Run, photos: Path) -> None:
    code, out, _ = cli("validate", photos)
    assert code == 0
    assert out.startswith("12 images: 6 fake, 6 real\n")
    assert out.endswith("0 faults, 0 errors, 1 warnings\n")  # too few to measure confounds on
    assert cli("validate", photos, "--strict")[0] == 1


def test_a_file_that_cannot_be_opened_ends_with_3_and_with_1_beside_a_fault(cli: Run, photos: Path) -> None:
    (photos / "real/press/broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    code, out, _ = cli("validate", photos, "--json")
    assert code == 3
    assert list(findings(out)) == ["error unreadable", "warning too-few"]
    draw(photos / "elsewhere/x.png", 99)
    code, out, _ = cli("validate", photos, "--json")
    assert code == 1
    assert "no folder above it" in findings(out)["fault record"][0]


def test_near_duplicates_across_splits_are_faults_and_within_one_warnings(cli: Run, photos: Path) -> None:
    with Image.open(photos / "real/press/00.png") as image:
        image.resize((48, 36)).save(photos / "real/phones/small.jpg", quality=60)
    code, out, _ = cli("validate", photos, "--json")
    assert code == 0
    (told,) = findings(out)["warning duplicates"]
    assert told == "nearly the same picture: real/phones/small.jpg, real/press/00.png"
    for name, source in (("train", "press"), ("validation", "phones")):
        rows = [{"image": p.relative_to(photos).as_posix()} for p in sorted((photos / "real" / source).iterdir())]
        (photos / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, out, _ = cli("validate", photos / "train.jsonl", photos / "validation.jsonl", "--json")
    assert code == 1
    found = findings(out)
    assert found["fault across-splits"] == [
        "nearly the same picture in train and validation: real/press/00.png, real/phones/small.jpg"
    ]
    assert found["warning one-label"] == ["all images are real"]
    assert "warning duplicates" not in found


def test_one_picture_under_two_labels_is_a_fault(cli: Run, photos: Path) -> None:
    shutil.copy(photos / "real/press/00.png", photos / "fake/alpha/copy.png")
    code, out, _ = cli("validate", photos, "--json")
    assert code == 1
    assert findings(out)["fault two-labels"] == [
        "the same file as real and as fake: fake/alpha/copy.png, real/press/00.png"
    ]


def test_the_same_image_in_two_lists_and_a_source_in_two_splits(cli: Run, photos: Path) -> None:
    for name, images in (("train", ["00", "04"]), ("test", ["04", "08"])):
        rows = [{"image": f"real/press/{image}.png"} for image in images]
        (photos / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, out, _ = cli("validate", photos / "train.jsonl", photos / "test.jsonl", "--json")
    found = findings(out)
    assert code == 1
    assert found["fault across-splits"] == ["the same file in test and train: real/press/04.png"]
    assert found["warning source-across-splits"] == ["the source press is in test and train"]


def test_missing_images_bad_labels_and_texts_that_cite_marks(cli: Run, photos: Path) -> None:
    rows = [
        {"image": "real/press/nowhere.png"},
        {"image": "real/press/00.png", "attributes": {"Low Image Quality": "x"}},
        {"image": "fake/alpha/02.png", "caption": "A Midjourney picture.", "attributes": {}},
    ]
    path = photos / "l.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    code, out, _ = cli("validate", path, "--json")
    found = findings(out)
    assert code == 1
    assert found["fault missing"] == ["real/press/nowhere.png: there is no such file"]
    assert "unknown attributes for a real image" in found["fault record"][0]
    assert "fake/alpha/02.png" in found["warning cites-a-mark"][0]


def test_a_confound_is_a_warning_with_its_accuracy(cli: Run, tmp_path: Path) -> None:
    for number in range(50):
        draw(tmp_path / "set/real/a" / f"{number}.jpg", number, (64, 48))
        draw(tmp_path / "set/fake/b" / f"{number}.png", 100 + number, (64, 64))
    code, out, _ = cli("validate", tmp_path / "set", "--json")
    document = json.loads(out)
    assert code == 0
    measured = {row["facts"]: row for row in document["confounds"]}
    assert measured["format"]["balanced_accuracy"] == 1.0
    assert measured["format"]["warning"]
    assert any("tell the label in 100%" in text for text in findings(out)["warning confound"])
    assert cli("validate", tmp_path / "set", "--strict")[0] == 1


def test_nothing_to_validate_is_an_error(cli: Run, tmp_path: Path) -> None:
    code, _, err = cli("validate", tmp_path)
    assert code == 2
    assert "no image" in err


def test_names_of_files_cannot_steer_the_terminal(cli: Run, photos: Path) -> None:
    try:
        (photos / "real/press/00.png").rename(photos / "real/press/\x1b[2J\u202e.png")
    except OSError:
        pytest.skip("this system has no such names")
    shutil.copy(photos / "real/press/\x1b[2J\u202e.png", photos / "fake/alpha/copy.png")
    _, out, _ = cli("validate", photos)
    assert "\\x1b[2J\\u202e.png" in out
    assert "\x1b" not in out
