"""Which workers options ask for, and what each takes of a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from fakescan.core.options import ScanOptions, Setting, options_from
from fakescan.crews import crew_of
from fakescan.crews.cluster import room_for
from fakescan.crews.local import LocalWorker, local_crew
from fakescan.errors import ConfigError
from fakescan.pipeline.crew import WorkerLostError

CPU_NODES = [{"CPU": 8.0, "memory": 1.0}, {"CPU": 4.0}, {"memory": 1.0}]
GPU_NODES = [{"CPU": 16.0, "GPU": 2.0}, {"CPU": 16.0, "GPU": 1.0}, {"CPU": 4.0}]


def options(**values: Any) -> ScanOptions:
    return options_from({name: Setting(value, "test") for name, value in values.items()})


@pytest.mark.parametrize(
    ("nodes", "asked", "count", "room"),
    [
        (CPU_NODES, {}, 2, {"num_gpus": 0.0, "num_cpus": 4.0}),  # one a machine that has any
        (CPU_NODES, {"ray_workers": 1}, 1, {"num_gpus": 0.0, "num_cpus": 8.0}),
        (CPU_NODES, {"ray_workers": 3}, 3, {"num_gpus": 0.0, "num_cpus": 4.0}),
        (CPU_NODES, {"ray_workers": 12}, 12, {"num_gpus": 0.0, "num_cpus": 1.0}),
        (GPU_NODES, {}, 3, {"num_gpus": 1.0, "num_cpus": 1.0}),
        (GPU_NODES, {"ray_workers": 2, "device": "cuda"}, 2, {"num_gpus": 1.0, "num_cpus": 1.0}),
        (GPU_NODES, {"device": "cpu"}, 3, {"num_gpus": 0.0, "num_cpus": 8.0}),
    ],
)
def test_workers_of_a_cluster(
    nodes: list[dict[str, float]], asked: dict[str, Any], count: int, room: dict[str, float]
) -> None:
    assert room_for(nodes, options(engine="ray", **asked)) == (count, room)


@pytest.mark.parametrize(
    ("nodes", "asked", "said"),
    [
        (CPU_NODES, {"ray_workers": 13}, "has 12 processors"),
        (GPU_NODES, {"ray_workers": 4}, "has 3 GPUs"),
        (CPU_NODES, {"device": "cuda"}, "no machine of the Ray cluster has a GPU"),
        ([], {}, "has 0 processors"),
    ],
)
def test_what_a_cluster_cannot_give(nodes: list[dict[str, float]], asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        room_for(nodes, options(engine="ray", **asked))


@pytest.mark.parametrize("asked", [{}, {"device": "cuda:1"}, {"engine": "slot"}])
def test_one_process_needs_no_crew(asked: dict[str, Any]) -> None:
    assert crew_of(options(**asked)) is None


def test_a_process_for_each_device() -> None:
    crew = crew_of(options(device="cuda:0,cuda:0,cpu", paths=["a", "b"]))
    assert crew is not None
    with crew() as makers, local_crew(options(device="cpu,cpu", workers=3)) as others:
        made = [make() for make in (*makers, *others)]
    told = []
    for worker in made:
        assert isinstance(worker, LocalWorker)
        told.append((worker.options.device, worker.options.has_several_devices, worker.options.paths))
        worker.end()  # before it has begun: nothing is ever started
        with pytest.raises(WorkerLostError):
            worker.start()
    assert told == [(device, False, ()) for device in ("cuda:0", "cuda:0", "cpu", "cpu", "cpu")]
    assert isinstance(made[-1], LocalWorker)
    assert made[-1].options.workers == 3
