"""Every reader against the reference set: what its manifest expects, and what exiftool and the C2PA library said."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.evidence_corpus import main


@pytest.mark.parametrize("trust", ["none", "trust"])
def test_the_reference_set(shared: Path, capsys: pytest.CaptureFixture[str], trust: str) -> None:
    corpus = shared / "corpus"
    arguments = [str(corpus)] if trust == "none" else [str(corpus), "--trust", str(corpus / trust)]
    disagreements = main(arguments)
    lines = capsys.readouterr().out.splitlines()
    assert not disagreements, "\n".join(lines)
