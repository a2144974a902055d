"""Blocks of files: all of them, smaller towards the end, and never lost with a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fakescan.intake.discover import Found
from fakescan.pipeline.blocks import MAX_DEATHS, Block, Blocks


def found(count: int) -> list[Found]:
    return [Found(f"{number:04d}.png", Path(f"/in/{number:04d}.png")) for number in range(count)]


def cut(files: list[Found], *, count: int | None = None, workers: int = 2) -> Blocks:
    return Blocks(files, len(files) if count is None else count, workers, lambda file: f"stamp of {file.path}")


def all_of(blocks: Blocks, batch_size: int) -> list[Block]:
    taken = []
    while (block := blocks.next(batch_size)) is not None:
        taken.append(block)
    return taken


def names(*blocks: Block) -> list[str]:
    return [file.path for block in blocks for file in block.files]


def test_every_file_is_given_once_in_blocks_that_get_smaller() -> None:
    files = found(500)
    blocks = all_of(cut(files), 4)
    assert names(*blocks) == [file.path for file in files]
    sizes = [len(block.files) for block in blocks]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (32, 4)
    assert all(size % 4 == 0 for size in sizes)
    assert blocks[3].stamps == {name: f"stamp of {name}" for name in names(blocks[3])}


def test_files_are_taken_as_they_are_asked_for() -> None:
    taken: list[str] = []

    def files() -> Iterator[Found]:
        for file in found(100):
            taken.append(file.path)
            yield file

    blocks = Blocks(files(), 100, 2, lambda file: "")
    assert not taken
    first = blocks.next(2)
    assert first is not None
    assert taken == names(first)


def test_fewer_files_than_expected_or_none_are_no_fault() -> None:
    # Of a run that is gone on with, nobody knows beforehand how much is left.
    assert names(*all_of(cut(found(3), count=1000), 1)) == ["0000.png", "0001.png", "0002.png"]
    assert all_of(cut([], count=0), 8) == []


def test_what_a_dead_worker_left_is_given_again_whole_then_alone_then_blamed() -> None:
    blocks = cut(found(8), workers=1)
    first = blocks.next(4)
    assert first is not None
    assert blocks.back(first, {"0000.png", "0002.png"}) == []
    again = blocks.next(4)
    assert again is not None
    assert names(again) == ["0001.png", "0003.png"]
    assert again.stamps == {name: f"stamp of {name}" for name in names(again)}
    assert blocks.back(again, set()) == []
    alone = [blocks.next(4), blocks.next(4)]
    assert [names(block) for block in alone if block] == [["0001.png"], ["0003.png"]]
    assert alone[0] is not None
    assert [file.path for file in blocks.back(alone[0], set())] == ["0001.png"]
    assert MAX_DEATHS == 3
    # Nobody is given that one again; the others go on.
    assert names(*all_of(blocks, 4)) == ["0004.png", "0005.png", "0006.png", "0007.png"]


def test_a_worker_that_dies_after_its_last_row_costs_nothing() -> None:
    blocks = cut(found(2))
    block = blocks.next(2)
    assert block is not None
    assert blocks.back(block, set(names(block))) == []
    assert blocks.next(2) is None
