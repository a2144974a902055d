from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fakescan.core.records import EvidenceStatus, Failure
from fakescan.core.views import Views
from fakescan.errors import FakescanError
from fakescan.intake import pool as pool_module
from fakescan.intake.decode import DecodedImage, out_of_memory
from fakescan.intake.discover import Found
from fakescan.intake.examine import Examined, Step
from fakescan.intake.limits import Limits
from fakescan.intake.pool import DecodePool
from fakescan.intake.views import view_of, views_in
from fakescan.intake.watch import Budget
from fakescan.intake.worker import Worker
from tests.support.pictures import png
from tests.unit.intake.bad_readers import HERE

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
BOUNDED = pytest.mark.parametrize("watch", [None, True], ids=["as here", "measured"])
"""Memory is bounded by the system where it can, and by measuring where it cannot; that way must hold everywhere."""


def found(path: Path) -> Found:
    return Found(path.name, path)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(png(5))
    return path


def slow_picture(place: Path) -> Path:
    """A picture of 90 megapixels: a small file that takes a while."""
    path = place / "slow.png"
    Image.new("1", (10_000, 9_000)).save(path)
    return path


def readers(*names: str) -> dict[str, str]:
    return {name: f"{HERE}:{name}" for name in names}


def statuses(examined: Examined) -> dict[str, EvidenceStatus]:
    return {item.reader: item.status for item in examined.evidence}


@pytest.mark.parametrize("in_process", [True, False])
def test_everything_about_a_file_at_once(picture: Path, in_process: bool) -> None:
    with DecodePool(readers=readers("Reader"), in_process=in_process) as pool:
        examined = pool.examine(found(picture))
    assert examined.failure is None
    assert examined.image is not None
    record = examined.record
    assert (record.file.path, record.file.media_type) == ("a.png", "image/png")
    assert record.file.sha256 == examined.image.sha256 == hashlib.sha256(png(5)).hexdigest()
    assert (record.width_px, record.height_px, record.frame_count, record.orientation) == (320, 240, 1, None)
    assert record.kind is not None
    assert [(item.name, item.value) for item in examined.evidence] == [("size", str(len(png(5))))]
    assert set(examined.timings_s) == {"read", "evidence", "decode"}
    assert examined.image.image.tobytes() == Image.open(BytesIO(png(5))).convert("RGB").tobytes()


@pytest.mark.parametrize("in_process", [True, False])
def test_the_kind_is_told_where_somebody_asks(picture: Path, in_process: bool) -> None:
    with DecodePool(in_process=in_process) as pool:
        asked = pool.examine(found(picture)).record
        pool.kinds = False
        not_asked = pool.examine(found(picture)).record
    assert asked.kind is not None
    assert not_asked == replace(asked, kind=None)


def test_the_picture_of_a_worker_is_an_ordinary_one(picture: Path) -> None:
    with DecodePool() as pool:
        decoded = pool.decode(picture)
    assert isinstance(decoded, DecodedImage)
    assert decoded.image.mode == "RGB"
    copy = decoded.image.copy()
    decoded.image.putpixel((0, 0), (1, 2, 3))
    assert copy.getpixel((0, 0)) != (1, 2, 3)


def test_bytes_are_decoded_too() -> None:
    with DecodePool() as pool:
        decoded = pool.decode(png(9))
        empty = pool.decode(b"")
    assert isinstance(decoded, DecodedImage)
    assert decoded.sha256 == hashlib.sha256(png(9)).hexdigest()
    assert isinstance(empty, Failure)
    assert empty.code == "empty-file"


def test_the_process_loads_no_model_library(picture: Path) -> None:
    with DecodePool(readers=readers("Torch")) as pool:
        examined = pool.examine(found(picture))
    assert [item.value for item in examined.evidence] == [""]


