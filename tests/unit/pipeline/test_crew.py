"""A scan by several workers, here in threads of this process: same rows, nothing lost whoever dies, nobody left."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from fakescan.core.options import ScanOptions
from fakescan.core.records import Assessed, Failure, ImageResult, Scan, Verdict
from fakescan.errors import FakescanError, ModelError
from fakescan.intake.found_files import AnyFound
from fakescan.observer import Observer
from fakescan.pipeline import results, run_scan
from fakescan.pipeline.crew import Worker, WorkerLostError
from fakescan.pipeline.part import Part, PartScan, Ready
from tests.support.weightless import WeightlessEngine
from tests.unit.pipeline.test_run import many, options, rows

ENGINE_CALIBRATION = WeightlessEngine().calibration


@dataclass
class Fakes:
    """Workers that do what real ones do, in this process, and die when they are told to."""

    options: ScanOptions
    count: int = 2
    dies: Callable[[str], bool] = lambda path: False
    """Whether a worker dies over a file of this path, before it has sent anything of its batch."""
    dies_at_start: bool = False
    engine: Callable[[int], WeightlessEngine] = lambda number: WeightlessEngine(batch_size=2)
    """For the n-th worker that is started."""
    started: int = 0
    alive: int = 0
    given: Counter[str] = field(default_factory=Counter)
    """How often each file was given to a worker."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def crew(self) -> Iterator[Sequence[Callable[[], Worker]]]:
        yield [lambda: FakeWorker(self)] * self.count
        assert self.alive == 0


class FakeWorker:
    def __init__(self, fakes: Fakes) -> None:
        self.fakes = fakes
        self.part: PartScan | None = None
        self.ended = False
        self.busy = threading.Lock()

    def start(self) -> Ready:
        with self.busy, self.fakes.lock:
            if self.fakes.dies_at_start or self.ended:
                raise WorkerLostError("no memory")
            engine = self.fakes.engine(self.fakes.started)
            self.part = PartScan(self.fakes.options, lambda: engine).__enter__()
            self.fakes.started += 1
            self.fakes.alive += 1
            return self.part.ready

    def scan(self, files: Sequence[AnyFound]) -> Iterator[Part]:
        assert self.part is not None
        self.fakes.given.update(file.path for file in files)
        with self.busy:
            for part in self.part.scan(files):
                if self.ended or any(self.fakes.dies(result.record.file.path) for result in part.results):
                    raise WorkerLostError("signal 9")
                yield part

    def end(self) -> None:
        self.ended = True
        with self.busy, self.fakes.lock:
            if self.part is not None:
                self.part.__exit__()
                self.part = None
                self.fakes.alive -= 1


class Listening(Observer):
    """Remembers warnings and how far it was."""

    def __init__(self, stop_at: int = 0) -> None:
        self.warnings: list[str] = []
        self.done: list[int] = []
        self.resumed_rows = 0
        self.stop_at = stop_at

    def warned(self, text: str) -> None:
        self.warnings.append(text)

    def resumed(self, labels: Any, done: int, total: int) -> None:
        self.resumed_rows += sum(labels.values())

    def result(self, result: ImageResult, done: int, total: int) -> None:
        self.done.append(done)
        if done == self.stop_at:
            raise KeyboardInterrupt


def never() -> WeightlessEngine:
    raise AssertionError("no model in this process")


def by_crew(fakes: Fakes, observer: Observer | None = None) -> Scan:
    return run_scan(fakes.options, never, observer or Observer(), crew=fakes.crew).scan


def alone(pictures: Path, tmp_path: Path) -> Scan:
    asked = options(pictures, run_dir=str(tmp_path / "alone"), cache=False)
    return run_scan(asked, lambda: WeightlessEngine(batch_size=2)).scan


def verdicts(scan: Scan) -> dict[str, Verdict]:
    found = {result.record.file.path: result.outcome for result in scan.results}
    return {path: outcome.verdict for path, outcome in found.items() if isinstance(outcome, Assessed)}


def fakes_over(pictures: Path, tmp_path: Path, **more: Any) -> Fakes:
    return Fakes(options(pictures, run_dir=str(tmp_path / "run"), cache=False), **more)


