from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fakescan.core.records import Label, Scan
from fakescan.core.schema import scan_to_json
from fakescan.desk import bundle as bundles
from fakescan.desk import review as reviews
from fakescan.desk.rehash import State, check_inputs
from fakescan.desk.review import Decision
from fakescan.errors import InputError
from tests.unit.reports.conftest import build_result, build_scan

Members = dict[str, bytes]


@pytest.fixture
def sealed(tmp_path: Path, press_scan: Scan) -> tuple[Path, str]:
    path = tmp_path / "case.zip"
    return path, bundles.seal(press_scan, path, {"report.html": b"<p>page</p>"})


def members(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path: Path, change: Callable[[Members], None]) -> Path:
    content = members(path)
    change(content)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def test_a_bundle_that_nobody_touched(sealed: tuple[Path, str], press_scan: Scan) -> None:
    path, seal = sealed
    found = bundles.check(path)
    assert (found.faults, found.seal) == ((), seal)
    assert found.scan is not None
    assert scan_to_json(found.scan) == scan_to_json(press_scan)
    content = members(path)
    assert set(content) == {"scan.json", "report.html", "inputs.json", "environment.json", "chain.jsonl"}
    assert {item["state"] for item in json.loads(content["inputs.json"])} == {"missing"}
    assert [item.name for item in path.parent.iterdir()] == ["case.zip"]
    assert bundles.is_bundle(path)


def change(name: str, data: bytes) -> Callable[[Members], None]:
    def apply(content: Members) -> None:
        content[name] = data

    return apply


def edit_chain(old: bytes, new: bytes) -> Callable[[Members], None]:
    def apply(content: Members) -> None:
        assert old in content["chain.jsonl"]
        content["chain.jsonl"] = content["chain.jsonl"].replace(old, new, 1)

    return apply


def drop_line(content: Members) -> None:
    lines = content["chain.jsonl"].splitlines(keepends=True)
    content["chain.jsonl"] = b"".join([lines[0], *lines[2:]])


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        (change("report.html", b"<p>other</p>"), "report.html was changed"),
        (change("scan.json", b"{}"), "scan.json was changed"),
        (change("more.txt", b"x"), "more.txt was added"),
        (lambda content: content.pop("report.html"), "report.html is missing"),
        (edit_chain(b"2", b"3"), "line 1 of chain.jsonl was changed"),
        (drop_line, "line 2 of chain.jsonl was changed"),
        (change("chain.jsonl", b"\xff"), "chain.jsonl is damaged"),
        (change("chain.jsonl", b""), "chain.jsonl is damaged"),
        (change("chain.jsonl", b"[1]\n"), "chain.jsonl is damaged"),
    ],
)
def test_every_change_is_named(sealed: tuple[Path, str], attack: Callable[[Members], None], said: str) -> None:
    found = bundles.check(rewritten(sealed[0], attack))
    assert said in found.faults


@pytest.mark.parametrize("name", [bundles.reviews_name(1), bundles.reviews_name(2)])
def test_decisions_that_were_changed_before_the_sealing_are_told(tmp_path: Path, press_scan: Scan, name: str) -> None:
    place = tmp_path / "r.jsonl"
    reviews.add(place, press_scan.results[0], Decision.REAL, "J. Doe")
    whole = place.read_bytes()
    for content, said in (
        (whole, []),
        (whole.replace(b"J. Doe", b"J. Poe"), [f"line 1 of {name} is not as it was written"]),
        (
            b"\xff",
            [f"{name} is damaged: 'ascii' codec can't decode byte 0xff in position 0: ordinal not in range(128)"],
        ),
    ):
        bundles.seal(press_scan, tmp_path / "case.zip", {name: content})
        assert list(bundles.check(tmp_path / "case.zip").faults) == said


def test_a_chain_made_anew_has_another_seal(sealed: tuple[Path, str], press_scan: Scan, tmp_path: Path) -> None:
    forged = bundles.seal(press_scan, tmp_path / "forged.zip", {"report.html": b"<p>other</p>"})
    assert bundles.check(tmp_path / "forged.zip").faults == ()
    assert forged != sealed[1], "which is why the seal is kept apart"


def test_a_flipped_byte_of_the_packed_data_is_noticed(sealed: tuple[Path, str]) -> None:
    path = sealed[0]
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("scan.json")
        start = info.header_offset + 30 + len(info.filename) + 20
    raw = bytearray(path.read_bytes())
    raw[start] ^= 0xFF
    path.write_bytes(raw)
    assert any("scan.json" in fault for fault in bundles.check(path).faults)


@pytest.mark.parametrize("content", [b"", b"no zip"])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    with pytest.raises(InputError):
        bundles.check(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(InputError, match="no bundle"):
        bundles.check(path)


def test_inputs_are_hashed_again(tmp_path: Path) -> None:
    from hashlib import sha256

    names = ("same.png", "longer.png", "edited.png", "gone.png", "folder.png", "unread.png")
    results = []
    for name in names:
        result = build_result(name, Label.REAL, 0.1, digest=sha256(b"content").hexdigest())
        object.__setattr__(result.record.file, "size_bytes", len(b"content"))
        if name == "unread.png":
            object.__setattr__(result.record.file, "sha256", "")
        results.append(result)
    contents = {"same.png": b"content", "longer.png": b"content!", "edited.png": b"contenT", "unread.png": b"content"}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder.png").mkdir()
    scan = build_scan(results)
    found = {item.path: item.state for item in check_inputs(scan, tmp_path)}
    assert found == {
        "same.png": State.SAME,
        "longer.png": State.CHANGED,
        "edited.png": State.CHANGED,
        "gone.png": State.MISSING,
        "folder.png": State.UNREADABLE,
        "unread.png": State.NOT_RECORDED,
    }
    assert {item.path: item.state for item in check_inputs(scan, tmp_path, whole=True)} == found
    bundles.seal(scan, tmp_path / "case.zip", {}, root=tmp_path, trusted=True)
    told = {item.pop("path"): item for item in json.loads(members(tmp_path / "case.zip")["inputs.json"])}
    assert told == {
        name: {
            "state": found[name].value,
            "sha256": sha256(contents[name]).hexdigest() if name in contents else None,
            "size_bytes": len(contents[name]) if name in contents else None,
        }
        for name in names
    }


def test_a_report_learns_nothing_of_other_files(tmp_path: Path) -> None:
    """Its author may be somebody else, who would like to know how large a file is, and what is in it."""
    (tmp_path / "in").mkdir()
    for name in ("in/a.png", "secret"):
        (tmp_path / name).write_bytes(b"1234")
    results = [build_result(path) for path in ("a.png", "../secret", str(tmp_path / "secret"))]
    for size in (None, 4):
        for result in results:
            object.__setattr__(result.record.file, "size_bytes", size or result.record.file.size_bytes)
        for trusted, digests in ((False, 0), (True, 1)):
            bundles.seal(build_scan(results), tmp_path / "c.zip", {}, root=tmp_path / "in", trusted=trusted)
            told = json.loads(members(tmp_path / "c.zip")["inputs.json"])
            assert [item["state"] for item in told] == ["changed"] * 3
            assert [item["path"] for item in told if item["sha256"]] == ["a.png"] * digests
            assert {item["path"]: item["size_bytes"] for item in told if item["size_bytes"]} == {"a.png": 4}
