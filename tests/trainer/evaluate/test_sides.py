"""Which side a general model's words take, and what counts as a refusal."""

from __future__ import annotations

import pytest

from fakescan.core.records import Label
from fakescan_trainer.evaluate.sides import refuses, side_of


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("This image is fake.", Label.FAKE),
        ("A dog. Sharp fur. In conclusion, this image is real.", Label.REAL),
        ("The image appears to be fake because of its hands.", Label.FAKE),
        ("At first the image is real, but on a closer look this image is fake.", Label.FAKE),
        ("This picture is not real.", Label.FAKE),
        ("The photo is likely real.", Label.REAL),
        ("real", Label.REAL),
        ("Answer: **Fake**.", Label.FAKE),
        ("I can say that this image is real.", Label.REAL),
        ("Whether this image is real is hard to say.", None),
        ("I cannot determine whether this image is real or fake.", None),
        ("This image is real or fake.", None),
        ("A realistic picture of a fake tree.", None),
        ("", None),
    ],
)
def test_side(text: str, side: Label | None) -> None:
    assert side_of(text) is side


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I'm sorry, I can't help with that.", True), ("As an AI language model I see no images.", True), ("", True),
        ("It is not possible to determine that.", True), ("A dog on grass.", False),
    ],
)  # fmt: skip
def test_refusal(text: str, refused: bool) -> None:
    assert refuses(text) is refused