@pytest.mark.parametrize("name", ["Hanging", "Dying", "Raising"])
def test_a_bad_reader_costs_its_evidence_and_nothing_else(picture: Path, name: str) -> None:
    with DecodePool(limits=Limits(timeout_s=6.0), readers=readers("Reader", name)) as pool:
        examined = pool.examine(found(picture))
        again = pool.decode(picture)
    assert examined.image is not None
    assert statuses(examined) == {"bad": EvidenceStatus.FIRED, name: EvidenceStatus.FAILED}
    assert isinstance(again, DecodedImage)


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[Worker]:
    """All processes that pools start."""
    begun: list[Worker] = []

    def hired(limits: Limits) -> Worker:
        begun.append(Worker(limits))
        return begun[-1]

    monkeypatch.setattr(pool_module, "Worker", hired)
    return begun


@pytest.mark.parametrize("is_warm", [False, True])
def test_what_is_slow_without_hanging_takes_one_process(picture: Path, workers: list[Worker], is_warm: bool) -> None:
    with DecodePool(limits=Limits(timeout_s=600.0, wall_timeout_s=6.0), readers=readers("Slow")) as pool:
        for _ in range(1 + is_warm):
            examined = pool.examine(found(picture))
    assert examined.image is not None
    assert statuses(examined) == {"bad": EvidenceStatus.FIRED}
    assert len(workers) == 1


@pytest.mark.parametrize("names", [(), ("Reader", "Torch")])
def test_a_slow_picture_takes_one_process(
    tmp_path: Path, picture: Path, workers: list[Worker], names: tuple[str, ...]
) -> None:
    slow = slow_picture(tmp_path)
    with DecodePool(readers=readers(*names)) as pool:
        taken_s = pool.examine(found(slow)).timings_s["decode"]
    # Longer than a process may say nothing or a reader may take, less than a file may.
    with DecodePool(limits=Limits(timeout_s=2.6 * taken_s), readers=readers(*names)) as pool:
        pool.examine(found(picture))
        examined = pool.examine(found(slow))
    assert examined.image is not None
    assert len(workers) == 2


@pytest.mark.parametrize(("name", "most"), [("Hanging", 2), ("Looping", 2), ("Dying", 3)])
@pytest.mark.parametrize("is_warm", [False, True])
def test_what_is_known_to_hang_is_not_asked_again(
    picture: Path, workers: list[Worker], name: str, most: int, is_warm: bool
) -> None:
    with DecodePool(limits=Limits(timeout_s=6.0), readers=readers(name)) as pool:
        if is_warm:
            pool.decode(picture)
        examined = pool.examine(found(picture))
    assert examined.image is not None
    assert statuses(examined) == {name: EvidenceStatus.FAILED}
    assert len(workers) <= most


class Crumbly(Worker):
    """Has no memory left after the first file."""

    def steps(
        self, request: dict[str, Any], body: bytes = b"", *, budget: Budget | None = None
    ) -> Generator[Step, None, None]:
        if self.files:
            self.files += 1
            yield out_of_memory()
        else:
            yield from super().steps(request, body, budget=budget)


def test_a_used_process_without_memory_is_replaced(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Worker] = []

    def hired(limits: Limits) -> Worker:
        begun.append(Crumbly(limits))
        return begun[-1]

    monkeypatch.setattr(pool_module, "Worker", hired)
    with DecodePool() as pool:
        assert [type(pool.decode(picture)) for _ in range(2)] == [DecodedImage, DecodedImage]
        assert [worker.is_alive for worker in begun] == [False, True]


@BOUNDED
def test_a_greedy_reader_meets_the_memory_limit(picture: Path, watch: bool | None) -> None:
    limits = Limits(memory_bytes=600_000_000, watch_memory=watch)
    with DecodePool(limits=limits, readers=readers("Greedy")) as pool:
        examined = pool.examine(found(picture))
    assert examined.image is not None
    assert statuses(examined) == {"Greedy": EvidenceStatus.FAILED}


