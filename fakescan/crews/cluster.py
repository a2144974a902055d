"""Workers on a Ray cluster: an actor for each GPU, or for each machine where there are none.

Actors and not Ray Data: that would bring pyarrow and pandas, does not say which file a worker died over, and sends rows
only when a block is through. Restarting a dead worker is the business of ``pipeline.crew``, as on one machine.
"""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import fakescan
from fakescan.core.addresses import is_address
from fakescan.core.options import ScanOptions
from fakescan.errors import ConfigError, FakescanError, InputError
from fakescan.intake.found_files import AnyFound
from fakescan.pipeline.crew import Worker, WorkerLostError
from fakescan.pipeline.part import Part, PartScan, Ready


@contextmanager
def ray_crew(options: ScanOptions) -> Iterator[Sequence[Callable[[], Worker]]]:
    """A maker of workers for each place on the cluster that Ray finds (``RAY_ADDRESS``, else one on this machine).

    Args:
        options: with the engine ``ray``.

    Raises:
        ConfigError: Ray is not installed, cannot be reached, or has no room for so many workers.
    """
    ray = _ray()
    ours = not ray.is_initialized()
    if ours:
        _connect(ray)
    try:
        count, room = room_for([node["Resources"] for node in ray.nodes() if node["Alive"]], options)
        device = "cuda" if room.get("num_gpus") else "cpu"
        told = replace(_as_seen_from_anywhere(options), engine="auto", device=device, ray_workers=None, paths=())
        yield [partial(RayWorker, ray, told, room, _landmark(options))] * count
    finally:
        if ours:
            ray.shutdown()


