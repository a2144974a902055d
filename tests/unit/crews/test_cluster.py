"""How what Ray says is understood; tests/scale/test_ray.py has a real cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fakescan.core.options import ScanOptions, Setting, options_from
from fakescan.crews import crew_of
from fakescan.crews.cluster import ClusterPart, RayWorker
from fakescan.errors import ConfigError, FakescanError, InputError, ModelError
from fakescan.intake.discover import Found
from fakescan.intake.pool import DecodePool
from fakescan.pipeline.crew import WorkerLostError
from tests.support.pictures import png
from tests.support.weightless import WeightlessEngine


class RayError(Exception):
    pass


class RayTaskError(RayError):
    pass


class ActorDiedError(RayError):
    pass


class Method:
    """What ``actor.method`` is: asked at once, or when its answer is fetched if it is a generator."""

    def __init__(self, ray: FakeRay, call: Callable[..., Any]) -> None:
        self.ray, self.call = ray, call

    def options(self, **asked: Any) -> Method:
        assert asked == {"num_returns": "streaming"}
        return self

    def remote(self, *arguments: Any) -> Any:
        self.ray.check()
        return self.call(*arguments)


class FakeRay:
    """As much of Ray as a worker uses, in this process."""

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.killed: list[Any] = []
        self.fault: Exception | None = None

    def check(self) -> None:
        if self.fault is not None:
            raise self.fault

    def remote(self, **asked: Any) -> Any:
        self.asked = asked

        def actor_of(kind: type) -> Any:
            def made(*arguments: Any) -> Any:
                actor = kind(*arguments)
                return SimpleNamespace(start=Method(self, actor.start), scan=Method(self, actor.scan))

            return SimpleNamespace(remote=made)

        return actor_of

    def get(self, what: Any) -> Any:
        self.check()
        return what

    def kill(self, actor: Any) -> None:
        self.killed.append(actor)
        self.fault = ActorDiedError("killed")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode in this process, with the weightless engine."""
    monkeypatch.setattr("fakescan.pipeline.sources.DecodePool", partial(DecodePool, in_process=True))
    monkeypatch.setattr("fakescan.engine_of", lambda options: WeightlessEngine())


@pytest.fixture
def asked() -> ScanOptions:
    return options_from({"cache": Setting(value=False, origin="test")})


def files(place: Path, count: int) -> Iterator[Found]:
    for number in range(count):
        (place / f"{number}.png").write_bytes(png(number))
        yield Found(f"{number}.png", place / f"{number}.png")


def test_an_actor_scans_a_block(asked: ScanOptions, tmp_path: Path) -> None:
    ray = FakeRay()
    worker = RayWorker(ray, asked, {"num_cpus": 2.0, "num_gpus": 0.0}, str(tmp_path))
    assert worker.start().batch_size == 3
    assert ray.asked == {
        "num_cpus": 2.0, "num_gpus": 0.0, "max_restarts": 0, "max_task_retries": 0, "scheduling_strategy": "SPREAD"
    }  # fmt: skip
    parts = list(worker.scan(list(files(tmp_path, 4))))
    assert [result.record.file.path for part in parts for result in part.results] == [f"{n}.png" for n in range(4)]
    worker.end()
    assert len(ray.killed) == 1
    with pytest.raises(WorkerLostError):
        list(worker.scan([]))
    with pytest.raises(WorkerLostError):
        worker.start()


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (ActorDiedError("a long story\nof many lines"), WorkerLostError, "^ActorDiedError$"),
        (
            RayTaskError("Traceback\n  File x\nTypeError: no"),
            FakescanError,
            "internal error in a worker: TypeError: no",
        ),
    ],
)
def test_what_goes_wrong(asked: ScanOptions, tmp_path: Path, fault: Exception, kind: type, said: str) -> None:
    ray = FakeRay()
    worker = RayWorker(ray, asked, {}, None)
    worker.start()
    rows = worker.scan(list(files(tmp_path, 6)))
    next(rows)
    ray.fault = fault
    with pytest.raises(kind, match=said):
        list(rows)
    with pytest.raises(kind, match=said):
        RayWorker(ray, asked, {}, None).start()


def test_faults_of_the_scan_come_through(asked: ScanOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="does not see /no/such/place"):
        RayWorker(FakeRay(), asked, {}, "/no/such/place").start()

    def fail(number: int) -> None:
        raise ModelError("the model failed on cuda:0", "try --device cpu")

    monkeypatch.setattr("fakescan.engine_of", lambda options: WeightlessEngine(before_batch=fail))
    worker = RayWorker(FakeRay(), asked, {}, None)
    worker.start()
    with pytest.raises(ModelError, match="cuda:0"):
        list(worker.scan(list(files(tmp_path, 3))))

    def none(options: ScanOptions) -> WeightlessEngine:
        raise ModelError("there is no such model", "")

    monkeypatch.setattr("fakescan.engine_of", none)
    with pytest.raises(ModelError, match="no such model"):
        RayWorker(FakeRay(), asked, {}, None).start()
    part = ClusterPart(asked, None)
    assert isinstance(part.start(), ModelError)


def test_without_ray_the_package_is_named(asked: ScanOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    crew = crew_of(replace(asked, engine="ray"))
    assert crew is not None
    with pytest.raises(ConfigError, match="needs the package ray"), crew():
        pass
