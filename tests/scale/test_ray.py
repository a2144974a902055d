"""A scan by workers on a Ray cluster: the same rows as on one machine, whatever happens to the workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import fakescan
from tests.support.crews import ACTOR, assert_same, descendants, pictures, rows_of, wait_until

pytest.importorskip("ray", reason="the extra `ray` is not installed")

pytestmark = pytest.mark.slow

FILES = 16
LOCAL = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray takes the address of a network card in the place of 127.0.0.1 otherwise, where nothing of the cluster listens."""


@dataclass(frozen=True)
class Cluster:
    repository: Path
    process: int
    address: str

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.repository, env={**os.environ, **LOCAL, "RAY_ADDRESS": self.address},
            timeout=240, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def scan(self, place: Path, run: Path, *, kill_at: int = 0, stop_at: int = 0, **settings: Any) -> dict[str, Any]:
        told = {"run_dir": str(run), **settings}
        asked = {"paths": str(place), "settings": told, "kill_at": kill_at, "stop_at": stop_at, "cluster": self.process}
        done = self.run("tests.support.ray_scan", json.dumps(asked))
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return said


@pytest.fixture(scope="module")
def cluster(repository: Path) -> Iterator[Cluster]:
    """Two machines, both this one."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.ray_cluster"], cwd=repository,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdin is not None
        address = next(line.strip() for line in process.stdout if line.startswith("127.0.0.1:"))
        yield Cluster(repository, process.pid, address)
        process.stdin.close()


def test_a_cluster_gives_the_rows_of_one_machine_whoever_is_killed(
    cluster: Cluster, tiny_model: Path, tmp_path: Path
) -> None:
    place = pictures(tmp_path / "in", FILES)
    asked: dict[str, Any] = {"model": str(tiny_model), "batch_size": 2, "cache": False, "workers": 1}
    fakescan.run_scan(place, device="cpu", run_dir=tmp_path / "one", **asked)
    one = rows_of(tmp_path / "one")

    said = cluster.scan(place, tmp_path / "killed", kill_at=3, **asked)
    assert said["killed"]
    assert any("died" in text for text in said["warnings"])
    # The engine of its own that each worker has: a run can be gone on with on one machine.
    assert said["engine"] == "slot"
    assert_same(rows_of(tmp_path / "killed"), one)

    said = cluster.scan(place, tmp_path / "stopped", stop_at=4, **asked)
    assert said["interrupted"]
    wait_until(lambda: not descendants(ACTOR, cluster.process))
    fakescan.run_scan(place, device="cpu", run_dir=tmp_path / "stopped", resume=True, **asked)
    assert_same(rows_of(tmp_path / "stopped"), one)


def test_more_workers_than_the_cluster_holds_are_one_clear_error(cluster: Cluster, tmp_path: Path) -> None:
    place = pictures(tmp_path / "in", 2)
    asked = ["fakescan", "scan", str(place), "--engine", "ray", "--run-dir", str(tmp_path / "run")]
    done = cluster.run(*asked, "--ray-workers", "3")
    assert done.returncode == 2
    assert "the cluster has 2 processors" in done.stderr
