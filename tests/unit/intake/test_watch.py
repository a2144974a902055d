from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fakescan.intake import watch as module
from fakescan.intake.limits import Limits
from fakescan.intake.meter import Clocks, Meter
from fakescan.intake.watch import Budget, Ended, Watch
from fakescan.intake.worker import budget_of


class Process:
    """Stands in for a process and its meter: its clocks are set by the test, and it only notes its end."""

    pid = -1

    def __init__(self) -> None:
        self.clocks = Clocks(0.0, 0.0)
        self.killed = False
        self.looks = 0

    def now(self) -> Clocks:
        self.looks += 1
        return self.clocks

    def close(self) -> None:
        pass

    def kill(self) -> None:
        self.killed = True

    def reaches(self, **clocks: float) -> None:
        self.clocks = Clocks(**clocks)
        time.sleep(0.1)  # many looks


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    found = Process()
    monkeypatch.setattr(module, "Meter", lambda number: found)
    monkeypatch.setattr(module, "_TIME_POLL_S", 0.005)
    return found


@pytest.fixture
def watch(process: Process) -> Iterator[Watch]:
    made: Any = process
    watch = Watch(made, None)
    watch.allow(budget_of(Limits()))
    yield watch
    watch.close()


def ended(watch: Watch) -> Ended | None:
    end = time.monotonic() + 20
    while watch.ended is None and time.monotonic() < end:
        time.sleep(0.005)
    return watch.ended


def test_the_default_is_twelve_seconds_of_work_or_twenty_on_the_wall() -> None:
    assert budget_of(Limits()) == Budget(12.0, 20.0)
    assert budget_of(Limits(timeout_s=3.0)) == Budget(3.0, 5.0)


def test_processor_time_ends_a_worker(watch: Watch, process: Process) -> None:
    process.reaches(cpu_s=11.9, wall_s=11.9)
    assert watch.ended is None
    process.reaches(cpu_s=12.1, wall_s=12.1)
    assert (ended(watch), process.killed) == (Ended.TIME, True)


def test_a_worker_that_sleeps_is_ended_by_the_wall(watch: Watch, process: Process) -> None:
    process.reaches(cpu_s=0.1, wall_s=19.9)
    assert watch.ended is None
    process.reaches(cpu_s=0.1, wall_s=20.1)
    assert (ended(watch), process.killed) == (Ended.TIME, True)


def test_a_worker_that_gets_no_processor_is_left_alone(watch: Watch, process: Process) -> None:
    process.reaches(cpu_s=2.0, wall_s=300.0, waited_s=297.0)
    assert (watch.ended, process.killed) == (None, False)
    # Starved or not, a loop without an end meets its limit.
    process.reaches(cpu_s=12.1, wall_s=1500.0, waited_s=1487.0)
    assert ended(watch) is Ended.TIME


def test_what_was_used_before_does_not_count(watch: Watch, process: Process) -> None:
    process.reaches(cpu_s=10.0, wall_s=10.0)
    watch.allow(Budget(5.0, 50.0))
    began = watch.clocks()
    process.reaches(cpu_s=14.0, wall_s=20.0, waited_s=1.0)
    assert watch.ended is None
    assert watch.used_since(began) == Budget(4.0, 9.0)
    process.reaches(cpu_s=15.5, wall_s=22.0)
    assert ended(watch) is Ended.TIME


def test_a_process_that_is_gone_has_used_what_was_seen_last(watch: Watch, process: Process) -> None:
    began = watch.clocks()
    process.reaches(cpu_s=3.0, wall_s=6.0, waited_s=2.0)
    process.reaches(cpu_s=0.0, wall_s=7.0)
    assert watch.used_since(began) == Budget(3.0, 5.0)


def test_a_process_that_rests_is_not_looked_at(watch: Watch, process: Process) -> None:
    watch.rest()
    time.sleep(0.05)
    looks = process.looks
    process.reaches(cpu_s=99.0, wall_s=99.0)
    assert (process.looks, watch.ended) == (looks, None)
    watch.allow(Budget(1.0, 1.0))
    process.reaches(cpu_s=101.0, wall_s=101.0)
    assert ended(watch) is Ended.TIME


def test_a_small_budget_wakes_who_sleeps_for_long(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TIME_POLL_S", 60.0)
    made: Any = process
    watch = Watch(made, None)
    watch.allow(Budget(90.0, 90.0))
    time.sleep(0.05)  # it goes to sleep for a minute
    watch.allow(Budget(0.05, 0.05))
    process.reaches(cpu_s=1.0, wall_s=1.0)
    assert ended(watch) is Ended.TIME
    watch.close()


def test_the_clocks_of_a_real_process_go_on() -> None:
    def spin(done: Callable[[], bool]) -> None:
        while not done():
            pass

    meter = Meter(os.getpid())
    before = meter.now()
    spin(lambda: meter.now().cpu_s - before.cpu_s > 0.2)
    after = meter.now()
    assert after.wall_s > before.wall_s
    assert after.waited_s >= before.waited_s
    assert sys.platform == "linux" or after.waited_s == 0.0
    assert meter.memory_bytes() > 1_000_000
    meter.close()
    assert (meter.now().cpu_s, meter.memory_bytes()) == (0.0, 0)


def test_both_ways_to_read_the_clocks_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = Meter(os.getpid())
    monkeypatch.setattr(sys, "platform", "darwin")
    other = Meter(os.getpid())
    one, two = quick.now().cpu_s, other.now().cpu_s
    assert 0 < one <= two + 0.02 < one + 2
    quick.close()


def test_the_clocks_never_tell_of_another_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        meter = Meter(process.pid)
        assert meter.memory_bytes() > 0
    assert (meter.now().cpu_s, meter.memory_bytes()) == (0.0, 0)
    meter.close()


def test_a_process_that_is_not_there_has_used_nothing() -> None:
    assert Meter(2**22 + 1).now().cpu_s == 0.0
