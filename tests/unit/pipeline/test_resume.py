"""Resuming: new files first, touched files again, the rest unread; answers of earlier runs; parts of a scan."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fakescan.core.records import Label
from fakescan.core.schema import scan_to_dict
from fakescan.desk.merge import merge
from fakescan.errors import InputError
from fakescan.intake.discover import Found
from fakescan.intake.examine import Examined
from fakescan.intake.pool import DecodePool
from fakescan.intake.stamp import stamp_of
from fakescan.observer import Observer
from fakescan.pipeline import FinishedRun, run_scan
from fakescan.pipeline.resume import still_to_do
from fakescan.pipeline.shards import is_in_shard, part_of
from fakescan.store.journal import DoneFile, Journal
from fakescan.store.places import answers_file
from tests.support.builders import assessed
from tests.support.pictures import png
from tests.support.weightless import WeightlessEngine
from tests.unit.pipeline.test_run import many, options, rows, run


@dataclass(frozen=True)
class Item:
    """A file, and what the file system says of it now."""

    path: str
    now: str = "same"


def to_do(files: list[Item], done: list[DoneFile]) -> tuple[list[str], dict[str, int]]:
    told: Counter[str] = Counter()
    left = still_to_do(files, lambda: iter(done), lambda file: file.now, told.update)
    return [file.path for file in left], dict(told)


def test_new_files_come_first_then_touched_ones() -> None:
    files = [Item("a"), Item("b", "touched"), Item("c"), Item("d"), Item("e", "")]
    done = [DoneFile("a", "same", "real"), DoneFile("b", "same", "real"), DoneFile("bb", "same", "real")]
    done += [DoneFile("d", "same", "fake"), DoneFile("e", "", "real"), DoneFile("z", "same", "real")]
    assert to_do(files, done) == (["c", "b", "e"], {"real": 1, "fake": 1})


def test_nothing_done_and_nothing_to_do() -> None:
    assert to_do([Item("a"), Item("b")], []) == (["a", "b"], {})
    assert to_do([], [DoneFile("a", "same", "real")]) == ([], {})


def test_names_that_are_no_text_are_matched_in_order() -> None:
    names = sorted(["a", "\udc80", "\udcff", "\ue000", "\U00010000", "日本", "z/\udc80"])
    with Journal(None) as journal:
        journal.add([assessed(name) for name in names], "k", stamps=dict.fromkeys(names, "same"))
        assert [row.path for row in journal.done("k")] == names
        left = still_to_do(
            [Item(name) for name in names], lambda: journal.done("k"), lambda f: f.now, lambda told: None
        )
        assert list(left) == []


def test_rows_may_be_added_while_the_done_ones_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakescan.store.journal._PAGE_ROWS", 3)
    with Journal(None) as journal:
        journal.add([assessed(f"{number:02d}") for number in range(0, 20, 2)], "k")
        seen = []
        for row in journal.done("k"):
            seen.append(row.path)
            journal.add([assessed(row.path + "x")], "k")
        assert [path for path in seen if "x" not in path] == [f"{number:02d}" for number in range(0, 20, 2)]


def test_a_stamp_changes_with_every_write(tmp_path: Path) -> None:
    place = tmp_path / "a"
    place.write_bytes(b"1")
    assert stamp_of(place) == ""  # too new to tell anything
    before = time.time_ns() - 60_000_000_000
    os.utime(place, ns=(before, before))
    old = stamp_of(place)
    assert old
    assert stamp_of(place) == old
    place.write_bytes(b"2")
    os.utime(place, ns=(before, before))  # made to look as if nothing had happened
    assert stamp_of(place) != old
    assert stamp_of(tmp_path) == stamp_of(tmp_path / "none") == ""


def aged(folder: Path) -> Path:
    """The folder, with files that were written long ago."""
    before = time.time() - 3600
    for item in folder.rglob("*.png"):
        os.utime(item, (before, before))
    return folder


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the files that are examined."""
    seen: list[str] = []
    whole = DecodePool.examine

    def examine(self: DecodePool, found: Found) -> Examined:
        seen.append(found.path)
        return whole(self, found)

    monkeypatch.setattr(DecodePool, "examine", examine)
    return seen


