"""Decoding without processes, which take longer to start than these tests to run."""

from __future__ import annotations

from functools import partial

import pytest

from fakescan.intake.pool import DecodePool


@pytest.fixture(autouse=True)
def decode_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode in this process; the pool's own tests are about processes."""
    monkeypatch.setattr("fakescan.pipeline.sources.DecodePool", partial(DecodePool, in_process=True))