class RayWorker:
    """One actor."""

    def __init__(self, ray: Any, options: ScanOptions, room: dict[str, float], landmark: str | None) -> None:
        """Start nothing yet.

        Args:
            ray: the module, connected.
            options: for the worker.
            room: what it takes of the cluster, as ``ray.remote`` takes it.
            landmark: a path that the worker must see too.
        """
        self._ray = ray
        self._asked = (options, landmark)
        self._room = room
        self._lock = threading.Lock()
        self._ended = False
        self._actor: Any = None

    def start(self) -> Ready:
        """Start the actor, and wait until there is room for it and its model is loaded."""
        with self._lock:
            if self._ended:
                raise WorkerLostError("ended")
            try:
                # Neither restarts nor repeated tasks: a picture that kills its worker would do so again and again.
                made = self._ray.remote(**self._room, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD")
                self._actor = made(ClusterPart).remote(*self._asked)
                first = self._actor.start.remote()
            except self._ray.exceptions.RayError as fault:
                raise self._lost(fault) from None
        ready: Ready = self._got(first)
        return ready

    def scan(self, files: Sequence[AnyFound]) -> Iterator[Part]:
        """Wait for the rows of a block."""
        rows = None
        while True:
            try:
                if rows is None:
                    rows = iter(self._actor.scan.options(num_returns="streaming").remote(tuple(files)))
                row = next(rows)
            except StopIteration:
                return
            except self._ray.exceptions.RayError as fault:
                raise self._lost(fault) from None
            yield self._got(row)

    def end(self) -> None:
        """Kill the actor; what it has started ends with its pipes."""
        with self._lock:
            self._ended = True
            actor = self._actor
        if actor is not None:
            # Killing a dead one, or one of a cluster that is gone, is no fault.
            with contextlib.suppress(self._ray.exceptions.RayError, ValueError, RuntimeError):
                self._ray.kill(actor)

    def _got(self, reference: Any) -> Any:
        try:
            told = self._ray.get(reference)
        except self._ray.exceptions.RayError as fault:
            raise self._lost(fault) from None
        if isinstance(told, FakescanError):
            raise told
        return told

    def _lost(self, fault: Exception) -> Exception:
        if isinstance(fault, self._ray.exceptions.RayTaskError):
            what = str(fault).strip().splitlines()[-1]
            return FakescanError(f"internal error in a worker: {what}", "report this as a fault of fakescan")
        return WorkerLostError(type(fault).__name__)


class ClusterPart:
    """What runs in the actor. Faults are values: Ray wraps what is raised."""

    def __init__(self, options: ScanOptions, landmark: str | None) -> None:
        """Load nothing yet.

        Args:
            options: for this worker.
            landmark: a path that must be here too.
        """
        self._options = options
        self._landmark = landmark

    def start(self) -> Ready | FakescanError:
        """Load the model."""
        if self._landmark is not None and not Path(self._landmark).exists():
            return InputError(
                f"the worker on {platform.node()} does not see {self._landmark}",
                "give a folder that all machines see at the same place, or an address such as s3://bucket/folder",
            )
        try:
            self._part = PartScan(self._options, lambda: fakescan.engine_of(self._options)).__enter__()
        except FakescanError as fault:
            return fault
        return self._part.ready

    def scan(self, files: Sequence[AnyFound]) -> Iterator[Part | FakescanError]:
        """Rows of a block."""
        try:
            yield from self._part.scan(files)
        except FakescanError as fault:
            yield fault


def room_for(nodes: Sequence[dict[str, float]], options: ScanOptions) -> tuple[int, dict[str, float]]:
    """How many workers there are, and what each takes.

    Args:
        nodes: resources of each machine, as Ray names them.
        options: device and number as asked for.

    Returns:
        The number, and arguments of ``ray.remote``.

    Raises:
        ConfigError: the cluster has no such device, or not so many.
    """
    gpus = sum(int(node.get("GPU", 0)) for node in nodes)
    if options.device == "cuda" and not gpus:
        raise ConfigError(["device: no machine of the Ray cluster has a GPU"], "use --device cpu")
    if gpus and options.device != "cpu":
        count, most = options.ray_workers or gpus, gpus
        room = {"num_gpus": 1.0, "num_cpus": 1.0}
    else:
        processors = [int(node.get("CPU", 0)) for node in nodes]
        most = sum(processors)
        count = options.ray_workers or max(1, sum(number > 0 for number in processors))
        sizes = range(max(processors, default=0), 0, -1)
        each = next((size for size in sizes if sum(number // size for number in processors) >= count), 0)
        # Ray tells torch so many threads.
        room = {"num_gpus": 0.0, "num_cpus": float(each)}
    if not 0 < count <= most:
        what = "GPUs" if room["num_gpus"] else "processors"
        raise ConfigError([f"ray_workers: {count} workers, but the cluster has {most} {what}"], "ask for fewer")
    return count, room


def _ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise ConfigError(
            ["engine: ray needs the package ray"], "pip install 'fakescan-forensics[ray]' on every machine"
        ) from None
    return ray


def _connect(ray: Any) -> None:
    # Where Ray has to start a cluster of its own: it counts its users otherwise, over the network.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    on_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM) if on_main else None
    try:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, OSError) as fault:
        reason = (str(fault).strip() or type(fault).__name__).splitlines()[0]
        raise ConfigError(
            [f"engine: no Ray cluster to work with: {reason}"], "see RAY_ADDRESS and `ray status`"
        ) from None
    finally:
        if before is not None:
            # Ray puts its own in the place of ours, which keeps what was done.
            signal.signal(signal.SIGTERM, before)


def _as_seen_from_anywhere(options: ScanOptions) -> ScanOptions:
    """With full paths: a worker starts in another folder."""
    return replace(
        options,
        model=_full(options.model),
        calibration=_full(options.calibration),
        trust_list=_full(options.trust_list),
    )


def _full(name: str | None) -> str | None:
    """A path as it is from any folder; what is none here is left as it is."""
    if name is None or not Path(name).expanduser().exists():
        return name
    return os.path.abspath(Path(name).expanduser())  # noqa: PTH100 -- links stay as they are


def _landmark(options: ScanOptions) -> str | None:
    """The first path that is here, and so must be wherever a worker is."""
    local = (os.path.abspath(path) for path in options.paths if not is_address(path))  # noqa: PTH100
    return next((path for path in local if Path(path).exists()), None)
