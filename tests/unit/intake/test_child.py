from __future__ import annotations

from io import BytesIO

import pytest

from fakescan.core.records import Failure
from fakescan.intake import child, wire
from fakescan.intake.child import Account
from fakescan.intake.examine import FileRead, ReaderDone, Step

SMALL, LARGE = FileRead(5, "ab" * 32, None, 0.25), FileRead(5_000_000, "ab" * 32, None, 0.25)
LATER: list[Step] = [ReaderDone("x", (), 0.5), Failure("decode", "truncated", "the file ends too early", "copy it")]


def messages(first: FileRead, *, at_once: bool = False) -> list[tuple[list[Step], bool]]:
    pipe = BytesIO()
    account = Account(pipe, at_once=at_once)
    for step in (first, *LATER):
        account.add(step)
    account.end()
    pipe.seek(0)
    received = [wire.receive_steps(pipe, 1)]
    while not received[-1][1]:
        received.append(wire.receive_steps(pipe, 1))
    assert pipe.read() == b""
    return received


def test_what_is_quickly_done_travels_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_PATIENCE_S", 60.0)
    assert messages(SMALL) == [([SMALL, *LATER], True)]


def test_each_step_is_told_where_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_PATIENCE_S", 60.0)
    for received in (messages(SMALL, at_once=True), messages(LARGE)):
        assert [steps for steps, _ in received] == [[received[0][0][0]], LATER[:1], LATER[1:], []]
    monkeypatch.setattr(child, "_PATIENCE_S", -1.0)
    assert len(messages(SMALL)) == 4
