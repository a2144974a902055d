"""Files that were scanned over the network are not looked for on this disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fakescan.desk.rehash import State, check_inputs
from tests.support.builders import assessed, scan


def test_remote_files_are_neither_missing_nor_the_same() -> None:
    remote = replace(scan(assessed("a.png")), root="s3://bucket/in")
    mixed = scan(assessed("a.png"), assessed("s3://bucket/in/b.png"))
    assert [item.state for item in check_inputs(remote)] == [State.REMOTE]
    assert [item.state for item in check_inputs(mixed)] == [State.MISSING, State.REMOTE]


def test_a_folder_that_was_fetched_since_can_be_named(tmp_path: Path) -> None:
    remote = replace(scan(assessed("a.png")), root="s3://bucket/in")
    (tmp_path / "a.png").write_bytes(b"x")
    assert [item.state for item in check_inputs(remote, tmp_path)] == [State.CHANGED]
