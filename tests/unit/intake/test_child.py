from __future__ import annotations

from io import BytesIO

import pytest

from fakescan.core.records import Failure
from fakescan.intake import child, wire
from fakescan.intake.child import Account
from fakescan.intake.examine import FileRead, ReaderDone, Step

READ = FileRead(5, "ab" * 32, None, 0.25)
DONE = ReaderDone("x", (), 0.5)
FAILED = Failure("decode", "truncated", "the file ends too early", "copy it")
Message = tuple[list[Step], bool]


@pytest.fixture
def pipe() -> BytesIO:
    return BytesIO()


@pytest.fixture
def account(pipe: BytesIO, monkeypatch: pytest.MonkeyPatch) -> Account:
    """With all the patience in the world, and a clock that is the test."""
    monkeypatch.setattr(child, "_PATIENCE_S", 60.0)
    account = Account(pipe)
    account.has_clock = True
    return account


def told(pipe: BytesIO) -> list[Message]:
    """What was told since, message by message."""
    sent = BytesIO(pipe.getvalue())
    pipe.seek(0)
    pipe.truncate()
    found = []
    while sent.tell() < len(sent.getvalue()):
        found.append(wire.receive_steps(sent, 1))
    return found


def test_what_is_quickly_done_travels_together(account: Account, pipe: BytesIO) -> None:
    for _ in range(2):
        account.begin(at_once=False)
        for step in (READ, DONE, FAILED):
            account.add(step)
            account.tick()
        assert told(pipe) == []
        account.end()
        assert told(pipe) == [([READ, DONE, FAILED], True)]


def test_each_step_is_told_at_once_where_that_is_asked(account: Account, pipe: BytesIO) -> None:
    account.begin(at_once=True)
    for step in (READ, DONE):
        account.add(step)
        account.tick()
        assert told(pipe) == [([step], False)]
    account.end()
    assert told(pipe) == [([], True)]


def test_nothing_is_kept_back_without_a_clock(account: Account, pipe: BytesIO) -> None:
    account.has_clock = False
    account.begin(at_once=False)
    account.add(READ)
    assert told(pipe) == [([READ], False)]


def test_a_file_that_takes_long_is_told_of_while_it_does(
    account: Account, pipe: BytesIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.begin(at_once=False)
    account.add(READ)
    account.add(DONE)
    assert told(pipe) == []
    monkeypatch.setattr(child, "monotonic", lambda: 1e12)
    account.tick()
    assert told(pipe) == [([READ, DONE], False)]
    account.tick()
    account.tick()
    assert told(pipe) == []
    account.add(FAILED)
    assert told(pipe) == [([FAILED], False)]
    account.end()
    assert told(pipe) == [([], True)]
    account.tick()
    assert told(pipe) == []


def test_even_that_nothing_is_known_yet_is_told(
    account: Account, pipe: BytesIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.begin(at_once=False)
    monkeypatch.setattr(child, "monotonic", lambda: 1e12)
    account.tick()
    account.add(READ)
    assert told(pipe) == [([], False), ([READ], False)]