def test_a_resumed_run_reads_only_what_is_new_or_touched(tmp_path: Path, examined: list[str]) -> None:
    pictures = aged(many(tmp_path / "in", 8))
    asked = options(pictures, run_dir=str(tmp_path / "run"), cache=False)
    first = run(asked)
    examined.clear()
    (pictures / "03.png").write_bytes(png(33))
    (pictures / "new.png").write_bytes(png(34))
    (pictures / "05.png").unlink()
    heard: list[tuple[Mapping[str, int], int, int]] = []

    class Listening(Observer):
        def resumed(self, labels: Mapping[str, int], done: int, total: int) -> None:
            heard.append((dict(labels), done, total))

    engine = WeightlessEngine()
    second = run(replace(asked, resume=True), engine, Listening())
    assert examined == ["new.png", "03.png"]
    assert sum(len(digests) for digests, _ in engine.batches) == 2
    assert [(sum(labels.values()), total) for labels, _, total in heard] == [(6, 8)]
    assert rows(second.scan) == rows(run(options(pictures, cache=False)).scan)
    assert rows(second.scan) != rows(first.scan)


@pytest.mark.parametrize("changed", [{"policy": "model"}, {"threshold": 0.9}, {"max_file_bytes": 10**7}])
def test_another_question_reads_the_files_again(
    tmp_path: Path, examined: list[str], changed: dict[str, object]
) -> None:
    pictures = aged(many(tmp_path / "in", 3))
    run(options(pictures, run_dir=str(tmp_path / "run")))
    examined.clear()
    engine = WeightlessEngine()
    second = run(options(pictures, run_dir=str(tmp_path / "run"), resume=True, **changed), engine)
    assert len(examined) == 3
    assert engine.batches == []  # what the model said does not depend on it
    assert rows(second.scan) == rows(run(options(pictures, cache=False, **changed)).scan)


# ---------------------------------------------------------------- answers of earlier runs


def test_answers_are_taken_from_earlier_runs_and_the_report_says_so(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 6)
    first = run(options(pictures))
    assert first.scan.from_cache == ()
    (pictures / "06.png").write_bytes(png(6))
    (pictures / "copy.png").write_bytes(png(0))
    engine = WeightlessEngine()
    second = run(options(pictures, run_dir=str(tmp_path / "run")), engine)
    assert sum(len(digests) for digests, _ in engine.batches) == 1
    new = {r.record.file.sha256 for r in second.scan.results if r.record.file.path == "06.png"}
    assert set(second.scan.from_cache) == {r.record.file.sha256 for r in second.scan.results} - new
    assert scan_to_dict(second.scan)["scan"]["from_cache"] == list(second.scan.from_cache)
    assert rows(second.scan) == rows(run(options(pictures, cache=False)).scan)
    # A resumed run still knows which they were.
    again = run(options(pictures, run_dir=str(tmp_path / "run"), resume=True))
    assert again.scan.from_cache == second.scan.from_cache


def test_without_the_cache_nothing_is_taken_or_kept(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 3)
    run(options(pictures, cache=False))
    assert not answers_file().exists()
    run(options(pictures))
    engine = WeightlessEngine()
    assert run(options(pictures, cache=False), engine).scan.from_cache == ()
    assert sum(len(digests) for digests, _ in engine.batches) == 3


def test_another_model_finds_nothing_in_the_cache(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 3)
    run(options(pictures))
    other = WeightlessEngine()
    other.identity = replace(other.identity, weights_sha256="1" * 64)
    assert run(options(pictures), other).scan.from_cache == ()


def test_a_damaged_cache_is_told_and_costs_nothing_else(tmp_path: Path) -> None:
    place = answers_file()
    place.parent.mkdir(parents=True)
    place.write_bytes(b"no database" * 500)
    warnings: list[str] = []

    class Heard(Observer):
        def warned(self, text: str) -> None:
            warnings.append(text)

    finished = run(options(many(tmp_path / "in", 3)), observer=Heard())
    assert len(finished.scan.results) == 3
    assert len(warnings) == 1
    assert "cache" in warnings[0]


def test_failures_are_not_kept_across_runs(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 1)
    first = run(options(pictures)).scan.results[0]
    failing = WeightlessEngine(fails_on=frozenset({first.record.file.sha256}))
    run(options(pictures, cache=False), failing)
    with sqlite3.connect(answers_file()) as connection:
        assert connection.execute("SELECT count(*) FROM answers").fetchone() == (1,)
    connection.close()


# ---------------------------------------------------------------- parts of a scan


def parts(tmp_path: Path, pictures: Path, count: int) -> Iterator[FinishedRun]:
    for number in range(1, count + 1):
        engine = WeightlessEngine()
        yield run_scan(
            options(pictures, shard=f"{number}/{count}", run_dir=str(tmp_path / f"part-{number}")),
            lambda engine=engine: engine,  # type: ignore[misc]
        )