def test_a_crew_gives_the_same_rows(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 30)
    (pictures / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    (pictures / "copy.png").write_bytes((pictures / "05.png").read_bytes())
    heard = Listening()
    fakes = fakes_over(pictures, tmp_path)
    scan = by_crew(fakes, heard)
    assert rows(scan) == rows(alone(pictures, tmp_path))
    assert scan.model == WeightlessEngine().identity
    assert scan.calibration == ENGINE_CALIBRATION
    assert heard.done == list(range(1, 33))
    assert fakes.started == 2
    assert set(fakes.given.values()) == {1}
    assert not heard.warnings


def test_results_without_a_run_come_from_a_crew_too(tmp_path: Path) -> None:
    fakes = Fakes(options(many(tmp_path / "in", 5)))
    found = results(fakes.options, never, crew=fakes.crew)
    assert sorted(result.record.file.path for result in found) == [f"{number:02d}.png" for number in range(5)]


def test_a_worker_that_dies_loses_nothing(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 30)
    killed: list[str] = []

    def once(path: str) -> bool:
        if path not in {"03.png", "20.png"} or path in killed:
            return False
        killed.append(path)
        return True

    heard = Listening()
    fakes = fakes_over(pictures, tmp_path, dies=once)
    scan = by_crew(fakes, heard)
    assert sorted(killed) == ["03.png", "20.png"]
    assert rows(scan) == rows(alone(pictures, tmp_path))
    assert len(heard.warnings) == 2
    assert "signal 9" in heard.warnings[0]
    # What was sent before is not done again, and no row is told of twice.
    assert fakes.given["00.png"] == 1
    assert heard.done == list(range(1, 31))


def test_a_picture_that_kills_its_workers_is_one_error(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 12)
    fakes = fakes_over(pictures, tmp_path, dies=lambda path: path == "05.png")
    scan = by_crew(fakes)
    [failed] = [result for result in scan.results if isinstance(result.outcome, Failure)]
    assert failed.record.file.path == "05.png"
    assert isinstance(failed.outcome, Failure)
    assert (failed.outcome.step, failed.outcome.code) == ("infer", "worker-died")
    assert fakes.given["05.png"] == 3
    whole = alone(pictures, tmp_path)
    expected = verdicts(whole)
    del expected["05.png"]
    assert verdicts(scan) == expected
    assert len(expected) == 11
    # It is tried again, and has its row then.
    again = Fakes(replace(fakes.options, resume=True))
    assert rows(by_crew(again)) == rows(whole)


def test_workers_that_die_while_they_load_the_model_end_the_scan(tmp_path: Path) -> None:
    fakes = fakes_over(many(tmp_path / "in"), tmp_path, dies_at_start=True)
    with pytest.raises(ModelError, match="no worker is left: no memory"):
        by_crew(fakes)


def test_workers_that_die_over_everything_end_the_scan(tmp_path: Path) -> None:
    fakes = fakes_over(many(tmp_path / "in", 30), tmp_path, dies=lambda path: True)
    with pytest.raises(ModelError, match="one after the other"):
        by_crew(fakes)
    assert fakes.alive == 0


def test_workers_that_would_give_other_rows_are_refused(tmp_path: Path) -> None:
    def unlike(number: int) -> WeightlessEngine:
        engine = WeightlessEngine(batch_size=2)
        engine.identity = replace(engine.identity, dtype="bfloat16" if number else "float32")
        return engine

    # The first one is held up until the second has come.
    fakes = fakes_over(many(tmp_path / "in", 30), tmp_path, engine=unlike)
    fakes.dies = lambda path: fakes.started < 2 and path == "00.png"
    with pytest.raises(ModelError, match="would give other rows"):
        by_crew(fakes)
    assert fakes.alive == 0


def test_a_fault_that_spoils_every_image_is_told_as_it_is(tmp_path: Path) -> None:
    def broken(number: int) -> WeightlessEngine:
        def fail(batch: int) -> None:
            raise ModelError("the model failed on cuda:1", "try --device cpu")

        return WeightlessEngine(batch_size=2, before_batch=fail)

    fakes = fakes_over(many(tmp_path / "in"), tmp_path, engine=broken)
    with pytest.raises(FakescanError, match="cuda:1"):
        by_crew(fakes)
    assert fakes.alive == 0


def test_an_interrupted_crew_is_gone_on_with(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 30)
    for place in pictures.iterdir():
        os.utime(place, (1_000_000_000, 1_000_000_000))
    fakes = fakes_over(pictures, tmp_path)
    stopped = by_crew(fakes, Listening(stop_at=6))
    assert stopped.interrupted
    assert 6 <= len(stopped.results) < 30
    assert fakes.alive == 0
    heard = Listening()
    again = Fakes(replace(fakes.options, resume=True))
    scan = by_crew(again, heard)
    assert heard.resumed_rows == len(stopped.results)
    assert sum(again.given.values()) == 30 - len(stopped.results)
    assert rows(scan) == rows(alone(pictures, tmp_path))
    # One engine goes on where several stopped, and the other way round: the rows are the same.
    last = Listening()
    run_scan(replace(fakes.options, resume=True), lambda: WeightlessEngine(batch_size=2), last)
    assert last.resumed_rows == 30


def test_no_more_workers_than_files(tmp_path: Path) -> None:
    fakes = fakes_over(many(tmp_path / "in", 1), tmp_path, count=8)
    assert len(by_crew(fakes).results) == 1
    assert fakes.started == 1
