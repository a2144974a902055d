"""The sample folder is small, credited file by file, and holds the odd files that the demo is there to show."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

MAX_BYTES = 3_000_000
BROKEN = "interrupted_download.jpg"
WITH_PARAMETERS = "with_generation_parameters.png"


@pytest.fixture(scope="module")
def pictures(repository: Path) -> list[Path]:
    return sorted(file for file in (repository / "samples").glob("*/*") if not file.name.startswith("."))


def test_every_picture_is_credited_and_every_credit_has_its_picture(repository: Path, pictures: list[Path]) -> None:
    credits = (repository / "samples" / "CREDITS.md").read_text(encoding="utf-8")
    credited = re.findall(r"^\| `([^`]+)` \|", credits, re.MULTILINE)
    # Some file systems give names back decomposed.
    assert sorted(credited) == sorted(unicodedata.normalize("NFC", file.name) for file in pictures)


def test_the_folder_is_small(pictures: list[Path]) -> None:
    assert 15 <= len(pictures) <= 25
    assert sum(file.stat().st_size for file in pictures) < MAX_BYTES


def test_every_name_can_be_checked_out_anywhere(pictures: list[Path]) -> None:
    for file in pictures:
        name = unicodedata.normalize("NFC", file.name)
        assert not set('<>:"/\\|?*') & set(name)
        assert not name.endswith((" ", "."))


def test_one_name_is_odd(pictures: list[Path]) -> None:
    assert [file.name for file in pictures if " " in file.name and not file.name.isascii()]


def test_only_the_broken_file_is_broken(pictures: list[Path]) -> None:
    broken = []
    for file in pictures:
        try:
            with Image.open(file) as image:
                image.load()
        except OSError:
            broken.append(file.name)
    assert broken == [BROKEN]


def test_one_picture_carries_generator_metadata(pictures: list[Path]) -> None:
    marked = []
    for file in pictures:
        with Image.open(file) as image:
            if "Steps: " in str(image.info.get("parameters", "")):
                marked.append(file.name)
    assert marked == [WITH_PARAMETERS]