def test_merged_parts_are_the_whole(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 12)
    (pictures / "copy.png").write_bytes(png(0))
    (pictures / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (pictures / "notes.txt").write_text("no picture")
    (pictures / ".hidden.png").write_bytes(png(1))
    done = list(parts(tmp_path, pictures, 3))
    assert all(0 < len(item.scan.results) < 14 for item in done)
    for item in done:
        assert len(item.scan.results) + len(item.scan.skipped) == 16
    whole = run(options(pictures, cache=False)).scan
    merged = merge({str(item.run_dir.path): item.scan for item in done}, scan_id="x", command="fakescan merge")
    assert rows(merged) == rows(whole)
    assert merged.skipped == whole.skipped
    assert merged.summary == whole.summary
    one, other = scan_to_dict(merged), scan_to_dict(whole)
    assert one["clusters"] == other["clusters"]
    assert one["model"] == other["model"]
    assert one["calibration"] == other["calibration"]


def test_near_duplicates_of_different_parts_are_compared_as_in_one_scan(tmp_path: Path) -> None:
    from tests.unit.pipeline.test_run import test_near_duplicates_with_opposite_verdicts_are_flagged as make

    make(tmp_path)
    pictures = tmp_path / "in"
    whole = run(options(pictures, cache=False)).scan
    done = list(parts(tmp_path, pictures, 4))
    merged = merge({str(item.run_dir.path): item.scan for item in done}, scan_id="x", command="")
    assert rows(merged) == rows(whole)


def test_parts_that_are_not_all_there_or_not_alike_are_refused(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 12)
    one, two = (item.scan for item in parts(tmp_path, pictures, 2))
    whole = run(options(pictures)).scan
    for given, words in (
        ({"one": one}, "missing: 2/2"),
        ({"one": one, "again": one}, "same part"),
        ({"one": one, "whole": whole}, "no part"),
        ({"one": one, "three": replace(two, options={**two.options, "shard": "2/3"})}, "others are of 2"),
        ({"one": one, "two": replace(two, options={**two.options, "policy": "model"})}, "another policy"),
        ({"one": one, "two": replace(two, calibration={})}, "another calibration"),
        ({"one": one, "two": replace(two, results=one.results)}, "in two of the parts"),
    ):
        with pytest.raises(InputError, match=words):
            merge(given, scan_id="x", command="")


def test_a_file_that_no_part_examined_is_not_lost(tmp_path: Path) -> None:
    pictures = many(tmp_path / "in", 12)
    one, two = (item.scan for item in parts(tmp_path, pictures, 2))
    lost = two.results[0].record.file.path
    merged = merge({"one": one, "two": replace(two, results=two.results[1:])}, scan_id="x", command="")
    assert [item.path for item in merged.skipped] == [lost]


def test_an_interrupted_part_makes_an_interrupted_whole(tmp_path: Path) -> None:
    one, two = (item.scan for item in parts(tmp_path, many(tmp_path / "in", 12), 2))
    assert merge({"one": one, "two": replace(two, interrupted=True)}, scan_id="x", command="").interrupted


def test_parts_are_told_by_the_name_alone_and_are_of_like_size() -> None:
    counts = Counter(part_of(f"folder/{number}.jpg", 4) for number in range(4000))
    assert set(counts) == {1, 2, 3, 4}
    assert min(counts.values()) > 900
    # Fixed for ever: parts that were scanned by two versions still fit together.
    assert [part_of(name, 8) for name in ("a.png", "b/c.jpg", "\udcff.png")] == [1, 8, 8]
    files = [Item(str(number)) for number in range(50)]
    assert all(sum(is_in_shard(f.path, f"{n}/3") for n in range(1, 4)) == 1 for f in files)


@pytest.mark.parametrize("wrong", ["0/2", "3/2", "x", "1/", "1/2/3", "-1/2", "1.5/2"])
def test_what_is_no_part_is_a_wrong_option(wrong: str) -> None:
    from fakescan.errors import ConfigError

    with pytest.raises(ConfigError, match="shard"):
        options(Path("x"), shard=wrong)


def test_labels_are_those_of_the_rows() -> None:
    with Journal(None) as journal:
        journal.add([assessed("a", 9.0), assessed("b", -9.0)], "k")
        assert [row.label for row in journal.done("k")] == [Label.FAKE, Label.REAL]
