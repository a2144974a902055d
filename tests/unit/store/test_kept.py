from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fakescan.core.duplicates import clusters_of, compared, outlines_of
from fakescan.core.records import ImageResult, Label
from fakescan.core.result_schema import result_from_dict, result_to_dict
from fakescan.core.schema import json_parts, scan_to_dict, scan_to_json
from fakescan.store import kept as module
from fakescan.store.kept import KeptResults, Row
from tests.support.builders import assessed, failed, scan

PHASHES = ["0" * 32, "0" * 31 + "3", "f" * 32, None]


def several(count: int = 40) -> tuple[ImageResult, ...]:
    """Some that failed, some without a hash, some copies, and near-duplicates that got opposite verdicts."""
    found = []
    for number in range(count):
        path = f"{number:03d} \udcff\U0001f3a8.jpg"
        result = failed(path) if number % 7 == 3 else assessed(path, 6.0 if number % 2 else -6.0)
        file = replace(result.record.file, sha256=f"{number // 2:064x}")
        record = replace(result.record, file=file, phash=PHASHES[number % 4])
        # As it comes out of a journal.
        found.append(result_from_dict(result_to_dict(replace(result, record=record))))
    return tuple(found)


def rows(results: Sequence[ImageResult]) -> list[Row]:
    return [Row(result, json.dumps(result_to_dict(result))) for result in results]


@pytest.fixture(params=[1_000_000, 100], ids=["small", "in a file"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "_IN_MEMORY_BYTES", request.param)
    return tmp_path


def test_they_are_what_a_tuple_would_be(folder: Path) -> None:
    told = several()
    kept, plain = KeptResults(rows(told), folder), compared(told)
    assert kept == plain
    assert plain == kept
    assert tuple(kept) == plain
    assert (len(kept), kept[3], kept[-1], kept[2:5]) == (len(plain), plain[3], plain[-1], plain[2:5])
    assert plain != told, "the comparison has something to say"
    assert kept != plain[:-1]
    assert kept != told
    with pytest.raises(IndexError):
        kept[len(plain)]


def test_every_report_of_them_is_the_same(folder: Path) -> None:
    told = several()
    plain = replace(scan(), results=compared(told))
    kept = replace(plain, results=KeptResults(rows(told), folder))
    assert kept.summary == plain.summary
    assert {"fake", "real", "error"} <= {name for name, count in plain.summary.items() if count}
    assert clusters_of(kept.results) == clusters_of(plain.results) != ()
    assert list(outlines_of(kept.results)) == list(outlines_of(plain.results))
    assert scan_to_json(kept) == scan_to_json(plain)
    assert kept == plain


def test_copies_are_tuples_that_need_no_file(folder: Path) -> None:
    told = several(5)
    kept = KeptResults(rows(told), folder)
    copies = [copy.copy(kept), copy.deepcopy(kept), pickle.loads(pickle.dumps(kept))]  # noqa: S301 -- ours
    del kept
    assert copies == [compared(told)] * 3
    assert all(isinstance(one, tuple) for one in copies)
    assert list(folder.iterdir()) == []


def test_none_at_all(folder: Path) -> None:
    kept = KeptResults([], folder)
    assert not kept
    assert tuple(kept) == ()
    assert kept == ()
    assert scan_to_json(replace(scan(), results=kept)) == scan_to_json(replace(scan(), results=()))


def test_the_text_in_pieces_is_that_of_the_whole_document() -> None:
    told = replace(scan(), results=several(9), command='\n  "results": []')
    whole = json.dumps(scan_to_dict(told), indent=2, ensure_ascii=True, allow_nan=False) + "\n"
    assert "".join(json_parts(told)) == whole
    assert max(map(len, json_parts(told))) < len(whole) / 2


def test_labels_are_told_without_reading() -> None:
    assert set(Label) == set(module._LABELS)
