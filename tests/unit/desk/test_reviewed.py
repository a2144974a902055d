from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fakescan.core.records import Label, Scan
from fakescan.desk import review as reviews
from fakescan.desk.review import Decision
from fakescan.desk.reviewed import read_all, seen_from_start
from fakescan.errors import InputError
from fakescan.store.run_dir import default_folder
from tests.unit.reports.conftest import build_result, build_scan


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scan:
    """A scan that was started in ``tmp_path``, with names of every kind; looked at from elsewhere."""
    (tmp_path / "here").mkdir()
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return build_scan(
        [build_result("a.jpg", Label.FAKE, 0.93), build_result("b.jpg", Label.FAKE, 0.9)],
        root=str(tmp_path / "in"),
        options={"paths": ["in"], "run_dir": "run", "outputs": ["r.json", "json:s", "r.csv", "json:-", "odd:x:y"]},
    )


def decide(scan: Scan, place: Path, path: str = "a.jpg", decision: Decision = Decision.REAL) -> None:
    reviews.add(place, reviews.find(scan, path), decision, "x")


@pytest.mark.parametrize("made_on", ["run", "r.json", "s"])
@pytest.mark.parametrize("asked", ["run", "r.json", "s"])
def test_every_name_of_a_run_leads_to_its_decisions(started: Scan, tmp_path: Path, made_on: str, asked: str) -> None:
    decide(started, reviews.place_of(tmp_path / made_on))
    found = read_all(tmp_path / asked, started)
    assert [item.path for item in found.reviews] == ["a.jpg"]
    assert found.places == (found.home,)
    assert found.home.resolve() == reviews.place_of(tmp_path / made_on).resolve()


def test_a_run_without_decisions_keeps_them_beside_what_was_named(started: Scan, tmp_path: Path) -> None:
    for name in ("run", "r.json"):
        found = read_all(tmp_path / name, started)
        assert (found.reviews, found.places, found.home) == ((), (), reviews.place_of(tmp_path / name))


def test_the_folder_that_nobody_named_is_looked_at(started: Scan, tmp_path: Path) -> None:
    scan = build_scan(started.results, root=started.root, options={**started.options, "run_dir": None})
    folder = default_folder(scan)
    folder.mkdir(parents=True)
    decide(scan, folder / "reviews.jsonl")
    assert len(read_all(tmp_path / "r.json", scan).reviews) == 1


def test_of_two_places_the_later_decision_counts(
    started: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late = tmp_path / "run" / "reviews.jsonl", tmp_path / "r.json.reviews.jsonl"
    decide(started, late)
    decide(started, early, decision=Decision.FAKE)
    changed = {early: "2020-01-01T00:00:00Z", late: "2021-01-01T00:00:00Z"}
    read = reviews.read

    def dated(place: Path) -> tuple[list[reviews.Review], str]:
        found, last = read(place)
        return [replace(item, at=changed[place.resolve()]) for item in found], last

    monkeypatch.setattr(reviews, "read", dated)
    for name in ("run", "r.json"):
        found = read_all(tmp_path / name, started)
        assert [item.decision for item in found.current] == [Decision.REAL]
        assert len(found.places) == 2
        assert found.home == reviews.place_of(tmp_path / name)


def test_decisions_about_other_files_are_none_of_this_run(started: Scan, tmp_path: Path) -> None:
    """The report may have been written over by another scan, with decisions of its own."""
    other = build_scan([build_result("a.jpg", digest="e" * 64), build_result("z.jpg")])
    for path in ("a.jpg", "z.jpg"):
        decide(other, tmp_path / "r.json.reviews.jsonl", path)
    found = read_all(tmp_path / "run", started)
    assert (found.reviews, found.places, found.home) == ((), (), tmp_path / "run" / "reviews.jsonl")


def test_a_changed_file_in_the_other_place_is_told(started: Scan, tmp_path: Path) -> None:
    decide(started, tmp_path / "run" / "reviews.jsonl")
    text = (tmp_path / "run" / "reviews.jsonl").read_text()
    (tmp_path / "run" / "reviews.jsonl").write_text(text.replace('"decision": "real"', '"decision": "fake"'))
    with pytest.raises(InputError, match="line 1 of"):
        read_all(tmp_path / "r.json", started)


def test_paths_are_looked_for_from_the_start_and_from_here(started: Scan, tmp_path: Path) -> None:
    assert seen_from_start(started, "x") == [tmp_path / "x", Path("x")]
    assert seen_from_start(started, "/x") == [Path("/x")]
    assert seen_from_start(build_scan([], root="/w", options={"paths": ["/w"]}), "x") == [Path("x")]
