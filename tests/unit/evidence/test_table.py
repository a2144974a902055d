from __future__ import annotations

import importlib

import pytest

from fakescan.core.records import EvidenceStatus
from fakescan.evidence import READERS
from fakescan.protocols import EvidenceReader
from tests.unit.evidence.files import AVIF, JPEG, PNG, TIFF, WEBP, plain, source


@pytest.fixture(params=list(READERS))
def reader(request: pytest.FixtureRequest) -> EvidenceReader:
    module, _, name = READERS[request.param].partition(":")
    found: EvidenceReader = getattr(importlib.import_module(module), name)()
    assert found.name == request.param
    return found


@pytest.mark.parametrize("kind", [JPEG, PNG, WEBP, TIFF, AVIF, "image/gif", "text/plain", None])
@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"\xff" * 1000, plain("PNG"), plain("JPEG"), plain("TIFF")])
def test_every_reader_answers_whatever_it_gets(reader: EvidenceReader, data: bytes, kind: str | None) -> None:
    evidence = reader.read(source(data, kind), data)
    assert evidence
    for item in evidence:
        assert item.reader == reader.name
        if item.status is not EvidenceStatus.FIRED:
            assert item.note
