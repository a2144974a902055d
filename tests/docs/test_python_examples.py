"""The Python examples of the README and of docs/python.md run, on drawn pictures and an engine without weights."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fakescan
from fakescan.core.records import Label
from tests.support.pictures import folder
from tests.support.weightless import WeightlessEngine

PAGES = ("README.md", "docs/python.md")


def examples(page: Path) -> list[str]:
    return re.findall(r"^```python$(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def _some_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders that the examples name, in the working folder."""
    for name in ("photos", "inbox", "monday", "tuesday"):
        folder(tmp_path / name, one=Label.FAKE, two=Label.REAL)
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    (tmp_path / "inbox" / "one.png").rename(tmp_path / "inbox" / "one.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fakescan, "engine_of", lambda options: WeightlessEngine())


@pytest.mark.usefixtures("_some_pictures")
@pytest.mark.parametrize("page", PAGES)
def test_the_examples_run_in_order(page: str, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = examples(repository / page)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)  # noqa: S102
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "Likely AI-generated" in shown.out
    assert "broken.jpg could not be examined:" in shown.out