@BOUNDED
def test_too_little_memory_is_an_error_of_the_file(tmp_path: Path, picture: Path, watch: bool | None) -> None:
    with DecodePool(limits=Limits(memory_bytes=300_000_000, watch_memory=watch)) as pool:
        assert isinstance(pool.decode(picture), DecodedImage)
        failure = pool.decode(slow_picture(tmp_path))
        assert isinstance(pool.decode(picture), DecodedImage)
    assert isinstance(failure, Failure)
    assert failure.code == "out-of-memory"


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_where_the_system_keeps_no_limit_workers_are_measured(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert (Limits().watched_bytes is None) == (system == "linux")
    assert Limits(watch_memory=False).watched_bytes is None
    watched = Limits(watch_memory=True).watched_bytes
    assert watched is not None
    assert watched < Limits().address_space_bytes < 2 * 2**30


def test_several_hanging_readers_share_one_time_limit(picture: Path) -> None:
    limits = Limits(timeout_s=6.0)
    names = {f"hangs{number}": f"{HERE}:Hanging" for number in range(5)}
    with DecodePool(limits=limits, readers=names) as pool:
        examined = pool.examine(found(picture))
    assert examined.failure is not None
    assert examined.failure.code == "timeout"
    # A third of the time each: two were given up, the third used up what was left.
    assert list(statuses(examined).values()).count(EvidenceStatus.FAILED) in (2, 3)


@pytest.mark.parametrize(
    ("reader", "limits"),
    [
        ("Looping", Limits(timeout_s=1.5, wall_timeout_s=600.0)),
        ("Hanging", Limits(timeout_s=600.0, wall_timeout_s=3.0)),
    ],
    ids=["processor", "wall"],
)
def test_each_clock_ends_what_uses_it(picture: Path, reader: str, limits: Limits) -> None:
    names = {f"{reader}{number}": f"{HERE}:{reader}" for number in range(4)}
    began = time.monotonic()
    with DecodePool(limits=limits, readers=names) as pool:
        examined = pool.examine(found(picture))
    assert examined.failure is not None
    assert (examined.failure.step, examined.failure.code) == ("decode", "timeout")
    assert examined.failure.message == f"examining the file took longer than {limits.timeout_s:g} s"
    assert time.monotonic() - began < 300


def test_only_the_views_of_a_picture_are_carried(picture: Path) -> None:
    views = Views(("square", "native", "pad"), 64, (1, 2, 3))
    with DecodePool() as pool:
        whole = pool.decode(picture)
        pool.views = views
        seen = pool.decode(picture)
    assert isinstance(whole, DecodedImage)
    assert isinstance(seen, DecodedImage)
    assert seen.image.size == (64, 192)
    assert seen.views == views
    assert (seen.width_px, seen.height_px, seen.kind, seen.phash) == (320, 240, whole.kind, whole.phash)
    expected = [view_of(whole.image, view, views).tobytes() for view in views.names]
    assert [view.tobytes() for view in views_in(seen.image, views)] == expected
    assert whole.seen_through(views).image.tobytes() == seen.image.tobytes()


def test_a_file_that_takes_too_long_is_an_error(tmp_path: Path, picture: Path) -> None:
    with DecodePool(limits=Limits(timeout_s=0.2)) as pool:
        examined = pool.examine(found(slow_picture(tmp_path)))
    assert examined.failure is not None
    assert examined.failure.code == "timeout"
    assert examined.record.file.path == "slow.png"
    assert examined.record.file.size_bytes > 0


def test_a_crash_of_the_decoder_is_an_error_with_what_was_known(tmp_path: Path) -> None:
    path = slow_picture(tmp_path)
    with DecodePool(readers=readers("TimeBomb")) as pool:
        examined = pool.examine(found(path))
    assert examined.failure is not None
    assert examined.failure.code == "decoder-crashed"
    assert examined.record.file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert statuses(examined) == {"TimeBomb": EvidenceStatus.SILENT}


def test_a_file_is_not_blamed_for_what_another_one_did(picture: Path) -> None:
    with DecodePool(readers=readers("DyingSecond", "Reader")) as pool:
        for _ in range(3):
            examined = pool.examine(found(picture))
            assert examined.image is not None
            assert statuses(examined) == {"DyingSecond": EvidenceStatus.SILENT, "bad": EvidenceStatus.FIRED}


def test_a_file_is_asked_of_a_new_process_even_if_another_is_free(picture: Path) -> None:
    with DecodePool(2, readers=readers("DyingSecond", "Slow")) as pool:
        with ThreadPoolExecutor(2) as threads:  # each process has its first file
            list(threads.map(pool.examine, [found(picture)] * 2))
        examined = pool.examine(found(picture))
    assert statuses(examined) == {"DyingSecond": EvidenceStatus.SILENT, "bad": EvidenceStatus.FIRED}


def test_noise_on_the_standard_streams_reaches_nobody(picture: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with DecodePool(readers=readers("Noisy")) as pool:
        assert pool.examine(found(picture)).image is not None
    assert capfd.readouterr() == ("", "")


def test_several_threads_share_the_processes(tmp_path: Path) -> None:
    paths = []
    for seed in range(12):
        paths.append(tmp_path / f"{seed}.png")
        paths[-1].write_bytes(png(seed))
    with DecodePool(2) as pool, ThreadPoolExecutor(4) as threads:
        digests = [each.record.file.sha256 for each in threads.map(lambda path: pool.examine(found(path)), paths)]
    assert digests == [hashlib.sha256(png(seed)).hexdigest() for seed in range(12)]


def test_closing_ends_what_is_under_way(picture: Path) -> None:
    pool = DecodePool(readers=readers("Hanging"), limits=Limits(timeout_s=30))
    faults: list[BaseException] = []

    def examine() -> None:
        try:
            pool.examine(found(picture))
        except FakescanError as fault:
            faults.append(fault)

    thread = threading.Thread(target=examine)
    thread.start()
    time.sleep(1.0)
    pool.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(faults) == 1
    with pytest.raises(FakescanError, match="ended"):
        pool.decode(picture)


def test_a_process_that_cannot_start_is_said_once_and_clearly(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(picture.parent / "no-python"))
    with DecodePool() as pool, pytest.raises(FakescanError, match="does not start"):
        pool.decode(picture)


@POSIX
@pytest.mark.parametrize(("how", "hangs"), [("SIGINT", "1"), ("SIGKILL", "")])
def test_no_process_outlives_the_program(picture: Path, tmp_path: Path, how: str, hangs: str) -> None:
    program = (
        "import signal, sys, time\n"
        # a shell's background jobs ignore it, and pass that on
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pathlib import Path\n"
        "from fakescan.intake.discover import Found\n"
        "from fakescan.intake.pool import DecodePool\n"
        "with DecodePool(readers={'tells': sys.argv[2]}) as pool:\n"
        "    pool.examine(Found('a', Path(sys.argv[1])))\n"
        "    time.sleep(60)\n"
    )
    told = tmp_path / "pid"
    environment = {
        **os.environ,
        "BAD_READER_TELLS": str(told),
        "BAD_READER_HANGS": hangs,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    started = subprocess.Popen(
        [sys.executable, "-c", program, str(picture), f"{HERE}:HangingAndTelling"],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: told.is_file() and told.read_text() != "")
    time.sleep(0.2)
    started.send_signal(getattr(signal, how))
    started.wait(20)
    number = int(told.read_text())
    wait_until(lambda: not is_running(number))


def test_a_process_without_a_parent_ends_itself() -> None:
    code = (
        "import time; from fakescan.intake.child import ended_after\n"
        "with ended_after(60): time.sleep(0.1)\n"
        "with ended_after(0.3): pass\n"
        "time.sleep(0.6); print('alive', flush=True)\n"
        "with ended_after(0.3):\n"
        "    while True: pass\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=False)
    assert done.returncode != 0
    assert done.stdout.split() == [b"alive"]


def wait_until(holds: object, seconds_s: float = 20.0) -> None:
    end = time.monotonic() + seconds_s
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


def is_running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    # A process without a parent stays listed until somebody collects it.
    state = Path(f"/proc/{number}/stat")
    return not (state.is_file() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_a_pool_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        DecodePool(0)
