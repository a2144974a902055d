"""Work ahead: in order, never too far, and over at once when nobody wants more."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from fakescan.pipeline.lookahead import LookAhead


def same(number: int) -> int:
    return number


def test_results_come_in_order_whoever_is_ready_first() -> None:
    def work(number: int) -> int:
        time.sleep(0.01 if number % 2 else 0)
        return number * number

    look = LookAhead(work, workers=4, ahead=8)
    assert list(look.results(range(40))) == [number * number for number in range(40)]


def test_no_more_is_held_than_allowed() -> None:
    started: list[int] = []
    lock = threading.Lock()

    def work(number: int) -> int:
        with lock:
            started.append(number)
        return number

    with closing(LookAhead(work, workers=2, ahead=3).results(range(100))) as results:
        for taken in range(10):
            assert next(results) == taken
            assert len(started) <= taken + 1 + 3


def test_the_limit_may_grow_while_it_runs() -> None:
    look = LookAhead(same, workers=1, ahead=1)
    with closing(look.results(range(50))) as results:
        next(results)
        look.ahead = 10
        assert list(results) == list(range(1, 50))


def test_items_are_taken_one_by_one() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    with closing(LookAhead(same, workers=1, ahead=2).results(items())) as results:
        next(iter(results))
    assert len(taken) < 10


def test_heavy_results_are_waited_for() -> None:
    started: list[int] = []

    def work(number: int) -> int:
        started.append(number)
        return number

    look = LookAhead(work, workers=2, ahead=50, weigh=lambda result: 10, max_weight=25)
    with closing(look.results(range(60))) as results:
        for taken in range(10):
            assert next(results) == taken
            time.sleep(0.01)
            # Three weigh too much to begin another; two more may have been under way.
            assert len(started) <= taken + 1 + 3 + 2
        assert list(results) == list(range(10, 60))


def test_the_next_result_is_worked_on_however_heavy_the_others_are() -> None:
    def work(number: int) -> int:
        time.sleep(0.02 if number == 0 else 0)
        return number

    look = LookAhead(work, workers=3, ahead=50, weigh=lambda result: 1000, max_weight=1)
    assert list(look.results(range(20))) == list(range(20))


def test_a_fault_of_the_work_is_raised_in_its_turn() -> None:
    def work(number: int) -> float:
        return 1 / (3 - number)

    results = LookAhead(work, workers=2, ahead=8).results(range(10))
    assert [next(results) for _ in range(3)] == [1 / 3, 1 / 2, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_a_timeout_of_the_work_itself_is_raised_too() -> None:
    def work(number: int) -> int:
        raise TimeoutError("slow file")

    with pytest.raises(TimeoutError, match="slow file"):
        list(LookAhead(work, workers=1, ahead=1).results([1]))


def test_who_stops_does_not_wait_for_the_rest() -> None:
    gate, done = threading.Event(), threading.Event()

    def work(number: int) -> int:
        if number:
            gate.wait(60)
            done.set()
        return number

    results = LookAhead(work, workers=1, ahead=4).results(range(5))
    assert next(results) == 0
    results.close()
    assert not done.is_set()
    gate.set()
