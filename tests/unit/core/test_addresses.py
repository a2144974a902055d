"""Addresses are told from paths, and written without what opens doors."""

from __future__ import annotations

import pytest

from fakescan.core.addresses import is_address, without_secrets
from fakescan.core.options import ScanOptions


@pytest.mark.parametrize("text", ["s3://bucket/a.png", "gs://b", "hf://datasets/x/y", "https://host/a.jpg", "HTTP://x"])
def test_addresses(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize("text", ["C:/pictures", "C://pictures", "photos", "./s3:/b", "/a/s3://b", "-", "", "a b://c"])
def test_paths(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://bucket/folder/a?b#c.png", "s3://bucket/folder/a?b#c.png"),
        ("s3://AKIA:secret@bucket/a.png", "s3://bucket/a.png"),
        ("https://me:pw@host:8080/a.jpg", "https://host:8080/a.jpg"),
        ("https://host/a.jpg?X-Amz-Signature=abc&x=1#top", "https://host/a.jpg?[removed]"),
        ("https://host/a.jpg#token=abc", "https://host/a.jpg?[removed]"),
        ("https://me:p@w@host/a@b.jpg", "https://host/a@b.jpg"),
        ("photos/a?b.jpg", "photos/a?b.jpg"),
        ("--base-url=http://u:p@h/v1", "--base-url=http://h/v1"),
        ("https://h/a.jpg?a='x", "https://h/a.jpg?[removed]"),
    ],
)
def test_secrets_are_taken_out(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_recorded_options_hold_no_secret() -> None:
    options = ScanOptions(paths=("https://u:hunter2@h/a.jpg?key=hunter2", "a?b.jpg"))
    assert "hunter2" not in str(options.as_dict())
    assert options.as_dict()["paths"] == ["https://h/a.jpg?[removed]", "a?b.jpg"]
