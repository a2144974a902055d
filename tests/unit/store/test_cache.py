"""Answers across runs: kept for the same bytes under the same key only, bounded, and never worth a scan."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from fakescan.core.calibration import rounded
from fakescan.core.records import LogitPair
from fakescan.store.cache import AnswerCache, clear, info
from tests.support.builders import prediction

A, B = "a" * 64, "b" * 64


def test_an_answer_comes_back_as_it_was(tmp_path: Path) -> None:
    said, brief = rounded(prediction(1 / 3)), rounded(prediction(-2 / 3, text=False))
    with AnswerCache(tmp_path / "new" / "c") as cache:
        cache.add([(A, said), (B, brief)], "key")
    with AnswerCache(tmp_path / "new" / "c") as cache:
        assert cache.get(A, "key") == replace(said, elapsed_s=0.0)
        assert cache.get(B, "key") == replace(brief, elapsed_s=0.0)
        assert cache.get(A, "other key") is None
        assert cache.get("c" * 64, "key") is None
        assert cache.fault is None


def test_a_file_without_a_digest_has_no_answer(tmp_path: Path) -> None:
    with AnswerCache(tmp_path / "c") as cache:
        cache.add([("", prediction())], "key")
        assert cache.get("", "key") is None
    assert info(tmp_path / "c").answers == 0


def test_the_oldest_go(tmp_path: Path) -> None:
    with AnswerCache(tmp_path / "c", max_answers=10) as cache:
        cache.add([(f"{number:064d}", prediction()) for number in range(12)], "key")
    with AnswerCache(tmp_path / "c", max_answers=10) as cache:
        there = [number for number in range(12) if cache.get(f"{number:064d}", "key")]
    assert there == list(range(3, 12))


def test_two_scans_share_it(tmp_path: Path) -> None:
    with AnswerCache(tmp_path / "c") as one, AnswerCache(tmp_path / "c") as two:
        one.add([(A, prediction(1.0))], "key")
        two.add([(B, prediction(2.0))], "key")
        assert one.get(B, "key") is not None
        assert two.get(A, "key") is not None


@pytest.mark.parametrize("content", [b"no database, but long enough to have a header" * 20, b"\0" * 4096])
def test_a_damaged_cache_holds_nothing_and_raises_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c").write_bytes(content)
    with AnswerCache(tmp_path / "c") as cache:
        cache.add([(A, prediction())], "key")
        assert cache.get(A, "key") is None
        assert cache.fault


def test_a_cache_of_another_version_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "c")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with AnswerCache(tmp_path / "c") as cache:
        assert "version" in (cache.fault or "")


@pytest.mark.parametrize("body", ["{", "{}", "[]", '{"logits": {"before": {"real": 1, "fake": "x"}}}'])
def test_a_damaged_answer_is_none(tmp_path: Path, body: str) -> None:
    with AnswerCache(tmp_path / "c") as cache:
        cache.add([(A, prediction())], "key")
        assert cache._connection is not None
        cache._connection.execute("UPDATE answers SET body = ?", (body,))
        assert cache.get(A, "key") is None


def test_a_place_that_cannot_be_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with AnswerCache(tmp_path / "file" / "c") as cache:
        cache.add([(A, prediction())], "key")
        assert cache.get(A, "key") is None
        assert cache.fault


def test_what_is_no_number_is_no_answer(tmp_path: Path) -> None:
    with AnswerCache(tmp_path / "c") as cache:
        with pytest.raises(ValueError, match="JSON"):
            cache.add([(A, replace(prediction(), before=LogitPair(float("nan"), 0.0, 1)))], "key")
        assert cache.get(A, "key") is None


def test_clearing_removes_it(tmp_path: Path) -> None:
    with AnswerCache(tmp_path / "c") as cache:
        cache.add([(A, prediction())], "key")
    held = info(tmp_path / "c")
    assert held.answers == 1
    assert held.size_bytes > 0
    assert clear(tmp_path / "c") == held
    assert list(tmp_path.iterdir()) == []
    assert info(tmp_path / "c").answers == 0
